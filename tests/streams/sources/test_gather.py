"""Rows to measurements: sums by bin, late rows in parts, and that a restart anywhere changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from detectors.types import Kind
from schemas.decode import decode
from schemas.measurement import Measurement
from streams.sources.gather import Gather, GatherRule
from streams.sources.json_decoder import JsonDecoder
from streams.sources.lines import encoded
from streams.sources.part_clock import Position
from streams.sources.records import LineRecord
from tests.streams.sources.helpers import START, line, row, settings

RULE = GatherRule("f", "count", 60, 10.0)


def fed(kind: Kind, *rows: tuple[float, int, float], lateness: float = 10.0, **more: object) -> Gather:
    """Return a gather with rows of one part, each a record of its own: seconds, network, value."""
    gather = Gather(GatherRule("f", kind, 60, lateness))
    records = [line({}, at) for at in range(len(rows))]
    gather.add("0", records, [row(START + s, asn, v, at) for at, (s, asn, v) in enumerate(rows)])
    return gather


def texts(measurements: Sequence[Measurement]) -> list[str]:
    """Return measurements as lines."""
    return [text.decode() for text in encoded(measurements)]


def test_a_bin_is_sent_when_time_has_passed_its_end() -> None:
    """And its lateness: not before, and then in the order of its series."""
    gather = fed("count", (1, 3333, 5), (59, 1103, 2), (30, 3333, 1), (69.9, 1103, 1))
    assert gather.due(gather.limit()) == []
    gather.add("0", [line({}, 4)], [row(START + 70, 1103, 1)])
    assert texts(gather.due(gather.limit())) == [
        f'{{"feed":"f","ts":{START},"asn":1103,"value":2}}',
        f'{{"feed":"f","ts":{START},"asn":3333,"value":6}}',
    ]
    assert texts(gather.due(gather.last())) == [f'{{"feed":"f","ts":{START + 60},"asn":1103,"value":2}}']


def test_late_rows_follow_in_parts() -> None:
    """A row of a bin that is sent already comes with the next bin, as a further part of its own."""
    gather = fed("count", (1, 3333, 5), (75, 3333, 1))
    assert [m.value for m in gather.due(gather.limit())] == [5]
    gather.add("0", [line({}, 2), line({}, 3)], [row(START + 2, 3333, 4, 0), row(START + 130, 3333, 7, 1)])
    assert [(m.ts, m.value) for m in gather.due(gather.limit())] == [(START, 4), (START + 60, 1)]


def test_sums_are_exact_in_any_order() -> None:
    """Whole numbers beyond 2^53, and fractions that no float holds, in 50 orders."""
    rows = [(n % 60, 3333, value) for n, value in enumerate([2**55, 1, 0.1, 0.2, 0.3, 1e-6, 2**55 + 3, 7] * 5)]
    found = set()
    for seed in range(50):
        Random(seed).shuffle(rows)
        gather = fed("count", *rows, lateness=1000)
        found.add(texts(gather.due(gather.last()))[0])
    assert len(found) == 1


def test_ratio_gauge_distinct_and_presence() -> None:
    """Sums of both; the last by event time; each member once; all events in order of event time."""
    gather = Gather(RULE._replace(kind="ratio"))
    gather.add("0", [line({})], [row(START, value=1, of=3), row(START + 1, value=2, of=2)])
    assert [(m.value, m.of) for m in gather.due(gather.last())] == [(3, 5)]
    gauge = fed("gauge", (5, 3333, 7), (50, 3333, 9), (20, 3333, 8), (50, 3333, 3))
    assert [(m.ts, m.value) for m in gauge.due(gauge.last())] == [(START + 50, 9)]
    gather = Gather(RULE._replace(kind="distinct"))
    gather.add("0", [line({})], [row(START + n, member=name) for n, name in enumerate("abcab")])
    assert [m.member for m in gather.due(gather.last())] == ["a", "b", "c"]
    gather = Gather(RULE._replace(kind="presence"))
    events = [(3.5, "a", True), (1, "a", False), (1, "b", False)]
    gather.add("0", [line({})], [row(START + s, member=member, up=up) for s, member, up in events])
    assert [(m.ts, m.member, m.up) for m in gather.due(gather.last())] == [
        (START + 1, "a", False),
        (START + 1, "b", False),
        (START + 3.5, "a", True),
    ]


def test_parts_wait_for_each_other_but_not_for_idle_ones() -> None:
    """A partition that is behind holds back what the others have; one that has nothing more does not."""
    gather = Gather(RULE)
    for part, seconds in (("0", 200.0), ("1", 75.0), ("2", 5.0)):
        gather.add(part, [line({})], [row(START + seconds)])
    assert gather.limit() == START - 60
    assert gather.limit({"2"}) == START + 60
    assert gather.limit({"1", "2"}) == START + 180
    gather.finished.add("2")
    assert gather.limit() == START + 60


FIELDS = 'ts = "t"\nasn = ["a", "b"]\nvalue = "v"'


def log(rng: Random, size: int) -> list[dict[str, object]]:
    """Return records of some networks in time, with late ones, leaps, faults and pauses."""
    now, found = float(START), []
    for _ in range(size):
        now += rng.choice((0.0, 0.5, 2.0, 10.0, 10.0, 90.0)) if rng.random() < 0.4 else 1.0
        ts: object = now - rng.choice((0, 0, 0, 1, 30, 200))
        if rng.random() < 0.03:
            ts = "never"
        found.append({"t": ts, "a": rng.choice((3333, 1103, 0)), "b": rng.choice((3333, 286)), "v": rng.randrange(9)})
    return found


class Log:
    """Partitions of records, and what a source that is killed now and then sends of them."""

    def __init__(self, parts: dict[str, list[LineRecord]], lateness: float) -> None:
        self.parts = parts
        self.rule = GatherRule("f", "count", 60, lateness)
        self.decoder = JsonDecoder(settings(FIELDS).sources["s"])

    def run(self, rng: Random, kills: int) -> Counter[str]:
        """Return the lines of all transactions that were committed; `kills`: how often it is killed, at random."""
        sent: Counter[str] = Counter()
        positions: dict[str, Position] = {}
        while True:
            gather = Gather(self.rule, positions)
            places = {part: gather.clock(part).offset for part in self.parts}
            while open_parts := [part for part in self.parts if places[part] < len(self.parts[part])]:
                part = rng.choice(open_parts)
                chunk = self.parts[part][places[part] : places[part] + rng.randrange(1, 30)]
                places[part] += len(chunk)
                gather.add(part, chunk, self.decoder.decode(chunk).rows)
                limit = gather.limit()
                found = gather.due(limit)
                when = rng.random() if kills else 1.0
                kills -= when < 0.3
                if when < 0.15:
                    break  # before the transaction is committed
                if found:
                    sent.update(texts(found))
                    positions = gather.send(limit)
                if when < 0.3:
                    break  # after it
            else:
                sent.update(texts(gather.due(gather.last())))
                return sent


@pytest.mark.parametrize("seed", range(25))
def test_kills_anywhere_change_nothing(seed: int) -> None:
    """The measurements of a run with many kills, in chunks of any size, are those of an undisturbed one."""
    rng = Random(seed)
    logs = [log(rng, 150) for _ in range(rng.choice((1, 2, 3)))]
    parts = {str(n): [line(value, offset) for offset, value in enumerate(values)] for n, values in enumerate(logs)}
    source = Log(parts, rng.choice((0.0, 10.0, 100.0)))
    undisturbed = source.run(Random(0), 0)
    assert sum(undisturbed.values()) > 20
    assert source.run(Random(seed + 1), 4) == undisturbed
    assert source.run(Random(seed + 2), 12) == undisturbed


def totals(lines: Counter[str]) -> Counter[tuple[float, int | None]]:
    """Return the sum of each bin and network."""
    found: Counter[tuple[float, int | None]] = Counter()
    for text, times in lines.items():
        (measured,) = decode([text.encode()]).measurements
        found[(float(measured.ts), measured.asn)] += int(measured.value * times)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_partitions_add_up_to_what_a_single_one_holds(seed: int) -> None:
    """Records dealt at random to four partitions: the sums of bins and networks are the same, and nothing is lost."""
    rng = Random(seed)
    records = sorted(log(rng, 600), key=lambda record: str(record["t"]))
    dealt: dict[str, list[LineRecord]] = {str(n): [] for n in range(4)}
    for record in records:
        part = dealt[rng.choice("0123")]
        part.append(line(record, len(part)))
    whole = Log({"0": [line(record, offset) for offset, record in enumerate(records)]}, 10.0)
    assert totals(Log(dealt, 10.0).run(rng, 0)) == totals(whole.run(rng, 0))
    expected: Counter[tuple[float, int | None]] = Counter()
    for record in records:
        for asn in {record["a"], record["b"]} - {0}:
            if record["t"] != "never":
                start = float(json.dumps(record["t"])) // 60 * 60
                expected[(start, asn)] += record["v"]  # type: ignore[index, operator]
    assert +totals(whole.run(rng, 0)) == +expected
