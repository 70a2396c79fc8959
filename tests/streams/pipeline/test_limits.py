"""Limits of a feed: what is refused, what is forgotten for it, and that neither depends on batches or processes."""

from __future__ import annotations

from collections import Counter

import msgspec
import orjson
import pytest

from detectors.clock_leaps import ROOM
from detectors.types import Kind
from streams.config.limits import LimitsSettings
from streams.config.settings import Duration, FeedSettings, KafkaSettings, Settings
from streams.ingest.placement import placement
from streams.pipeline.shard import Shard
from streams.state.measurement_stage import MeasurementStage
from tests.fuzz import pipeline
from tests.streams.helpers import DAY, HOUR, START, Run, interrupted, message, records, run, same

ALONE = KafkaSettings(partitions=1)


def settings(
    kind: Kind = "count", kafka: KafkaSettings = ALONE, areas: tuple[str, ...] = (), **limits: int
) -> Settings:
    """Return settings of one feed with these limits; `idle` in seconds."""
    limited = msgspec.convert(limits, LimitsSettings, dec_hook=lambda kind, value: kind(value))
    feed = FeedSettings(signal="test", kind=kind, bin=Duration(HOUR), areas=areas, limits=limited)
    return Settings(feeds={kind: feed}, kafka=kafka)


def hour(number: int, asns: range, kind: Kind = "count", **fields: object) -> list[bytes | None]:
    """Return a measurement of each network in an hour."""
    return [message(kind, START + number * HOUR + 60, asn, country="IR", value=9, **fields) for asn in asns]


def dead(running: Run) -> Counter[int]:
    """Return how many measurements of each network were refused for want of room."""
    assert {reason for _, reason, _ in running.dead} <= {"too-many-series"}
    return Counter(orjson.loads(payload)["asn"] for _, _, payload in running.dead)


def entities(shard: Shard, kind: Kind = "count") -> set[str]:
    """Return the entities that a feed knows."""
    return {entity for entity, _ in shard.feeds[kind].index.by_series}


def test_what_is_known_goes_on_and_what_is_new_is_refused() -> None:
    """Ten series fit: the first ten, in order of arrival. Each has exactly one outcome, and the payload is whole."""
    done = run(settings(series=10), [*hour(0, range(1, 14)), *hour(1, range(1, 14))])
    assert dead(done) == Counter({11: 2, 12: 2, 13: 2})
    assert entities(done.shard) == {f"asn/{asn}" for asn in range(1, 11)}
    counts = done.shard.counts["count"]
    assert (counts.taken, counts.binned, counts.rejected) == (26, 20, 6)
    assert done.shard.feeds["count"].room.used()["series"] == 1.0


def test_the_longest_idle_go_first_and_only_at_the_limit() -> None:
    """When a bin closes at the limit, the one idle longest goes; one more hour, one more. Below the limit none goes."""
    values = [*hour(0, range(1, 9)), *hour(1, range(2, 9)), *hour(2, range(4, 9)), *hour(3, range(4, 9))]
    full = [*values, *hour(4, range(9, 12))]
    done = run(settings(series=8, idle=HOUR), full)
    assert entities(done.shard) == {f"asn/{asn}" for asn in range(3, 11)}
    assert dead(done) == Counter({11: 1})
    patient = run(settings(series=8, idle=DAY), full)
    assert entities(patient.shard) == {f"asn/{asn}" for asn in range(1, 9)}
    assert dead(patient) == Counter({9: 1, 10: 1, 11: 1})
    assert len(entities(run(settings(series=9, idle=HOUR), values).shard)) == 8


@pytest.mark.parametrize("areas", [(), ("country",)])
def test_a_series_with_an_open_outage_stays(areas: tuple[str, ...]) -> None:
    """Two networks are dark for a day and a half among newcomers at the limit; their outages end, none is lost."""
    values = [value for number in range(48) for value in busy(number, range(1, 21))]
    for number in range(48, 84):
        values += [*busy(number, range(3, 21)), *busy(number, range(1000 + 2 * number, 1002 + 2 * number))]
    values += [value for number in range(84, 96) for value in busy(number, range(1, 21))]
    done = run(settings(series=26, idle=6 * HOUR, areas=areas), values)
    states = Counter((found["entity"], found["state"]) for found in map(orjson.loads, done.outages))
    for entity in ("asn/1", "asn/2"):
        assert (states[entity, "open"], states[entity, "closed"]) == (1, 1)
    assert dead(done).keys() > set()
    assert not dead(done).keys() & set(range(1, 21))


