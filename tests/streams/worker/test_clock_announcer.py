"""The event times that a worker announces: one in each bin of a feed, and again when another bin may close."""

from __future__ import annotations

from detectors.watermark import TimeRule
from streams.state.measurement_stage import MeasurementStage
from streams.worker.clock_announcer import MAX_ANNOUNCED, ClockAnnouncer
from tests.streams import helpers
from tests.streams.helpers import HOUR, START, records
from tests.streams.state.test_measurement_stage import BINS, IDLE, hear_all, lively, opened

RULE = TimeRule(3600, 600.0, 600.0)


def test_each_bin_is_announced_once_and_the_newest_time_again_when_a_bin_may_close() -> None:
    """The newest time comes last: once when it starts its bin, again when the previous bin may close."""
    announcer = ClockAnnouncer(RULE)
    assert announcer.due([0], 10.0) == [10.0]
    assert announcer.due([0], 599.0) == []
    assert announcer.due([0], 601.0) == [601.0]
    assert announcer.due([0, 3600, 7200], 7300.0) == [3600.0, 7300.0]
    assert announcer.due([3600, 7200], 7900.0) == [7900.0]
    assert announcer.due([7200], 8000.0) == []


def test_a_partition_that_is_behind_announces_only_new_bins() -> None:
    """Old bins in which the feed was silent elsewhere are announced, and time does not go back."""
    announcer = ClockAnnouncer(RULE)
    announcer.due([0, 10_800], 11_500.0)
    assert announcer.due([0, 3600], 5000.0) == [5000.0]
    assert announcer.due([3600], 6000.0) == []


def test_a_limited_number_of_bins_is_remembered() -> None:
    """The newest bins are remembered, which is what partitions in step need."""
    announcer = ClockAnnouncer(RULE)
    starts = [3600 * n for n in range(MAX_ANNOUNCED + 1)]
    assert len(announcer.due(starts, starts[-1])) == MAX_ANNOUNCED + 1
    assert announcer.due(starts[-MAX_ANNOUNCED // 2 :], starts[-1]) == []
    assert announcer.due(starts[:1], starts[-1]) == [0.0]


def test_many_bins_in_one_batch_are_announced_bin_by_bin() -> None:
    """A silent partition reports its networks dark, even when another one caught up with hours in one batch."""
    other = MeasurementStage(helpers.settings(("count",)), 1, {}, 0.0)
    active = other.process(records(lively(bins=BINS + 4, asns=1)), 0.0).activity["count"]
    times = ClockAnnouncer(other.settings.time_rule("count")).due(active.bins, active.newest)
    at_once, bin_by_bin = opened(), opened()
    for time in times:
        at_once.note_clock("count", time)
    hear_all(bin_by_bin, BINS + 3)
    outages = at_once.follow_clock(0, IDLE).outages
    assert outages == bin_by_bin.follow_clock(0, IDLE).outages
    assert {outage.entity for outage in outages if outage.state == "open"} == {f"asn/{n}" for n in range(1, 7)}
    assert times[-1] > START + (BINS + 3) * HOUR
    assert other.shard.activity() == {}
