"""A partition: skips what it has, follows the clock of its feeds only when it may, says who is dark."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import msgspec
import pytest

from schemas.outage import Outage, encode
from streams.config.settings import Settings
from streams.ingest.key_hash import murmur2
from streams.state.measurement_stage import MeasurementStage
from streams.state.stage import SETTLE
from tests.streams import helpers
from tests.streams.helpers import HOUR, LATER, START, message, records

IDLE = 60.0
BINS = 10


def feed(partition: MeasurementStage, values: list[bytes | None], offset: int, now: float = 0.0) -> list[Outage]:
    """Let a partition take messages from an offset on."""
    return partition.process(records(values, offset), now).outages


def lively(kind: str = "count", bins: int = BINS, asns: int = 6, first: int = 0) -> list[bytes | None]:
    """Steady traffic of some networks, four measurements an hour each."""
    times = range(START + first * HOUR, START + bins * HOUR, HOUR // 4)
    return [message(kind, at + asn, asn, value=20) for at in times for asn in range(1, asns + 1)]


def opened(kind: str = "count", asns: int = 6) -> MeasurementStage:
    """A partition that has learnt some hours of traffic and is idle from second 0 on."""
    partition = MeasurementStage(helpers.settings((kind,), idle_after=IDLE), 0, {}, 0.0)  # type: ignore[arg-type]
    assert feed(partition, lively(kind, asns=asns), 0) == []
    return partition


def hear_all(partition: MeasurementStage, until: int, kind: str = "count") -> None:
    """Hear each bin of a feed up to an hour, as other partitions tell them."""
    for hour in range(BINS, until + 1):
        partition.note_clock(kind, START + hour * HOUR + 700)


def test_what_the_state_includes_is_skipped() -> None:
    """Messages at or below the offset of the snapshot change nothing, the rest of the batch is taken."""
    table: dict[bytes, bytes] = {}
    settings, values = helpers.settings(("count",)), lively()
    partition = MeasurementStage(settings, 0, table, 0.0)
    feed(partition, values[:100], 0)
    partition.save(0.0)
    again = MeasurementStage(settings, 0, table, 0.0)
    assert again.applied == 99
    feed(again, values[:50], 0)
    assert (again.tally.skipped, again.tally.received, again.applied) == (50, 100, 99)
    feed(again, values[50:], 50)
    assert (again.tally.skipped, again.tally.received) == (100, len(values))
    whole = MeasurementStage(settings, 0, {}, 0.0)
    feed(whole, values, 0)
    assert again.shard.counts == whole.shard.counts


def test_offsets_may_have_holes() -> None:
    """Compaction and transactions leave holes; only what is at or below `applied` is skipped."""
    partition = MeasurementStage(helpers.settings(("count",)), 0, {}, 0.0)
    values = lively()[:4]
    partition.process(records(values, [3, 7, 20, 21]), 0.0)
    partition.process(records(values, [7, 21, 30, 31]), 0.0)
    assert (partition.tally.skipped, partition.tally.received, partition.applied) == (2, 6, 31)


def test_networks_that_are_all_silent_are_told_dark_by_the_clock() -> None:
    """Their partition hears nothing, so its bins close by what the others tell, and silence there is zero."""
    partition = opened()
    hear_all(partition, BINS + 3)
    outages = partition.follow_clock(0, IDLE).outages
    assert {outage.entity for outage in outages if outage.state == "open"} == {f"asn/{n}" for n in range(1, 7)}
    assert {outage.value for outage in outages} == {0.0}
    assert len(partition.open_outages) == 6
    assert partition.follow_clock(0, IDLE).outages == []


@pytest.mark.parametrize(("lag", "now"), [(1, 10 * IDLE), (None, 10 * IDLE), (0, IDLE - 1), (4000, 1e9)])
def test_a_backlog_never_follows(lag: int | None, now: float) -> None:
    """Unread messages, an unknown lag, or too little idle time: its own events decide."""
    partition = opened()
    hear_all(partition, BINS + 3)
    before = partition.shard.newest()
    assert not partition.may_follow(lag, now)
    assert partition.follow_clock(lag, now).outages == []
    assert partition.shard.newest() == before


def test_six_hours_of_backlog_raise_no_outage_and_nothing_late() -> None:
    """A worker comes back: the others are six hours ahead and say so all the time, and its own log alone decides."""
    partition = opened()
    hear_all(partition, BINS + 6)
    backlog = lively(bins=BINS + 6, first=BINS)
    for at in range(0, len(backlog), 7):
        now = IDLE + at
        partition.note_lag(len(backlog) - at, now)
        assert partition.follow_clock(len(backlog) - at, now).outages == []
        assert feed(partition, backlog[at : at + 7], 1000 + at, now) == []
    counts = partition.shard.counts["count"]
    assert (counts.late, counts.binned, partition.open_outages) == (0, len(lively()) + len(backlog), {})
    assert partition.follow_clock(0, 10 * len(backlog)).outages == []


def test_silent_networks_have_their_bins_closed_within_idle_after_and_the_lateness() -> None:
    """As soon as it is idle for `idle_after`, each bin is closed that ended a lateness before what the others tell."""
    partition = opened()
    for now in range(int(IDLE) + 1):
        partition.note_clock("count", START + (BINS + 1) * HOUR + 540 + now)
        partition.note_lag(0, float(now))
        partition.follow_clock(0, float(now))
        closed = partition.shard.feeds["count"].watermark.next_close
        assert closed == START + (BINS + 1 if now == IDLE else BINS - 1) * HOUR


def test_new_messages_start_the_wait_again() -> None:
    """Idle time counts from the newest message, also from one that is skipped or dead."""
    partition = opened()
    hear_all(partition, BINS + 3)
    feed(partition, [None], 500, now=50.0)
    assert not partition.may_follow(0, 50.0 + IDLE - 1)
    assert partition.may_follow(0, 50.0 + IDLE)


def test_time_in_which_nobody_knew_what_is_unread_is_not_idle() -> None:
    """While the broker is away a partition is not silent but out of reach: the wait starts when it is back."""
    partition = opened()
    hear_all(partition, BINS + 3)
    partition.note_lag(0, IDLE / 2)
    partition.note_lag(None, IDLE - 1)
    assert not partition.may_follow(0, IDLE)
    partition.note_lag(5, 2 * IDLE)
    assert not partition.may_follow(0, 3 * IDLE - 1)
    assert partition.may_follow(0, 3 * IDLE)


def test_what_was_heard_survives_a_restart() -> None:
    """The clock is not read again, so a snapshot is due for it, and the networks are dark since the same bin."""
    table: dict[bytes, bytes] = {}
    partition = MeasurementStage(helpers.settings(("count",), idle_after=IDLE, snapshot_every=30), 0, table, 0.0)
    feed(partition, lively(), 0)
    partition.save(0.0)
    hear_all(partition, BINS + 3)
    assert partition.due(30.0)
    partition.save(30.0)
    hear_all(partition, BINS + 3)
    assert not partition.due(1e6)
    again = MeasurementStage(partition.settings, 0, table, 30.0)
    emitted = again.follow_clock(0, 30.0 + IDLE)
    assert emitted == partition.follow_clock(0, 30.0 + IDLE)
    assert emitted.outages != []


def test_a_clock_that_is_not_ahead_is_not_followed() -> None:
    """An older clock, one of an unknown feed, or one of a feed that this partition never saw, asks for nothing."""
    partition = MeasurementStage(helpers.settings(("count", "gauge"), idle_after=IDLE), 0, {}, 0.0)
    feed(partition, lively(), 0)
    partition.note_clock("count", START)
    partition.note_clock("nobody", LATER)
    partition.note_clock("gauge", LATER)
    assert not partition.may_follow(0, 1e9)
    assert partition.follow_clock(0, 1e9).outages == []


def test_a_pause_of_the_whole_feed_is_no_outage_in_a_partition_that_hears_of_its_end_first() -> None:
    """Bins in which the feed spoke nowhere are unknown, however far the clock jumps when it is back."""
    partition = opened()
    partition.note_clock("count", START + (BINS + 5) * HOUR + 700)
    assert partition.follow_clock(0, IDLE).outages == []
    assert feed(partition, lively(bins=BINS + 9, first=BINS + 5), 1000) == []
    assert not partition.open_outages


def test_few_networks_are_not_called_dark_by_a_pause_of_the_whole_feed() -> None:
    """What is heard of the feed decides, where something can be heard."""
    partition = opened(asns=2)
    partition.note_clock("count", START + (BINS + 5) * HOUR + 700)
    assert partition.follow_clock(0, IDLE).outages == []


def test_a_clock_that_stands_in_1970_costs_no_closing_of_every_bin_since() -> None:
    """Once the silent feed is given up, only bins in which it was heard elsewhere close: those are all that tell."""
    partition = MeasurementStage(helpers.settings(("count",), idle_after=IDLE), 0, {}, 0.0)
    feed(partition, [message("count", 0, 1)], 0)
    hear_all(partition, BINS + 3)
    closed = partition.follow_clock(0, IDLE).bin_reports
    assert len(closed) < 50
    assert [report.end for report in closed[-3:]] == [START + hour * HOUR for hour in range(BINS + 1, BINS + 4)]
    assert feed(partition, lively(bins=BINS + 9, first=BINS + 3), 1) == []
    counts = partition.shard.counts["count"]
    assert (counts.late, counts.binned) == (0, 1 + 6 * 24)


def test_gauges_that_are_silent_are_unknown_not_dark() -> None:
    """`absent = "missing"`: the clock closes bins, nobody is called dark."""
    partition = opened("gauge")
    hear_all(partition, BINS + 3, "gauge")
    assert partition.follow_clock(0, IDLE).outages == []
    assert partition.shard.newest()["gauge"] == START + (BINS + 3) * HOUR + 700


def test_claims_that_the_clock_confirms_are_binned() -> None:
    """After a pause too few networks here agree that time has leapt; the clock of the others settles it. The metrics
    count them then.
    """
    partition = opened()
    later = START + (BINS + 5) * HOUR
    feed(partition, [message("count", later, 1, value=20), message("count", later + 5000, 2)], 1000)
    assert partition.shard.pending() == 2
    partition.note_clock("count", later + 700)
    assert partition.follow_clock(0, IDLE).counts == {("binned", "count"): 2}
    counts = partition.shard.counts["count"]
    assert (counts.binned, partition.shard.pending()) == (len(lively()) + 2, 0)
    assert counts.taken == counts.binned


def test_the_running_outages_survive_a_restart() -> None:
    """What is open is known again, with its newest revision, and ends once."""
    table: dict[bytes, bytes] = {}
    partition = MeasurementStage(helpers.settings(("count",), idle_after=IDLE), 0, table, 0.0)
    feed(partition, lively(), 0)
    hear_all(partition, BINS + 3)
    partition.follow_clock(0, IDLE)
    partition.save(0.0)
    again = MeasurementStage(partition.settings, 0, table, 0.0)
    assert again.open_outages == partition.open_outages != {}
    values = lively(bins=BINS + 12, first=BINS + 4)
    assert feed(again, values, 1000) == feed(partition, values, 1000)
    assert again.open_outages == {}


def test_when_a_snapshot_is_due() -> None:
    """Every `snapshot_every` when there is news; `SETTLE` after bins have closed, when what came of them was sent."""
    partition = MeasurementStage(helpers.settings(("count",), snapshot_every=30), 0, {}, 100.0)
    values = lively()
    assert not partition.due(1e6)
    feed(partition, values[:3], 0, 101.0)
    assert [partition.due(now) for now in (101.0, 129.9, 130.0)] == [False, False, True]
    feed(partition, values[3:], 3, 102.0)
    assert [partition.due(now) for now in (102.0 + SETTLE - 0.1, 102.0 + SETTLE)] == [False, True]
    assert partition.save(103.0) > 0
    assert not partition.due(1e6)


def test_bad_keys_are_dead_letters() -> None:
    """A key that is not there, empty or not UTF-8 rejects its message alone, as it came; the log has a line an hour."""
    settings = with_kafka(helpers.settings(("count",)), partitioner="any")
    partition = MeasurementStage(settings, 0, {}, 0.0)
    values = lively()[:4]
    emitted = partition.process(records(values, 5, keys=[b"asn/1", b"\xff", None, b""]), 0.0)
    assert [(dead.reason, dead.origin) for dead in emitted.dead_letters] == [
        ("bad-key", (6, values[1])),
        ("no-key", (7, values[2])),
        ("no-key", (8, values[3])),
    ]
    totals = partition.totals()
    assert (totals["received", ""], totals["binned", "count"]) == (4, 1)
    assert (totals["dead", "bad-key"], totals["dead", "no-key"]) == (1, 2)
    logged = [partition.process(records(values[:1], 9 + n, keys=[None]), n * 1200.0).unreadable for n in range(4)]
    assert list(map(len, [emitted.unreadable, *logged])) == [1, 0, 0, 0, 1]
    assert partition.keys.no_key_at == 3600.0


@pytest.mark.parametrize("keys", ["warn", "strict"])
def test_entities_of_other_partitions_are_counted_or_refused(keys: str) -> None:
    """A network whose key does not hash to the partition is used and counted, or a dead letter, also within an array.
    What is refused moves no watermark and makes no series.
    """
    settings = with_kafka(helpers.settings(("count",)), partitions=4, keys=keys)
    homes = {asn: murmur2(b"asn/%d" % asn) % 4 for asn in range(1, 40)}
    here, away = ([asn for asn, at in homes.items() if (at == 2) == mine][:2] for mine in (True, False))
    rows = [message("count", LATER - 60, asn=asn, value=1) for asn in (*here, *away)]
    stage = MeasurementStage(settings, 2, {}, 0.0)
    emitted = stage.process(records([*rows, b"[" + b",".join(rows) + b"]"], 10), 0.0)
    assert emitted.counts["misplaced", "count"] == 4
    belongs = f"asn/{away[1]} belongs to partition {homes[away[1]]} by murmur2 of its key"
    outcome = {
        "warn": "its measurements are used, so a network may be counted in halves",
        "strict": 'its measurements are rejected as dead letters, as kafka.keys = "strict"',
    }[keys]
    assert (stage.keys.stray_at, stage.keys.stray) == (0.0, f"{belongs}, and came in partition 2: {outcome}")
    assert [stage.keys.stray in line for line in emitted.unreadable] == [True]
    refused = [(letter.reason, letter.origin) for letter in emitted.dead_letters]
    series = {entity for entity, _ in stage.shard.feeds["count"].index.by_series}
    if keys == "warn":
        assert refused == []
        assert series == {f"asn/{asn}" for asn in (*here, *away)}
    else:
        places = zip((12, 13, 14, 14), rows[2:] * 2, strict=True)
        assert refused == [("wrong-partition", place) for place in places]
        assert series == {f"asn/{asn}" for asn in here}
    assert stage.tally.received == sum(stage.tally.dead.values()) + stage.shard.counts["count"].binned == 8


def test_other_hashes_and_none() -> None:
    """The operator says which hash producers use, or that nothing is to be checked."""
    asn = next(n for n in range(1, 99) if murmur2(b"asn/%d" % n) % 4 != zlib.crc32(b"asn/%d" % n) % 4)
    values = [message("count", LATER - 60, asn=asn, value=1)]
    for partitioner, wanted in (("crc32", 0), ("any", 0), ("murmur2", 1)):
        settings = with_kafka(helpers.settings(("count",)), partitions=4, partitioner=partitioner)
        stage = MeasurementStage(settings, zlib.crc32(b"asn/%d" % asn) % 4, {}, 0.0)
        assert stage.process(records(values), 0.0).counts["misplaced", "count"] == wanted


def with_kafka(settings: Settings, **kafka: object) -> Settings:
    """Return settings with other keys of `[kafka]`."""
    return msgspec.structs.replace(settings, kafka=msgspec.structs.replace(settings.kafka, **kafka))


@pytest.mark.parametrize("kind", ["count", "presence"])
def test_bins_with_lost_messages_are_unknown(kind: str) -> None:
    """Hours were deleted before they were read: without note of it all networks fall, with it none does; dark later
    is dark again, and a restart in the middle changes nothing.
    """
    settings, lost = helpers.settings((kind,)), 4  # type: ignore[arg-type]
    later = lively(kind, bins=BINS + 12, first=BINS + lost, asns=4)  # of so few, silence counts

    def outages(noted: bool, saved: bool = False) -> list[Outage]:
        table: dict[bytes, bytes] = {}
        stage = MeasurementStage(settings, 0, table, 0.0)
        feed(stage, lively(kind, asns=4), 0)
        if noted:
            stage.note_gap()
        found = feed(stage, later[:3], 10_000)
        if saved:
            stage.save(0.0)
            stage = MeasurementStage(settings, 0, table, 0.0)
        return found + feed(stage, later[3:], 20_000)

    assert (outages(noted=False) != []) == (kind == "count")  # presence stays until somebody says otherwise
    assert outages(noted=True) == outages(noted=True, saved=True) == []


def dark(outages: Sequence[Outage], asn: int = 3) -> list[tuple[str, int, float | None]]:
    """Return state, bins that are missing, and value of each revision of a network."""
    own = [outage for outage in outages if outage.entity == f"asn/{asn}"]
    return [(outage.state, outage.missing_bins or 0, outage.value) for outage in own]


@pytest.mark.parametrize("kind", ["count", "gauge", "presence"])
@pytest.mark.parametrize("saved", [False, True])
def test_an_outage_that_is_open_over_a_gap_says_what_is_missing(kind: str, saved: bool) -> None:
    """With its first unknown bin, with the first one read again, and in all revisions after; a restart keeps it."""
    table: dict[bytes, bytes] = {}
    settings = helpers.settings((kind,))  # type: ignore[arg-type]
    stage = MeasurementStage(settings, 0, table, 0.0)
    found = feed(stage, falling(kind, range(BINS + 3)), 0)
    assert dark(found)[-1][:2] == ("open", 0)
    assert b"missing_bins" not in b"".join(map(encode, found))
    stage.note_gap()
    later = falling(kind, range(BINS + 7, BINS + 16))
    found = feed(stage, later[:5], 10_000)
    if saved:
        stage.save(0.0)
        stage = MeasurementStage(settings, 0, table, 0.0)
    found += feed(stage, later[5:], 20_000)
    gap = stage.shard.feeds[kind].gap
    assert gap.first is not None and gap.last is not None
    unknown = (gap.last - gap.first) // HOUR + 1
    first, again, *rest = dark(found)
    assert first == ("open", 1, None)
    assert again[:2] == ("open", unknown) and again[2] is not None
    assert rest[-1][:2] == ("closed", unknown)
    assert "deleted unread" in str(found[0].explain["reason"])


def falling(kind: str, hours: range) -> list[bytes | None]:
    """Return the traffic of six networks in these hours; one is dark from hour `BINS` to the twelfth after."""
    values: list[bytes | None] = []
    for hour in hours:
        for at in range(START + hour * HOUR, START + (hour + 1) * HOUR, HOUR // 4):
            for asn in range(1, 7):
                is_dark = asn == 3 and BINS <= hour < BINS + 12
                values += _sent(kind, at + asn, asn, is_dark)
    return values


def _sent(kind: str, at: int, asn: int, is_dark: bool) -> list[bytes]:
    if kind == "presence":
        return [message(kind, at, asn, member=f"m{number}", up=not is_dark) for number in range(20)]
    return [message(kind, at, asn, value=0 if is_dark else 20 + at // HOUR % 2)]


def test_after_a_gap_a_dark_network_is_told() -> None:
    """Only the bins of the gap are unknown."""
    stage = MeasurementStage(helpers.settings(("count",)), 0, {}, 0.0)
    feed(stage, lively(), 0)
    stage.note_gap()
    rest = [value for value in lively(bins=BINS + 16, first=BINS + 4, asns=6) if b'"asn":3' not in (value or b"")]
    assert {outage.entity for outage in feed(stage, rest, 10_000)} == {"asn/3"}
    assert stage.shard.feeds["count"].gap.last is not None
