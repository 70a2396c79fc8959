"""Zero and unknown: a network that stops is zero, an exporter that stops is unknown, in every order and after kills."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from streams.config.errors import StateError
from streams.config.settings import Settings
from streams.sources.coverage import MOST_EXPORTERS
from streams.sources.json_decoder import JsonDecoder
from streams.sources.lines import encoded, stage_of
from streams.sources.positions import SavedSource
from streams.sources.records import LineRecord, RecordChunk
from streams.sources.stage import SourceStage
from tests.ebbtide import ebbtide
from tests.streams.sources.helpers import START, line, settings

FIELDS = 'ts = "t"\nasn = "a"\nvalue = "v"\nexporter = "by"'
MINUTE = 60


def flow(minute: float, asn: int, by: str | None, value: float = 10) -> dict[str, Any]:
    """Return what an exporter says of a network, a quarter into a minute."""
    return {"t": START + (minute + 0.25) * MINUTE, "a": asn, "by": by, "v": value}


def in_time(flows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return flows in order of time."""
    return sorted(flows, key=lambda item: item["t"])


def made(more: str = "", saved: SavedSource = SavedSource()) -> SourceStage:  # noqa: B008
    """Return the stage of a source."""
    given = settings(FIELDS, more=more)
    return stage_of(given, "s", JsonDecoder(given.sources["s"]), saved)


def said(stage: SourceStage, *flows: dict[str, Any]) -> dict[int, list[float | None]]:
    """Return what a stage says of each network in the minutes up to the last; None where it says nothing."""
    stage.process(RecordChunk("0", [line(value, offset) for offset, value in enumerate(flows)]))
    measured = stage.due().measurements
    minutes = 1 + max((int(m.ts) - START for m in measured), default=0) // MINUTE
    found: dict[int, list[float | None]] = {m.asn or 0: [None] * minutes for m in measured}
    for m in measured:
        at = (int(m.ts) - START) // MINUTE
        found[m.asn or 0][at] = (found[m.asn or 0][at] or 0) + m.value
    return found


def test_a_network_that_stops_is_zero_while_its_exporter_goes_on() -> None:
    """For each bin, also where the exporter reports only what has no network; before it was seen, nothing is said."""
    stage = made()
    flows = [flow(n, 0, "r1") for n in range(9)] + [flow(n, 3333, "r1") for n in range(1, 4)]
    found = said(stage, *in_time(flows))
    assert found == {3333: [None, 10, 10, 10, 0, 0, 0]}
    assert (stage.tally.zeros, stage.tally.unmeasured, stage.tally.rows) == (3, 0, 3)


def test_what_only_a_silent_exporter_saw_is_unknown() -> None:
    """From the bin in which it stops, whose sum is not whole, to the first that it measures whole again."""
    stage = made()
    alive = [n for n in range(15) if not 5 <= n < 9]
    flows = [flow(n, 3333, "r1", 3 if n in (4, 9) else 10) for n in alive] + [flow(n, 1103, "r2") for n in range(15)]
    found = said(stage, *in_time(flows))
    assert found[1103] == [10] * 13
    assert found[3333] == [10, 10, 10, 10, None, None, None, None, None, None, 10, 10, 10]
    assert (stage.tally.unmeasured, stage.tally.exporter_gap_seconds, stage.tally.zeros) == (6, 360, 0)
    coverage = stage.gather.coverage
    assert coverage is not None
    assert coverage.silent == []
    assert [notice.split(" since ")[0] for notice in coverage.taken_notices()] == [
        "exporter r1 silent",
        "exporter r1 back",
    ]


@pytest.mark.parametrize(("share", "after"), [(1, [20, 20, 20]), (30, [None, None, None])])
def test_a_shared_network_is_unknown_when_much_of_it_is_not_measured(share: int, after: list[float | None]) -> None:
    """Half lost would look like an outage; a twentieth does not matter."""
    flows = [flow(n, 3333, "r1", share) for n in range(6)] + [flow(n, 3333, "r2", 20) for n in range(11)]
    flows += [flow(n, 1103, "r2") for n in range(11)]
    found = said(made(), *in_time(flows))
    assert found[3333][6:9] == after


def test_another_exporter_that_takes_over_is_believed() -> None:
    """The sum is what it was before: nothing is missing."""
    flows = [flow(n, 3333, "r1") for n in range(6)] + [flow(n, 3333, "r2") for n in range(6, 14)]
    flows += [flow(n, 1103, "r2") for n in range(14)]
    assert said(made(), *in_time(flows))[3333][7:] == [10] * 5


