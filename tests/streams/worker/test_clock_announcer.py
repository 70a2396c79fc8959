"""What a worker tells all partitions of its feeds: every bin in which one spoke, and when another bin may close."""

from __future__ import annotations

from detectors.watermark import TimeRule
from streams.pipeline.shard import outages_of
from streams.state.measurement_stage import MeasurementStage
from streams.worker.clock_announcer import KEPT, ClockAnnouncer
from tests.streams import helpers
from tests.streams.helpers import HOUR, START
from tests.streams.state.test_measurement_stage import BINS, IDLE, feed, hear_all, lively, opened

RULE = TimeRule(3600, 600.0, 600.0)


def test_each_bin_is_told_once_and_the_newest_again_when_a_bin_may_close() -> None:
    """The last time told is the newest itself: first as it opens its bin, then as the bin before may close."""
    announcer = ClockAnnouncer(RULE)
    assert announcer.due([0], 10.0) == [10.0]
    assert announcer.due([0], 599.0) == []
    assert announcer.due([0], 601.0) == [601.0]
    assert announcer.due([0, 3600, 7200], 7300.0) == [3600.0, 7300.0]
    assert announcer.due([3600, 7200], 7900.0) == [7900.0]
    assert announcer.due([7200], 8000.0) == []


def test_a_partition_that_is_behind_tells_what_was_not_heard_and_nothing_else() -> None:
    """Old bins in which the feed was silent elsewhere are news, and time does not go back by them."""
    announcer = ClockAnnouncer(RULE)
    announcer.due([0, 10_800], 11_500.0)
    assert announcer.due([0, 3600], 5000.0) == [5000.0]
    assert announcer.due([3600], 6000.0) == []


def test_what_was_told_is_not_remembered_for_ever() -> None:
    """The newest bins are, which is what partitions in step need."""
    announcer = ClockAnnouncer(RULE)
    starts = [3600 * n for n in range(KEPT + 1)]
    assert len(announcer.due(starts, starts[-1])) == KEPT + 1
    assert announcer.due(starts[-KEPT // 2 :], starts[-1]) == []
    assert announcer.due(starts[:1], starts[-1]) == [0.0]


def test_many_bins_in_one_batch_are_heard_one_by_one() -> None:
    """A partition that is silent tells its networks dark, also if another caught up hours in one batch."""
    other = MeasurementStage(helpers.settings(("count",)), 1, {}, 0.0)
    feed(other, lively(bins=BINS + 4, asns=1), 0)
    times = ClockAnnouncer(other.settings.time_rule("count")).due(
        other.shard.spoke()["count"], other.shard.newest()["count"]
    )
    at_once, one_by_one = opened(), opened()
    for time in times:
        at_once.hear("count", time)
    hear_all(one_by_one, BINS + 3)
    told = outages_of(at_once.follow(0, IDLE))
    assert told == outages_of(one_by_one.follow(0, IDLE))
    assert {outage.entity for outage in told if outage.state == "open"} == {f"asn/{n}" for n in range(1, 7)}
    assert times[-1] > START + (BINS + 3) * HOUR
    assert other.shard.spoke() == {}
