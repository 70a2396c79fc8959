"""What the other series of a country leave open: a clock change, a holiday or a first weekend moves them as well.

Derived in docs/detection.md#neighbours-neighbourspy-groupspy. `Singles` hold an element per row.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.types import Flags, Singles

from .groups import Groups
from .series_state import FallColumns

FENCE = 1.5  # interquartile ranges beyond the quartile (Tukey 1977)
SUSPECTED = 2  # nats of a sum from which on a row is no witness of what is normal
TOGETHER = 3  # rows that fall on a day of the weekend never seen, from which on it is a quiet weekend of some
COUNTRIES = 2  # countries in which rows fall so at once, from which on it is one as well
CLEARLY = 2.0  # standard deviations beyond its allowance from which on a row is one of these
CROWD = 0.05  # share of the rows that these must be
DARK = -0.9  # deviation below which a row is dark, whatever day it is
BEYOND = 1.0  # standard deviations beyond its allowance from which on a row has fallen, whatever moves the others
SURELY = 3.0  # standard deviations beyond what others leave open, from which on a row falls with a few of them


Number = TypeVar("Number", bound=np.generic)


class Deviations(NamedTuple):
    """How far rows lie from what is expected, relative to it, and the standard error of that."""

    mean: Singles
    error: Singles

    def is_below(self, allowed: Singles, beyond: float) -> Flags:
        """Return which rows lie below what is allowed, by more than some standard deviations."""
        return np.asarray(self.mean < allowed - beyond * self.error)


class Neighbours:
    """The groups in a bin: which rows count as witnesses, how far each lies from what is expected, and lay of late."""

    def __init__(
        self, groups: Groups, seen: Flags, free: Flags, falls: FallColumns, bin_: Deviations, late: Deviations
    ) -> None:
        """`seen`: rows with a value and a profile; `free`: no outage is followed. Deviations are those `of` rows."""
        self.groups, self.now, self.late = groups, bin_, late
        self.present = groups.sampled & self.of(seen)
        witness = self.present & self.of(free)
        self.witness = witness & (falls.evidence[groups.rows].max(axis=2) < SUSPECTED)

    def of(self, column: NDArray[Number]) -> NDArray[Number]:
        """Return a column (rows) of the rows that are looked at (groups × sample)."""
        return column[self.groups.rows]

    def left_open(self, *allowances: Singles) -> list[Singles]:
        """Return the share of each allowance that the group leaves open (rows).

        Allowances are 0 or less, relative to what is expected, and those `of` rows. It is the upper fence of what the
        witnesses show of theirs in this bin, or where too few are precise enough, of late; 1 where these are too few as
        well.
        """
        allowed = np.minimum(np.stack(allowances), -1e-6)
        fence = self._fences(self.now, allowed)
        few = np.isnan(fence)
        if few.any():
            late = self._fences(self.late, allowed)
            fence = np.where(few, np.where(np.isnan(late), np.float32(1), late), fence)
        return [self.groups.of_rows(each) for each in fence]

    def _fences(self, shown: Deviations, allowed: Singles) -> Singles:
        return _fence(self.witness, self.groups.least, shown.mean / allowed, shown.error / -allowed)

    def rest_together(self, unseen: Flags, allowance: Singles, beyond: float = BEYOND) -> Flags:
        """Return the rows in whose country, or in all of whose countries, some fall together beyond an allowance.

        `unseen`: rows on a day of the weekend that they have never seen. `beyond`: standard deviations. Dark rows do
        not rest, and where more go dark than half as many as fall, nobody does: it is a shutdown. Rows without a
        country may lie anywhere: they tell nothing.
        """
        counts, mean = self.present & self.of(unseen) & self.groups.named[:, None], self.now.mean
        # In this bin or of late: where bins are short, few are precise enough in each to agree from bin to bin.
        allowed = self.of(allowance)
        fell = counts & (self.now.is_below(allowed, beyond) | self.late.is_below(allowed, beyond))
        lit, gone = fell & (mean > DARK), fell & (mean <= DARK)
        # An empty bin of a few events is no darkness: it must tell a tenth of the level from none.
        dark = (gone & (self.now.error**2 <= 1 + DARK)).sum(axis=1)
        fell_lit, of_all = lit.sum(axis=1), counts.sum(axis=1)
        clearly = lit & (self.now.is_below(allowed, CLEARLY) | self.late.is_below(allowed, CLEARLY))
        lines = _crowded(fell_lit, of_all) | _crowded(self.groups.of_blocks(fell_lit), self.groups.of_blocks(of_all))
        lines |= self._rest_abroad(clearly.sum(axis=1), of_all)
        lines = lines & (2 * dark <= fell_lit)
        return np.asarray((lines & self.groups.named)[self.groups.line])

    def _rest_abroad(self, fell: NDArray[np.int64], rows: NDArray[np.int64]) -> Flags:
        """Return whether in several countries rows fall at once, more than a few outages (lines)."""
        countries, of_all = self.groups.of_blocks((fell > 0).astype(np.int64)), self.groups.of_blocks(rows)
        return np.asarray((countries >= COUNTRIES) & (self.groups.of_blocks(fell) >= CROWD * of_all))


def _crowded(fell: NDArray[np.int64], rows: NDArray[np.int64]) -> Flags:
    """Return whether those that fell are more than a few outages at once."""
    return np.asarray((fell >= TOGETHER) & (fell >= CROWD * rows))


def _fence(witness: Flags, least: NDArray[np.int64], shown: Singles, error: Singles) -> Singles:
    """Return the upper fence of each line, between 0 and 1; NaN where too few witnesses are precise enough.

    `least`: witnesses that a line needs; `shown`: the share of its allowance that each shows, `error` of it. A line is
    the last axis of these.
    """
    counts = witness & (error <= 1) & (shown <= 1 + BEYOND * error)
    count = counts.sum(axis=-1)
    ordered = np.sort(np.where(counts, shown, np.nan), axis=-1)
    first = np.arange(count.size).reshape(count.shape) * ordered.shape[-1]  # of each line, where all lie in one
    lower, upper = (ordered.take(first + (np.maximum(count - 1, 0) * share).astype(np.intp)) for share in (0.25, 0.75))
    fence = upper + (FENCE + 1 / np.sqrt(np.maximum(count, 1))) * (upper - lower)
    open_: Singles = np.where(count >= least, np.clip(fence, 0, 1), np.nan).astype(np.float32)
    return open_
