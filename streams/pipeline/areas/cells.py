"""What a feed's areas are summed from in one shard: its measurements by network, place and facets, bin by bin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from detectors.bins import Arrivals, OpenBins, padded
from detectors.kinds import FEED_KINDS
from detectors.outages.areas import Panel, Sums
from detectors.outages.bin_columns import bin_columns
from detectors.outages.presence import Members
from detectors.types import ClosedBin, Flags, Floats, Ints, Rule
from schemas.measurement import Measurement
from streams.config.area_spec import PLACE, Area, AreaKey, Combination
from streams.ingest.feed_kinds import add_events
from streams.ingest.series_index import KEY, Key, Series, SeriesIndex, at_home, series_of

PRESENT = Sums._fields.index("present")
AreaSums = tuple[list[Area], Floats]


class Partial(NamedTuple):
    """One shard's part in the areas of a feed in one bin: areas in order, and the limbs of their sums, by combination.

    `doubted`: most of this shard's series fell together, so that the feed may be at fault; `weight`: how many it has.
    `spoke`: whether anything was measured that is part of an area. `unread`: whether measurements of the bin may have
    been deleted unread.
    """

    start: int
    weight: int
    doubted: bool
    spoke: bool
    sums: dict[str, AreaSums]
    unread: bool = False


class Verdict(NamedTuple):
    """What the feed knows of a bin when it has closed it: see `Partial`; and whether what was silent counts as zero."""

    silence_is_zero: bool
    doubted: bool
    weight: int
    unread: bool = False


class CellIndex(SeriesIndex):
    """Rows by network, place and facets: unlike a series, a cell of a network lies in one region. `given`: new rows."""

    def __init__(self, lot: Callable[[str], int] = lambda _: 0) -> None:
        super().__init__(lot)
        self.given: set[int] = set()

    def find(self, measurements: list[Measurement]) -> list[int | None]:
        """Return the row of each measurement whose key is known, None for all others."""
        return list(map(self.keys.get, map(KEY, measurements)))

    def add(self, many: list[Series]) -> list[int]:
        """Give each of these new cells a row, and note it."""
        rows = super().add(many)
        self.given.update(rows)
        return rows

    @staticmethod
    def _key(measurement: Measurement) -> Key:
        return KEY(measurement)

    def named(self, measurement: Measurement) -> Series:
        """Return the cell that a measurement belongs to, with its country."""
        return cell_of(measurement, self.home)


def cell_of(measurement: Measurement, home: Callable[[str], str | None]) -> Series:
    """Return the cell of a measurement, with its place as one more facet.

    `home`: the country of an entity that none is measured with.
    """
    series, region = at_home(series_of(measurement), home), measurement.region
    place = (*series.facets, (PLACE, f"{series.country}/{region}"))
    return Series(series.entity, place, series.country, region)


class AreaMap:
    """Which area each cell is part of, for one combination; -1 for none."""

    def __init__(self, combination: Combination) -> None:
        self.combination = combination
        self.areas: list[Area] = []
        self.area: Ints = np.zeros(0, dtype=np.int64)
        self._numbers: dict[AreaKey, int] = {}
        self._order: Ints = np.zeros(0, dtype=np.int64)

    def put(self, cells: Sequence[Series | None], rows: Sequence[int]) -> None:
        """Take in cells that have been given a row."""
        self.area = padded(self.area, len(cells))
        for row in rows:
            self.area[row] = self._number(cells[row])
        if len(self._order) < len(self.areas):
            ordered = sorted(range(len(self.areas)), key=lambda number: self.areas[number].key)
            self._order = np.array(ordered, dtype=np.int64)

    def sums(self, cells: Sums, there: Flags) -> AreaSums:
        """Return the areas that have a cell that is `there`, in order of their names, and the limbs of their sums."""
        count, area = len(self.areas), np.where(there, self.area[: len(there)], -1)
        living = np.bincount(area[area >= 0], minlength=count)
        kept = self._order[living[self._order] > 0]
        return [self.areas[number] for number in kept.tolist()], cells.by(area, count)[:, :, kept]

    def _number(self, cell: Series | None) -> int:
        area = self.combination.area_of(cell) if cell else None
        if area is None:
            return -1
        number = self._numbers.setdefault(area.key, len(self.areas))
        if number == len(self.areas):
            self.areas.append(area)
        countries = {self.areas[number].series.country, area.series.country} - {None}
        series = self.areas[number].series._replace(country=min(countries, key=str, default=None))
        self.areas[number] = Area(series, area.rank)
        return number


class Cells:
    """All cells of one feed in one shard. `since`: start of the first bin with a measurement that closed here."""

    def __init__(
        self, rule: Rule, combinations: Sequence[Combination], lot: Callable[[str], int] = lambda _: 0
    ) -> None:
        self.rule, self.combinations = rule, combinations
        self.kind = FEED_KINDS[rule.kind]
        self.index = CellIndex(lot)
        self.bins = OpenBins(rule.kind)
        self.members = Members()
        self.panel = Panel(rule)
        self.since: int | None = None
        self._maps = [AreaMap(combination) for combination in combinations]

    def add(
        self, measurements: list[Measurement], starts: Ints, arrivals: Arrivals, found: list[int | None] | None = None
    ) -> None:
        """Bin measurements, as the feed bins those of its series. `found`: what the index found of them."""
        rows = self.index.look_up(measurements, found)
        self.index.touch(rows, starts)
        self.bins.add(starts, replace(arrivals, rows=rows), len(self.index))
        if self.kind.tracks_members:
            add_events(self.members, starts, rows, measurements)

    def correct(self, start: int, late: Measurement) -> None:
        """Let a late measurement put right who is up, as of the bin of that start, which is still open."""
        cell = cell_of(late, self.index.home)
        row = self.index.by_series.get((cell.entity, cell.facets))
        if row is not None and self.index.born[row] < start:
            self.members.add(start, (row, str(late.member), float(late.ts), bool(late.up)))
            self.members.thin(start)

    def close(self, start: int, verdict: Verdict, cutoff: int | None, surplus: Sequence[int] = ()) -> Partial:
        """Close a bin. Free the cells not measured since the `cutoff` (None: none), and those of `surplus`."""
        rows = len(self.index)
        born, closing = self.index.born[:rows], self.bins.take(start, rows)
        if self.since is None and closing.seen[:rows].any():
            self.since = start
        old = (born <= start) & (self.index.last_seen[:rows] < (0 if cutoff is None else cutoff))
        old[list(surplus)] = True
        alive = (born <= start) & ~old
        is_known = verdict.silence_is_zero or self.kind.tracks_members
        present = alive if is_known else closing.seen[:rows] & alive
        columns = bin_columns(self.kind, closing, self.members, start, rows)
        seen = ClosedBin(start, *columns[:2], present, alive, *columns[2:], self.index.group[:rows])
        since = start if self.since is None else self.since
        sums = self.panel.close(seen, born < since + self.panel.warm * self.rule.width)
        partial = self._partial(start, verdict, sums, born <= start)
        self._forget(np.flatnonzero(old), cutoff)
        return partial

    def remap(self) -> None:
        """Ask anew which areas the cells are part of."""
        self._maps = [AreaMap(combination) for combination in self.combinations]
        self.index.given = set(range(len(self.index)))

    def _partial(self, start: int, verdict: Verdict, sums: Sums, there: Flags) -> Partial:
        given, found = sorted(self.index.given), {}
        self.index.given = set()
        for area_map in self._maps:
            area_map.put(self.index.rows, given)
            found[area_map.combination.name] = area_map.sums(sums, there)
        spoke = any(bool(limbs[PRESENT].any()) for _, limbs in found.values())
        return Partial(start, verdict.weight, verdict.doubted, spoke, found, verdict.unread)

    def _forget(self, rows: Ints, cutoff: int | None) -> None:
        for row in rows.tolist():
            self.members.forget(row)
        for row in sorted(self.members.since) if cutoff is not None else ():
            self.members.forget_down(row, int(cutoff or 0))
        if len(rows):
            self.index.forget(rows)
            self.panel.forget(rows)
            self.remap()
