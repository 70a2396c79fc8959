"""The metrics page: its formats, its size, and that each scrape shows the present state."""

from __future__ import annotations

import msgspec
import pytest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from detectors.incidents.model import DOUBTED_FEED, STOPPED_FEED, TrackedIncident
from streams.config.settings import MetricsSettings
from streams.pipeline.incidents.feed_faults import opened
from streams.worker.scrape import read, written
from tests.benchmarks import scrape
from tests.benchmarks.messages import FIRST_ASN
from tests.streams.worker.exposition.made import WATCHED, Full, full

PROMETHEUS = (  # what Prometheus 2.42 sends
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.fixture(scope="module")
def worker() -> Full:
    """A worker of some hundred series with the limits of the defaults."""
    return full(MetricsSettings(watch=WATCHED))


def test_openmetrics_has_exemplars(worker: Full) -> None:
    """The delay's bucket names the outage; without `Accept` there is the plain format, which has no room for it."""
    reading = read(worker.worker)
    kinds = {
        accept: written(worker.worker.metrics, reading, accept).headers["Content-Type"] for accept in (PROMETHEUS, "")
    }
    assert kinds[PROMETHEUS].startswith("application/openmetrics-text; version=1.0.0")
    assert kinds[""] == CONTENT_TYPE_PLAIN_0_0_4
    exemplar = f'# {{outage_id="{1:016x}"}}'.encode()
    assert exemplar in scrape.page(worker.worker, PROMETHEUS)
    assert exemplar not in scrape.page(worker.worker, "")


def test_the_delay_is_from_the_end_of_the_bin_to_now(worker: Full) -> None:
    """By the given wall clock; an event from its future counts as no delay."""
    metrics = worker.worker.metrics
    end = 1577253900.0  # 2019-12-25T06:05:00Z
    for now in (end + 7.0, end - 3.0):
        metrics.wall = lambda now=now: now  # type: ignore[misc]
        before = metrics.registry.get_sample_value("ebbtide_bin_to_event_seconds_sum", {"feed": "signal3"})
        metrics.outage_sent(scrape.outage(5, worker.crowd, feed="signal3"))
        after = metrics.registry.get_sample_value("ebbtide_bin_to_event_seconds_sum", {"feed": "signal3"})
        assert before is not None
        assert after is not None
        assert after - before == pytest.approx(max(0.0, now - end), abs=1e-3)


def test_an_outage_that_is_over_is_gone_from_the_next_page(worker: Full) -> None:
    """Nothing of it lingers, and what the limit had left out moves up."""
    gone = worker.families()["ebbtide_outage_value"].samples[0].labels["outage_id"]
    for partition in worker.worker.partitions.values():
        partition.open_outages.pop(gone, None)
    page = worker.families()
    assert gone not in {sample.labels["outage_id"] for sample in page["ebbtide_outage_value"].samples}
    assert len(page["ebbtide_outage_value"].samples) == worker.settings.metrics.max_outages


def test_outages_under_a_feed_fault_are_counted(worker: Full) -> None:
    """Those that incidents of any worker have under a fault, whatever their partition thinks, while they run; the
    incident once, however many revisions it has.
    """
    partition, state = worker.worker.partitions[0], worker.worker.metrics.state
    assert state is not None
    fault = msgspec.structs.replace(scrape.incident(1, [2007]), kinds=["feed-fault"], feeds=["signal2"])
    alone = msgspec.structs.replace(scrape.outage(2008, worker.crowd, feed="signal1"), explain={"held": "feed"})
    partition.open_outages |= {"open": scrape.outage(2007, worker.crowd, feed="signal2"), "doubted": alone}
    before, state.of_all = state.of_all, lambda: [fault]
    for revision in (1, 2):
        worker.worker.metrics.incident_sent(msgspec.structs.replace(fault, revision=revision))
    counts = {name: dict(_samples(worker, name)) for name in ("ebbtide_held_outages", "ebbtide_feed_faults")}
    state.of_all = before
    del partition.open_outages["open"], partition.open_outages["doubted"]
    assert {name: {feed for feed, value in by_feed.items() if value} for name, by_feed in counts.items()} == {
        "ebbtide_held_outages": {"signal2"},
        "ebbtide_feed_faults": {"signal2"},
    }
    assert counts["ebbtide_feed_faults"]["signal2"] == 1
    assert not any(value for _, value in _samples(worker, "ebbtide_held_outages"))


def test_a_fault_is_one_of_the_whole_feed(worker: Full, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition that sees a fault by itself shows none; what all fall in together is one, until it is over, and a
    worker without the incidents says nothing.
    """
    stages, mine = worker.worker.grouping.stages, worker.worker.grouping.stages[0]
    names = dict.fromkeys(worker.settings.feeds, 0.0)
    worker.worker.partitions[0].shard.feeds["signal1"].detector.scalars["fault"] = 1.0
    assert dict(_samples(worker, "ebbtide_feed_fault")) == names
    for kind, refuted, expected in ((DOUBTED_FEED, False, 1.0), (DOUBTED_FEED, True, 0.0), (STOPPED_FEED, False, 0.0)):
        fault = TrackedIncident("feed-fault/a", 0.0, None, "signal2", refuted)
        fault.outages["a"] = opened(kind, "signal2", 0.0, 3600.0, 3600.0)
        mine.grouping.state.incidents[fault.root] = fault
        mine.at_fault = mine.grouping.at_fault()
        assert dict(_samples(worker, "ebbtide_feed_fault")) == {**names, "signal2": expected}
    with monkeypatch.context() as patch:
        patch.setattr(worker.worker.guard, "is_refused", lambda tp: tp.topic == worker.settings.kafka.findings)
        assert _samples(worker, "ebbtide_feed_fault") == []  # it is read no more, so what it said last is old
    del mine.grouping.state.incidents["feed-fault/a"], stages[0]
    stages[1] = mine  # a worker of another partition has a stage that gets no report
    assert _samples(worker, "ebbtide_feed_fault") == []
    stages[0] = stages.pop(1)


def test_a_scrape_reads_no_incidents_that_a_thread_groups(worker: Full, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dictionary that changes while it is read is an error, and the page would be one: in a storm."""
    mine = worker.worker.grouping.stages[0]
    monkeypatch.setattr(mine.grouping.state, "incidents", None)
    assert b"ebbtide_feed_fault{" in scrape.page(worker.worker)


def test_a_page_of_400_000_series_has_at_most_5_500_lines() -> None:
    """Four signals in 250 countries, a storm of 1,000 outages and 100 incidents, and a full watch list."""
    big = full(
        MetricsSettings(watch=tuple(f"asn/{FIRST_ASN + number}" for number in range(20))), 1000, 250, strangers=50_000
    )
    page = scrape.page(big.worker)
    series = sum(value for (_, value) in _samples(big, "ebbtide_series"))
    assert series > 400_000
    assert {name: value > 0 for name, value in _samples(big, "ebbtide_left_out")} == {
        "places": False, "countries": False, "outages": True, "incidents": True, "watched": True,
    }  # fmt: skip
    assert 5_000 < page.count(b"\n") <= 5_500


def _samples(worker: Full, name: str) -> list[tuple[str, float]]:
    return [(next(iter(sample.labels.values())), sample.value) for sample in worker.families()[name].samples]
