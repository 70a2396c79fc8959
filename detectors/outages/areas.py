"""Areas as sums over cells; a cell is a network (or a place) with its facets in one place. Derived in docs/areas.md.

A sum is comparable from bin to bin only while the same cells are in it. What is missing counts as it was measured last
for an `hour`, and then as its usual value times what the others show of theirs: half of a country that is missing is no
fall of the country, and what the rest does is neither hidden nor made less of for long. Where cells come or go for good
the baseline is scaled by their usual values: a network that is new is no growth that could later be lost.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors import exact_sums
from detectors.bins import padded
from detectors.kinds import FEED_KINDS
from detectors.types import DAY, ClosedBin, Flags, Floats, Ints, Rule

from .time_scales import TimeScales

HOUR = 3600
PATIENCE = DAY  # a cell that is missing for longer is no part of its areas until it is back
HALF = 0.5  # of what a cell usually holds, below which it does not begin to take part
COVERED = 0.5  # share of the weights that must be measured for the sum to be known


class Sums(NamedTuple):
    """Sums over cells, an element per area; or what each cell adds to them.

    `value`, `size`, `lost`, `back`: as in `ClosedBin`, of the cells that take part and were measured: `present` of
    `cells`. `carried`, `carried_trials`: what those missing for a short time showed last. `base`, `trials`: usual
    values and trials of the cells that take part; `covered`: the usual values of those present or carried; `shown`: of
    a ratio, the successes usual in as many trials. `came`, `left`: the part of `base` that is new since the last bin,
    and what is gone; `came_trials`, `left_trials`: of `trials`.
    """

    value: Floats
    size: Floats
    lost: Floats
    back: Floats
    cells: Floats
    present: Floats
    carried: Floats
    carried_trials: Floats
    base: Floats
    trials: Floats
    covered: Floats
    shown: Floats
    came: Floats
    came_trials: Floats
    left: Floats
    left_trials: Floats

    @classmethod
    def zeros(cls, areas: int) -> Sums:
        """No cells."""
        return cls(*np.zeros((len(cls._fields), areas)))

    def by(self, area: Ints, areas: int) -> Floats:
        """Return the limbs of these sums by area (`columns × limbs × areas`), given the area of each cell (-1: none).

        They add up over shards, in any order; `of` makes sums of them.
        """
        use = area >= 0
        return np.stack([exact_sums.by_group(area[use], column[use], areas) for column in self])

    @classmethod
    def of(cls, limbs: Floats) -> Sums:
        """Return the sums, given their limbs."""
        return cls(*exact_sums.whole(limbs))


class Panel:
    """Which cells take part in their areas, and what each of them usually holds: a row per cell.

    A cell takes part when it is known as long as a series in warm-up, or since the feed itself was new, and was
    measured within `PATIENCE`.
    """

    COLUMNS = ("usual", "trials", "recent", "bins", "last", "part")

    def __init__(self, rule: Rule) -> None:
        self.rule, self.kind = rule, FEED_KINDS[rule.kind]
        scales = TimeScales.of(rule.width)
        self.warm, self.day = scales.warm, scales.day
        self.hold = max(HOUR, 2 * rule.width)
        self.usual, self.trials, self.recent = np.zeros((3, 0))  # `recent`: value measured last, of a ratio as a share
        self.bins, self.last = np.zeros((2, 0), dtype=np.int64)
        self.part = np.zeros(0, dtype=np.bool_)

    def grow(self, rows: int) -> None:
        """Make room for at least this many rows."""
        for name in self.COLUMNS:
            setattr(self, name, padded(getattr(self, name), rows))

    def forget(self, rows: Ints) -> None:
        """Make rows new cells."""
        for name in self.COLUMNS:
            getattr(self, name)[rows] = 0

    def close(self, seen: ClosedBin, first: Flags) -> Sums:
        """Return what each cell adds to its areas in a closed bin, then learn it. `first`: here since the beginning."""
        rows = len(seen.value)
        self.grow(rows)
        ok = seen.alive & seen.present & (seen.size > 0)
        if self.kind.tracks_members:
            return self._counted(seen, ok)
        was = self.part[:rows].copy()
        back = ok & ~was & self._were_away(seen.start, rows)
        self._learn(seen, ok & ~was & ~back)
        self.last[:rows][ok] = seen.start
        lately = seen.start - self.last[:rows] < PATIENCE
        settled = (self.bins[:rows] >= self.warm) | (first & (self.bins[:rows] > 0))
        part = seen.alive & lately & settled & (was | back | self._as_usual(rows))
        self._set_off(part & ~was & ~back & (self.bins[:rows] > self.warm))
        carried = part & ~ok & (seen.start - self.last[:rows] <= self.hold)
        sums = self._sums(seen, (part, part & ok, carried), (part & ~was, was & ~part))
        self._learn(seen, ok & (was | back))
        self.part[:rows] = part
        return sums

    def _were_away(self, start: int, rows: int) -> Flags:
        """Return which of so many cells were known, and then missing for so long that they left: they join at once.

        Their usual value is that of before: what they lack on their return is a fall of their area from that bin on.
        """
        return np.asarray((self.bins[:rows] >= self.warm) & (start - self.last[:rows] >= PATIENCE))

    def _as_usual(self, rows: int) -> Flags:
        """Return which of so many cells hold half of what is usual for them: what is dark adds no level to its area.

        One that has waited holds all of it, until it has waited for a day.
        """
        bins = self.bins[:rows]
        least = np.where((bins > self.warm) & (bins <= self.warm + self.day), 1.0, HALF)
        return np.asarray(self._shown(slice(rows)) >= least * self.usual[:rows])

    def _shown(self, rows: Ints | slice) -> Floats:
        """Return what cells showed last, in the unit of their usual values."""
        return np.asarray(self.recent[rows] * (self.trials[rows] if self.kind.has_trials else 1))

    def _set_off(self, waited: Flags) -> None:
        """Let cells that begin to take part after they `waited` in the dark count as what they show now.

        A mean of times in the dark and before would make their area seem to fall or to grow.
        """
        rows = np.flatnonzero(waited)
        self.usual[rows] = self._shown(rows)

    def _counted(self, seen: ClosedBin, ok: Flags) -> Sums:
        """Members are known one by one: nothing is missing, and those that are new are seen to come."""
        counted = Sums.zeros(len(ok))
        columns = (seen.value, seen.size, seen.lost, seen.back, np.ones(len(ok)), np.ones(len(ok)))
        return Sums(*(np.where(ok, column, 0) for column in columns), *counted[len(columns) :])

    def _sums(self, seen: ClosedBin, now: tuple[Flags, Flags, Flags], moved: tuple[Flags, Flags]) -> Sums:
        """Sum cells that take part, are present, are carried; and those that came and left."""
        (part, here, carried), (came, left) = now, moved
        usual, trials, recent = (column[: len(part)] for column in (self.usual, self.trials, self.recent))
        share = usual / np.where(trials > 0, trials, 1)
        ratio = self.kind.has_trials
        each = (
            (seen.value, here),
            (seen.size, here),
            (seen.lost, here),
            (seen.back, here),
            (np.ones(len(part)), part),
            (np.ones(len(part)), here),
            (recent * trials if ratio else recent, carried),
            (trials, carried),
            (usual, part),
            (trials, part),
            (usual, here | carried),
            (share * np.where(carried, trials, seen.size), here | carried),
            (usual, came),
            (trials, came),
            (usual, left),
            (trials, left),
        )
        return Sums(*(np.where(which, column, 0.0) for column, which in each))

    def _learn(self, seen: ClosedBin, which: Flags) -> None:
        """The mean of the first day, then of about the last one."""
        rows = np.flatnonzero(which)
        gain = np.maximum(1 / (self.bins[rows] + 1), self.rule.width / DAY)
        self.usual[rows] += gain * (seen.value[rows] - self.usual[rows])
        self.trials[rows] += gain * (seen.size[rows] - self.trials[rows])
        self.recent[rows] = seen.value[rows] / (seen.size[rows] if self.kind.has_trials else 1)
        self.bins[rows] += 1


def observed(rule: Rule, start: int, sums: Sums, alive: Flags, group: Ints, doubted: bool) -> ClosedBin:
    """Return a bin of areas as the detector is shown it; unknown where less than `COVERED` of an area was measured."""
    rows = len(sums.value)
    present = (sums.present > 0) & (sums.covered >= COVERED * sums.base)
    kind = FEED_KINDS[rule.kind]
    size = sums.size if kind.has_trials or kind.tracks_members else np.ones(rows)
    value = sums.value + sums.carried
    if kind.has_trials:
        whole = size + sums.carried_trials
        share = value / np.where(whole > 0, whole, 1) * _part(_part(sums.base, sums.trials) * whole, sums.shown)
        value = np.minimum(share, 1) * size
    elif not kind.tracks_members:
        value = value * _part(sums.base, sums.covered)
    value = np.where(sums.present < sums.cells, value, sums.value)
    return ClosedBin(start, value, size, present & alive, alive, sums.lost, sums.back, group, doubted)


def turnover(rule: Rule, sums: Sums, base: Floats, trials: Floats) -> Floats:
    """Return by what the baseline of each area is multiplied, since other cells take part than in the bin before.

    `base`, `trials`: of the last bin in which the area had cells; they count where nothing of it is left.
    """
    old, tried = sums.base - sums.came + sums.left, sums.trials - sums.came_trials + sums.left_trials
    moved = (sums.came > 0) | (sums.left > 0)
    old, tried = np.where(sums.cells > 0, old, 0), np.where(sums.cells > 0, tried, 0)
    whole = old <= 1e-9 * (sums.base + base)
    old, tried = np.where(whole, base, old), np.where(whole, trials, tried)
    by = _part(sums.base, old)
    if FEED_KINDS[rule.kind].has_trials:
        by = _part(by, _part(sums.trials, tried))
    return np.where(moved & (sums.base > 0), by, 1.0)


def _part(above: Floats, below: Floats) -> Floats:
    """One over the other, 1 where either is nothing."""
    fine = (above > 0) & (below > 0)
    return np.asarray(np.where(fine, above, 1.0) / np.where(fine, below, 1.0))