def busy(number: int, asns: range) -> list[bytes | None]:
    """Return a measurement of each network in an hour, whose values vary."""
    at = START + number * HOUR + 60
    return [message("count", at, asn, country="IR", value=90 + (asn * 7 + number * 5) % 9) for asn in asns]


def test_services_are_limited_by_name() -> None:
    """Two names fit, for any number of networks; a third is refused, and a series without a service is not."""
    values = [message("count", START + 60, asn, service=name, value=1) for name in "abc" for asn in (1, 2, 3)]
    done = run(settings(services=2), [*values, message("count", START + 61, 4, value=1)])
    assert dead(done) == Counter({1: 1, 2: 1, 3: 1})
    assert entities(done.shard) == {"asn/1", "asn/2", "asn/3", "asn/4"}


@pytest.mark.parametrize("kind", ["presence", "distinct"])
def test_members_are_limited(kind: Kind) -> None:
    """The first six members fit and go on; others are refused in each hour."""
    values = [
        message(kind, START + number * HOUR + at, 1 + at % 2, member=f"m{at}", up=True)
        for number in range(3)
        for at in range(8)
    ]
    done = run(settings(kind, members=6), values)
    assert [orjson.loads(payload)["member"] for _, _, payload in done.dead] == ["m6", "m7"] * 3
    assert done.shard.feeds[kind].room.used()["members"] == 1.0


def test_members_that_are_down_for_long_make_room() -> None:
    """Four of six members went down; when they have been down for a day, others may come."""
    values = [message("presence", START + at, 1, member=f"m{at}", up=at < 2) for at in range(6)]
    later = [
        message("presence", START + day * DAY + at, 1, member=f"m{at}", up=True) for day in (1, 2, 3) for at in (0, 9)
    ]
    done = run(settings("presence", members=6, idle=DAY), [*values, *later])
    assert [orjson.loads(payload)["ts"] for _, _, payload in done.dead] == [START + DAY + 9]
    assert done.shard.feeds["presence"].members.since[0].keys() == {"m0", "m1", "m9"}


def test_cells_are_limited_like_series() -> None:
    """One network in ever new regions has as many as the limit allows, since areas are summed from each."""
    values = [message("count", START + at, 1, region=f"IR-{at}", value=1) for at in range(9)]
    done = run(settings(series=4, areas=("region",)), values)
    assert dead(done) == Counter({1: 5})


def test_areas_are_limited_and_those_left_out_are_counted() -> None:
    """Of five regions three are watched, the first by name."""
    values = [
        message("count", START + number * HOUR + asn, asn, region=f"IR-{asn}", value=9)
        for number in range(4)
        for asn in range(1, 6)
    ]
    made = settings(areas=("region",))
    feed = msgspec.structs.replace(made.feeds["count"], limits=LimitsSettings(areas=3))
    done = run(msgspec.structs.replace(made, feeds={"count": feed}), values)
    summed = done.shard.areas["count"].summed["region"]
    assert {entity for entity, _ in summed.index.by_series} == {"region/IR-1", "region/IR-2", "region/IR-3"}
    assert summed.left_out == 2


def test_a_shard_of_all_partitions_refuses_what_the_partitions_refuse() -> None:
    """`ebbtide detect` counts the series of each partition for itself, so it refuses the same as the stages."""
    kafka = KafkaSettings(partitions=3)
    made = settings(kafka=kafka, series=12)
    values = [*hour(0, range(1, 60)), *hour(1, range(1, 60))]
    whole = dead(run(made, values))
    home = placement("murmur2", 3)
    refused: Counter[int] = Counter()
    for number in range(3):
        stage = MeasurementStage(made, number, {}, 0.0)
        own = [value for value in values if value and home.of(f"asn/{orjson.loads(value)['asn']}") == number]
        emitted = stage.process(records(own), 0.0)
        refused.update(orjson.loads(letter.origin.payload)["asn"] for letter in emitted.dead_letters)
        assert len(stage.shard.feeds["count"].index.by_series) == 4
    assert whole == refused
    assert len(whole) == 59 - 12