def test_late_parts_of_an_unknown_bin_are_left_out() -> None:
    """Alone they would pass for the whole; those of a bin that was said are added."""
    flows = [flow(n, asn, by, 4 if n == 5 else 10) for n in range(6) for asn, by in ((3333, "r1"), (1103, "r2"))]
    flows += [flow(n, 1103, "r2") for n in range(6, 10)]
    late = [flow(7, 3333, "r1", 1), flow(5, 3333, "r1", 1), flow(2, 3333, "r1", 1)]
    found = said(made(), *flows, *late, flow(10, 1103, "r2"), flow(11, 1103, "r2"), flow(12, 1103, "r2"))
    assert found[3333] == [10, 10, 11, 10, 10, None, None, None, None, None, None]


def test_an_exporter_without_a_name_is_an_exporter() -> None:
    """Records that do not say who measured are of one exporter together."""
    assert said(made(), *(flow(n, 3333 if n < 4 else 1103, None) for n in range(9)))[3333] == [10] * 4 + [0] * 3


def test_memory_is_bounded() -> None:
    """Exporters beyond a number have no health, series beyond the limit no zeros; what is silent is forgotten."""
    stage = made(more="[feeds.f.limits]\nseries = 5")
    wild = [flow(n, 1 + i, f"r{i}-{n}") for n in range(3) for i in range(MOST_EXPORTERS // 2)]
    said(stage, *wild, flow(4, 1, "x"))
    coverage = stage.gather.coverage
    assert coverage is not None
    assert len(coverage.exporters) == MOST_EXPORTERS
    assert len(coverage.series) == 5
    stage.process(RecordChunk("0", [line(flow(60 * 24 * 7 + n, 3333, "y"), 10**6 + n) for n in range(9)]))
    stage.due()
    assert list(coverage.exporters) == ["y"]
    assert [series[0] for series in coverage.series] == [3333]


def world(rng: Random, exporters: int = 3) -> list[dict[str, Any]]:
    """Return flows in time: networks that stop and return, exporters that do, flows of no network."""
    sees = {asn: rng.sample(range(exporters), rng.choice((1, 1, 2))) for asn in (3333, 1103, 286, 0)}
    away = {name: (start := rng.randrange(5, 30), start + rng.randrange(1, 12)) for name in (*sees, *range(exporters))}
    found = []
    for minute in range(45):
        for asn, seen_by in sees.items():
            for by in seen_by:
                if not any(away[name][0] <= minute < away[name][1] for name in (asn, by)):
                    found += [flow(minute + rng.random() * 0.7, asn, f"r{by}", rng.randrange(1, 50)) for _ in range(3)]
    return in_time(found)


class Killed:
    """A source that is killed now and then, and what it has committed."""

    def __init__(self, parts: Mapping[str, list[LineRecord]]) -> None:
        self.parts, self.sent = parts, list[str]()
        self.saved = SavedSource()

    def run(self, rng: Random, kills: int) -> list[str]:
        """Return the lines that were committed."""
        while not self._once(rng, kills):
            kills -= 1
        return self.sent

    def _once(self, rng: Random, kills: int) -> bool:
        stage = made(saved=self.saved)
        for part in self.parts:
            stage.gather.clock(part)
        for chunk in self._chunks(rng):
            stage.process(chunk)
            due, when = stage.due(), rng.random() if kills > 0 else 1.0
            if when < 0.05:
                return False
            if due.measurements:
                self._commit(stage, encoded(due.measurements), due.limit)
            if when < 0.1:
                return False
        return True

    def _commit(self, stage: SourceStage, lines: list[bytes], limit: int) -> None:
        assert stage.gather.coverage is not None
        rows = stage.gather.coverage.rows()
        self.saved = self.saved.after(stage.gather.send(limit), rows)
        self.sent += [text.decode() for text in lines]

    def _chunks(self, rng: Random) -> Iterator[RecordChunk]:
        places = {part: self.saved.positions[part].offset if part in self.saved.positions else 0 for part in self.parts}
        while left := [part for part in self.parts if places[part] < len(self.parts[part])]:
            part, size = rng.choice(left), rng.randrange(1, 12)
            yield RecordChunk(part, self.parts[part][places[part] : places[part] + size])
            places[part] += size


def dealt(flows: list[dict[str, Any]], rng: Random, partitions: int) -> dict[str, list[LineRecord]]:
    """Return flows dealt at random to partitions, each ended by a flow of an exporter that nobody else is."""
    parts: dict[str, list[LineRecord]] = {str(n): [] for n in range(partitions)}
    for value in flows:
        part = parts[rng.choice(sorted(parts))]
        part.append(line(value, len(part)))
    for part in parts.values():
        part.append(line(flow(60, 3333, "end"), len(part)))
    return parts


@pytest.mark.parametrize("seed", range(12))
def test_partitions_and_kills_change_no_byte(seed: int) -> None:
    """Flows dealt at random to four partitions, and runs with many kills: the bytes of one partition, undisturbed."""
    flows = world(Random(seed))
    whole = Killed(dealt(flows, Random(seed), 1)).run(Random(0), 0)
    assert len(whole) > 60
    assert Killed(dealt(flows, Random(seed), 4)).run(Random(seed), 0) == whole
    assert Killed(dealt(flows, Random(seed), 4)).run(Random(seed), 30) == whole
    assert Killed(dealt(flows, Random(seed), 1)).run(Random(seed), 30) == whole


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_said_that_was_not_measured(seed: int) -> None:
    """What is said of a bin is the sum of all that was sent; a zero, that nothing was."""
    flows = world(Random(seed))
    sums: Counter[tuple[float, int]] = Counter()
    for value in flows:
        sums[(value["t"] // MINUTE * MINUTE, value["a"])] += value["v"]
    for text in Killed(dealt(flows, Random(seed), 2)).run(Random(seed), 9):
        measured = json.loads(text)
        assert measured["value"] == sums[(measured["ts"], measured["asn"])]


def test_a_damaged_row_is_a_line() -> None:
    """It names the topic and the source."""
    with pytest.raises(StateError, match=r"topic sources.state, source s: no coverage: "):
        made(saved=SavedSource({}, {"exporters": b"{}"}))


GOFLOW2 = """[feeds.flows]
signal = "traffic"
kind = "count"
bin = "5m"
lateness = "0s"
[sources.flows]
type = "goflow2"
feed = "flows"
"""


def goflow2(minute: int, second: int, source: int, by: str, size: int) -> dict[str, Any]:
    """Return a flow as goflow2 writes it, by its documentation."""
    ns = (START + minute * 60 + second) * 10**9
    more = {"bytes": size, "sampling_rate": 100, "sampler_address": by}
    return {"time_flow_start_ns": ns, "src_as": source, "dst_as": 0, **more}


def outages(folder: Path, network_until: int, exporter_until: int) -> list[dict[str, Any]]:
    """Return the outages in ten hours of three networks at two exporters: 192.0.2.1 sees two, 192.0.2.2 the third.

    `network_until`, `exporter_until`: minutes after which the first network or the second exporter stops.
    """
    rng = Random(network_until + exporter_until)
    ends = {(3333, "192.0.2.1"): network_until, (1103, "192.0.2.1"): 600, (286, "192.0.2.2"): exporter_until}
    lines = [
        json.dumps(goflow2(minute, second, asn, by, rng.randrange(50, 1500)))
        for minute in range(600)
        for second in range(0, 60, 20)
        for (asn, by), until in ends.items()
        if minute < until
    ]
    (folder / "ebbtide.toml").write_text(GOFLOW2)
    (folder / "flows.jsonl").write_text("\n".join(lines))
    done = ebbtide("detect", "--source", "flows", "flows.jsonl", cwd=folder)
    assert done.returncode == 0, done.stderr
    return [json.loads(text) for text in done.stdout.splitlines()]


def test_a_network_that_stops_is_an_outage_and_an_exporter_is_none(tmp_path: Path) -> None:
    """In the right bin, though it stopped within one; the settings need no `absent`."""
    found = outages(tmp_path, network_until=541, exporter_until=600)
    assert {outage["entity"] for outage in found} == {"asn/3333"}
    assert len({outage["outage_id"] for outage in found}) == 1
    assert found[-1]["started_at"] == "2023-11-15T07:15:00Z"  # 541 minutes after START
    assert found[-1]["severity"] == "total"
    assert outages(tmp_path, network_until=600, exporter_until=543) == []


def test_the_feed_of_such_a_source_treats_silence_as_unknown() -> None:
    """By itself; a setting that says otherwise is one line."""
    given: Settings = settings(FIELDS)
    assert not given.feeds["f"].silence_is_zero
    assert settings('ts = "t"\nasn = "a"').feeds["f"].silence_is_zero
    with pytest.raises(ValueError, match=r"it says zero itself: feeds.f: `absent` is"):
        settings(FIELDS, kind='count"\nabsent = "zero')
    with pytest.raises(ValueError, match=r"`fields.exporter` has no effect in a feed of kind `gauge`"):
        settings(FIELDS, "gauge")
