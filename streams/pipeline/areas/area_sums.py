"""The areas of a feed: partial sums of all shards in, bins closed together, changes of outages out."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from detectors import exact_sums
from detectors.bins import padded
from detectors.outages.areas import Sums, observed, turnover
from detectors.outages.detector import Detector
from detectors.types import DAY, Change, ClosedBin, Floats, Ints, Rule
from streams.config.area_spec import Area, Combination
from streams.config.calendar import NOTHING, Calendar
from streams.config.settings import Settings
from streams.ingest.series_index import Series, SeriesIndex
from streams.pipeline.areas.cells import AreaSums, Partial

CELLS = Sums._fields.index("cells")
SeriesChanges = list[tuple[Series, Change]]
Key = tuple[str, tuple[tuple[str, str], ...]]


class Patience(NamedTuple):
    """Seconds after which an area that has no cells is forgotten, and after which a silent feed is given up.

    `most`: areas of a combination; when there are as many, one without cells is forgotten after `idle` seconds.
    """

    forget_after: float
    expire_after: float
    most: int = sys.maxsize
    idle: float = math.inf


def patience_of(settings: Settings, feed: str) -> Patience:
    """Return how long the areas of a feed are waited for, out of the settings."""
    worker, limits = settings.worker, settings.limits(feed)
    return Patience(float(worker.forget_after), float(worker.expire_after), limits.areas, limits.idle)


class Summed:
    """The areas of one combination: a row per area, with a baseline of its own.

    `rank`: what the row is summed from. `base`, `trials`: of the last bin in which the area had cells. `most`: rows at
    most; `left_out`: how many areas of the newest bin have none.
    """

    COLUMNS = ("rank", "base", "trials")

    def __init__(self, rule: Rule, calendar: Calendar = NOTHING, most: int = sys.maxsize) -> None:
        self.calendar, self.most, self.left_out = calendar, most, 0
        self.index = SeriesIndex()
        self.detector = Detector(rule, alike=False)
        self.rank: Ints = np.zeros(0, dtype=np.int64)
        self.base: Floats = np.zeros(0)
        self.trials: Floats = np.zeros(0)
        self.closings = 0  # bins closed since the last snapshot
        self.forgot = False  # whether rows were freed since then
        self.observer: Callable[[ClosedBin, list[Change]], None] | None = None  # is shown each bin that closes

    def close(self, start: int, parts: Sequence[AreaSums], doubted: bool, unread: bool = False) -> SeriesChanges:
        """Close a bin from the sums of all shards; how areas are spread over shards makes no difference.

        `unread`: measurements of a shard may have been deleted unread, so that no sum of the bin is known.
        """
        self.closings += 1
        best = _best(parts)
        displaced = self._displace(start, best)
        self._begin(parts, best)
        count = len(self.index)
        sums = self._sums(parts, best)
        here = np.flatnonzero(sums.cells > 0)
        self.index.touch(here, np.full(len(here), start))
        self._turn(sums, here)
        alive, group, side = self.index.born[:count] <= start, self.index.group[:count], self.index.side[:count]
        seen = observed(self.detector.rule, start, sums, alive, group, doubted)
        present, zones = seen.present & (not unread), self.index.zones(start)
        seen = replace(seen, side=side, unread=unread, present=present, zones=zones)
        changes = self.detector.close(seen, self.calendar.asked(self.index, start, self.detector.rule.width))
        if self.observer:
            self.observer(seen, changes)
        return displaced + self._named(changes)

    def grow(self, rows: int) -> None:
        """Make room for rows."""
        self.detector.grow(rows - self.detector.rows)
        for name in self.COLUMNS:
            setattr(self, name, padded(getattr(self, name), rows))

    def go_back(self, start: int, false_from: int) -> SeriesChanges:
        """Go back to the bin of this start, which closes next: the time was false, from a bin on. All outages end."""
        self.closings += 1
        self.index.go_back(start)
        return self._named(self.detector.go_back(start, false_from))

    def withdraw(self, at: int, false_from: int) -> SeriesChanges:
        """Withdraw the outages that opened in bins which a shard had closed before they were over."""
        self.closings += 1
        return self._named(self.detector.withdraw(at, false_from))

    def expire(self, start: int) -> SeriesChanges:
        """The feed has stopped."""
        return self._named(self.detector.expire(start))

    def forget(self, cutoff: int) -> None:
        """Free the areas that have had no cells since then, unless they have an open outage."""
        old = np.flatnonzero(self.index.last_seen[: len(self.index)] < cutoff).tolist()
        self._free([row for row in old if self.index.rows[row] and row not in self.detector.ongoing])

    def _displace(self, start: int, best: Mapping[Key, int]) -> SeriesChanges:
        """Give up the rows of areas that are measured otherwise now: one by one, not as the sum of others."""
        ranked = [(row, rank) for key, rank in best.items() if (row := self.index.by_series.get(key)) is not None]
        gone = sorted(row for row, rank in ranked if rank != self.rank[row])
        changes = self._named(self.detector.expire(start, gone))
        self._free(gone)
        return changes

    def _begin(self, parts: Sequence[AreaSums], best: Mapping[Key, int]) -> None:
        """Give areas that have cells for the first time a row, in order of their names."""
        new: dict[Key, Area] = {}
        for area in (area for part in parts for area in _with_cells(part)):
            key = identity(area)
            if area.rank == best[key] > 0 and key not in self.index.by_series:
                new[key] = min(new.get(key, area), area, key=_country)
        room = max(self.most - len(self.index.by_series), 0)
        self.left_out = max(len(new) - room, 0)
        for _, area in sorted(new.items())[:room]:
            row = self.index.append(area.series)
            self.grow(len(self.index))
            self.rank[row] = area.rank

    def _sums(self, parts: Sequence[AreaSums], best: Mapping[Key, int]) -> Sums:
        """Add up all parts, without those of areas that are measured themselves or summed from something better."""
        limbs = np.zeros((len(Sums._fields), exact_sums.LIMBS, len(self.index)))
        for areas, part in parts:
            rows = np.array([self._row(area, best) for area in areas], dtype=np.int64)
            limbs[:, :, rows[rows >= 0]] += part[:, :, rows >= 0]
        return Sums.of(limbs)

    def _row(self, area: Area, best: Mapping[Key, int]) -> int:
        key = identity(area)
        fits = area.rank > 0 and area.rank == best.get(key, area.rank)
        return self.index.by_series.get(key, -1) if fits else -1

    def _turn(self, sums: Sums, here: Ints) -> None:
        rule, count = self.detector.rule, len(sums.value)
        by = turnover(rule, sums, self.base[:count], self.trials[:count])
        rows = np.flatnonzero(by != 1)
        self.detector.rescale(rows, by[rows])
        self.base[here], self.trials[here] = sums.base[here], sums.trials[here]

    def _named(self, changes: list[Change]) -> SeriesChanges:
        return [(series, change) for change in changes if (series := self.index.rows[change.row]) is not None]

    def _free(self, rows: list[int]) -> None:
        if rows:
            gone = np.array(rows, dtype=np.int64)
            self.forgot = True
            self.index.forget(gone)
            self.detector.reset(gone)
            self.base[gone] = self.trials[gone] = 0


class Areas:
    """All areas of one feed, or those of some combinations. `closed`: start of the bin closed last."""

    def __init__(
        self, rule: Rule, patience: Patience, combinations: Sequence[Combination], calendar: Calendar = NOTHING
    ) -> None:
        self.rule, self.patience = rule, patience
        self.summed = {combination.name: Summed(rule, calendar, patience.most) for combination in combinations}
        self.closed: int | None = None
        self.silent_since: int | None = None

    def alone(self, partial: Partial) -> SeriesChanges:
        """Close a bin of the only shard that there is."""
        return self.close([partial])

    def close(self, parts: Sequence[Partial]) -> SeriesChanges:
        """Close a bin from the partials of all shards that have data of it."""
        self.closed = start = parts[0].start
        over, unread = self._given_up(start, any(part.spoke for part in parts)), any(part.unread for part in parts)
        changes: SeriesChanges = []
        for name, summed in self.summed.items():
            changes += summed.expire(start) if over else []
            changes += summed.close(start, [part.sums[name] for part in parts], _doubted(parts), unread)
            if start // DAY != (start + self.rule.width) // DAY:
                is_full = len(summed.index.by_series) >= summed.most
                patience = self.patience.idle if is_full else self.patience.forget_after
                summed.forget(int(start - patience))
        return changes

    def go_back(self, start: int, false_from: int) -> SeriesChanges:
        """Go back to the bin of this start, which closes next: the time was false, from a bin on. All outages end."""
        self.closed, self.silent_since = start - self.rule.width, None
        return [change for summed in self.summed.values() for change in summed.go_back(start, false_from)]

    def withdraw(self, at: int, false_from: int) -> SeriesChanges:
        """Withdraw the outages that opened in bins which a shard had closed before they were over."""
        return [change for summed in self.summed.values() for change in summed.withdraw(at, false_from)]

    def _given_up(self, start: int, spoke: bool) -> bool:
        """Whether the whole feed has been silent for too long: unknown is not recovered."""
        self.silent_since = None if spoke else start if self.silent_since is None else self.silent_since
        return self.silent_since is not None and start - self.silent_since >= self.patience.expire_after


def identity(area: Area) -> Key:
    """Name an area among all of the feed, whatever it is summed from."""
    return area.series.entity, area.series.facets


def _best(parts: Sequence[AreaSums]) -> dict[Key, int]:
    """Return the lowest rank at which each area is measured itself, or has cells that take part."""
    best: dict[Key, int] = {}
    for part in parts:
        for area in _with_cells(part, measured=True):
            best[identity(area)] = min(area.rank, best.get(identity(area), area.rank))
    return best


def _with_cells(part: AreaSums, *, measured: bool = False) -> list[Area]:
    """Return the areas that have cells which take part; also those that are `measured` themselves, if asked for."""
    areas, limbs = part
    has_cells = limbs[CELLS].any(axis=0).tolist()
    return [area for area, cells in zip(areas, has_cells, strict=True) if cells or (measured and area.rank == 0)]


def _country(area: Area) -> tuple[bool, str]:
    return area.series.country is None, area.series.country or ""


def _doubted(parts: Sequence[Partial]) -> bool:
    """Whether the feed is in doubt in shards that have half of its series: where areas are few, these know better."""
    weight = sum(part.weight for part in parts if part.doubted)
    return weight > 0 and 2 * weight >= sum(part.weight for part in parts)