def test_what_waited_for_its_time_is_refused_whole() -> None:
    """A measurement ahead of its time finds no room when others confirm it: the dead letter has its own bytes."""
    made = settings(series=3)
    early = message("count", START + 5 * HOUR, 77, value=1)
    done = Run(Shard(made))
    done.take([*hour(0, range(1, 4)), early])
    assert done.shard.pending() == 1
    done.take(hour(5, range(1, 4)))
    done.take(hour(6, range(1, 4)))
    assert [payload for _, _, payload in done.dead] == [early]


def test_what_waits_for_its_time_is_bounded() -> None:
    """After a pause one network measures three thousand times: few wait, each other is a dead letter.

    Neither cuts nor a start anew change what comes of them, and time goes on when the others are back.
    """
    flood = [message("count", START + 9 * HOUR, 1, value=1)] * 3000
    values = [*hour(0, range(1, 41)), *hour(1, range(1, 41)), *hour(2, range(1, 41)), *flood]
    done = run(settings(), values)
    active = done.shard.feeds["count"].admission.active
    assert (active, done.shard.pending()) == (40, ROOM + 2 * active)
    assert Counter(reason for _, reason, _ in done.dead) == {"too-far-ahead": 3000 - ROOM - 2 * active}
    back = [*values, *hour(9, range(1, 41)), *hour(10, range(1, 41))]
    whole, cut = run(settings(), back), run(settings(), back, range(1, len(back), 97))
    assert whole.dead == cut.dead
    assert whole.shard.pending() == 0
    _, again = interrupted(settings(), back, [1500, 2500, 3130])
    assert same(whole.shard, cut.shard)
    assert same(whole.shard, again)


def test_limits_are_in_the_snapshot_and_a_change_is_said() -> None:
    """A start with a smaller limit keeps what is known, refuses what is new, and writes one line on the change."""
    table: dict[bytes, bytes] = {}
    stage = MeasurementStage(settings(series=9), 0, table, 0.0)
    stage.process(records(hour(0, range(1, 9))), 0.0)
    stage.save(0.0)
    again = MeasurementStage(settings(series=5), 0, table, 0.0)
    emitted = again.process(records(hour(1, range(1, 12)), 8), 1.0)
    assert len(emitted.dead_letters) == 3
    assert len(again.shard.feeds["count"].index.by_series) == 8
    assert emitted.unreadable == [
        "feed count: limits.series is 5 in a partition, was 9; what is known stays until it is idle",
        "measurements of new series are dead letters, as a feed has as many as its limits allow",
    ]
    assert again.limits.refused_at == 1.0


@pytest.mark.parametrize("seed", [3, 4, 5, 6])
def test_hostile_batches_hold_the_invariants(seed: int) -> None:
    """What `make fuzz` does for ten minutes, for a few seeds: outcomes, limits, cuts and restarts."""
    found = pipeline.check(seed, hours=36)
    assert found.counts["dead", "too-many-series"] > 0


def test_defaults_follow_the_memory_and_nothing_else() -> None:
    """Twice the feeds have half the room each; more memory has more; the numbers are the same on every machine."""
    feed = FeedSettings(signal="x", kind="count", bin=Duration(300))
    alone, two = Settings(feeds={"a": feed}), Settings(feeds={"a": feed, "b": feed})
    assert alone.limits("a").series == pytest.approx(2 * two.limits("a").series, abs=2000)
    larger = msgspec.structs.replace(alone, worker=msgspec.structs.replace(alone.worker, memory=4096))
    assert larger.limits("a").series > 2 * alone.limits("a").series
    presence = msgspec.structs.replace(feed, kind="presence")
    assert Settings(feeds={"a": presence}).limits("a").series < alone.limits("a").series
