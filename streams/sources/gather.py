"""Rows to measurements: sums of series and bins, which are sent when event time has passed their end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from detectors.types import Kind
from schemas.measurement import Measurement
from streams.sources.cells import BinCells, CountCells, cells_of
from streams.sources.coverage import ExporterCoverage
from streams.sources.part_clock import PartClock, Position
from streams.sources.records import RawRecord, Row


class GatherRule(NamedTuple):
    """What decides: the feed, its kind, the width of its bins and the source's lateness, both in seconds."""

    feed: str
    kind: Kind
    width: int
    lateness: float


@dataclass(slots=True)
class Gather:
    """The open rounds of a source, each with its bins. `positions`: where each part goes on.

    `finished`: parts of which no more will come. `coverage`: of a source that says zero itself; its rounds are sent
    when the next one is complete.
    """

    rule: GatherRule
    positions: Mapping[str, Position] = field(default_factory=dict)
    clocks: dict[str, PartClock] = field(default_factory=dict)
    rounds: dict[int, dict[int, BinCells]] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    coverage: ExporterCoverage | None = None

    def clock(self, part: str) -> PartClock:
        """Return the clock of a part, which begins at its position."""
        if part not in self.clocks:
            position = self.positions.get(part, Position())
            self.clocks[part] = PartClock(self.rule.width, self.rule.lateness, position)
        return self.clocks[part]

    def begin(self, begins: Mapping[str, int]) -> bool:
        """Have parts without a position begin at these records; return whether there are any."""
        new = begins.keys() - self.positions.keys()
        for part in new:
            self.clock(part).offset = begins[part]
        return bool(new)

    def add(self, part: str, records: Sequence[RawRecord], rows: Sequence[Row]) -> None:
        """Add the rows of a chunk of records of one part, in order."""
        clock, width = self.clock(part), self.rule.width
        index, moved, before = -1, clock.newest, -1
        add: Callable[[Row], None] = _ignore
        is_again = bool(records) and records[0].offset < clock.position.done
        for row in rows:
            if row.index != index:
                index = row.index
                if moved > clock.newest or is_again:  # the clock moves between records
                    clock.move(moved)
                    clock.pass_done(records[index].offset)
                    before = -1
            ts = row.ts
            if ts > moved:
                moved = ts
            start = int(ts // width) * width
            if start != before:
                before, add = start, self._adder(clock, start, records[index].offset)
            add(row)
        clock.move(moved)
        if records:
            clock.offset = records[-1].offset + 1

    def _adder(self, clock: PartClock, start: int, offset: int) -> Callable[[Row], None]:
        """Return the function that adds a row of a record to the cells of its bin; of what is sent already, to none."""
        number = clock.round_of(start + self.rule.width)
        if clock.is_sent(number, offset):
            return _ignore
        clock.open.setdefault(number, (offset, clock.newest))
        bins = self.rounds.setdefault(number, {})
        if start not in bins:
            bins[start] = cells_of(self.rule.kind)()
        return bins[start].add

    def limit(self, idle: Collection[str] = ()) -> int:
        """Return the round to send, which all parts have reached, but for finished and idle ones; 0 for none."""
        away = {*idle, *self.finished}
        reached = min((clock.reached for part, clock in self.clocks.items() if part not in away), default=0)
        return max(0, reached - self.rule.width) if self.coverage else reached

    def due(self, limit: int) -> list[Measurement]:
        """Return the measurements of all rounds up to a limit, in order, and forget them."""
        numbers = sorted(number for number in self.rounds if number <= limit)
        return [measurement for number in numbers for measurement in self._made(number, self.rounds.pop(number))]

    def _made(self, number: int, bins: dict[int, BinCells]) -> Iterator[Measurement]:
        if self.coverage:
            return self.coverage.close(number, cast("dict[int, CountCells]", bins), self._exporters_after(number))
        return (m for start, cells in sorted(bins.items()) for m in cells.measurements(self.rule.feed, start))

    def _exporters_after(self, number: int) -> Collection[str] | None:
        """Return the exporters of the bin that begins when a round ends; None when no round follows."""
        if not self.rounds:
            return None
        cells = self.rounds.get(number + self.rule.width, {}).get(number)
        return cells.exporters() if isinstance(cells, CountCells) else ()

    def last(self) -> int:
        """Return the last round that is open; 0 when there is none."""
        return max(self.rounds, default=0)

    def send(self, limit: int) -> dict[str, Position]:
        """Return where each part goes on when the rounds up to a limit are sent."""
        return {part: clock.send(limit) for part, clock in self.clocks.items()}


def _ignore(_: Row) -> None:
    """Add nothing."""
