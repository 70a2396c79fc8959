"""A stopped feed is reported as stalled, and nothing else happens."""

from __future__ import annotations

from streams.state.measurement_stage import MeasurementStage
from streams.worker.feed_liveness import FeedLiveness
from streams.worker.scrape import refresh
from tests.streams import helpers
from tests.streams.helpers import HOUR, START, message, records
from tests.streams.worker.web.site import worker_of

LIMIT = 2 * HOUR + 600.0


def test_a_feed_is_stalled_once_its_time_has_not_moved_for_its_limit() -> None:
    """A newer time restarts the wait, an older one does not, and a feed without measurements is not stalled."""
    liveness = FeedLiveness({"count": 100.0, "gauge": 100.0})
    liveness.note({"count": 5.0}, 0.0)
    liveness.note({"count": 5.0}, 90.0)
    assert (liveness.stalled(100.0), liveness.stalled(100.1)) == ({"count": False}, {"count": True})
    liveness.note({"count": 6.0}, 101.0)
    liveness.note({"count": 5.5}, 150.0)
    assert (liveness.stalled(200.0), liveness.seconds(200.0)) == ({"count": False}, {"count": 99.0})


def test_a_stopped_feed_is_stalled_and_has_no_outages() -> None:
    """One of two feeds stops while the other goes on for ten hours: two metrics say so, no outage, nothing dead."""
    settings = helpers.settings(("count", "gauge"))
    worker = worker_of(settings)
    worker.partitions[0] = partition = MeasurementStage(settings, 0, {}, 0.0)
    outages, dead = [], []
    for hour in range(20):
        worker.clock = lambda now=float(hour * HOUR): now  # type: ignore[misc]
        feeds = ("count", "gauge") if hour < 10 else ("gauge",)
        values = [
            message(feed, START + hour * HOUR + quarter * 900 + asn, asn, value=20)
            for quarter in range(4)
            for feed in feeds
            for asn in range(1, 7)
        ]
        emitted = partition.process(records(values, partition.applied + 1), worker.clock())
        outages += emitted.outages
        dead += emitted.dead_letters
        worker.note_time()
        refresh(worker)
        sample = worker.metrics.registry.get_sample_value
        stalled = {feed: sample("ebbtide_feed_stalled", {"feed": feed}) for feed in settings.feeds}
        assert stalled == {"count": float(hour > 11), "gauge": 0.0}
    assert worker.metrics.registry.get_sample_value("ebbtide_feed_silence_seconds", {"feed": "count"}) == 10 * HOUR
    assert (outages, dead) == ([], [])


def test_measurements_in_other_partitions_end_the_silence() -> None:
    """The networks of this partition are dark and the feed is not, as the clock of other partitions shows."""
    settings = helpers.settings(("count",))
    worker = worker_of(settings)
    worker.partitions[0] = partition = MeasurementStage(settings, 0, {}, 0.0)
    partition.process(records([message("count", START)]), 0.0)
    worker.note_time()
    worker.clock = lambda: LIMIT + 1
    partition.note_clock("count", START + 2 * HOUR)
    worker.note_time()
    assert worker.liveness.stalled(LIMIT + 1) == {"count": False}
