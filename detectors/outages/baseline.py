"""What a bin is expected to hold and how far it normally strays, learnt from normal bins only.

Derived in docs/detection.md#baseline-baselinepy-seasonpy-learningpy. Arrays hold an element per row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.types import DAY, Flags, Ints, Share, Singles

from .column_rows import computed
from .evidence import EMPTY
from .feed_spread import FeedSpread
from .level_kinds import STEADY, LevelKind, shrunk
from .local_days import HOUR
from .neighbours import SURELY, Neighbours
from .season import Around, ProfileShape, shape, smoother
from .series_state import LevelColumns

LEAST = np.float32(0.01)  # of a seasonal factor
BLANK = np.float32(0.03)  # of a seasonal factor, up to which it says too little: trust is never quite whole
FIRST_DAY = np.float32(0.02)  # wander of a level whose season is not known
SLIDE = np.float32(0.85)  # no fall below this share of the level of the last weeks is followed without saying so
QUIET_WEEKEND = np.float32(0.1)  # share of its level that a weekend may leave where others rest as well
OWN_REST = 0.75  # of what a holiday may lack, what stays open to a row that has one of its own: measured on law `mixed`
SLOPE = np.float32(4)  # variances of an hour's mean: twice that of the difference of two
BEND = np.float32(3)  # the same: twice that of the difference from the mean of the two beside it
FIRST_WEEKS = 28  # days in which an hour of the profile is not yet certain
OWN_NOISE = 3  # days after which the noise of a gauge is its own, and no season that it does not know yet
AskNeighbours = Callable[[Singles, Singles], Neighbours | None]
"""Given what is expected and its relative standard deviations (rows), the neighbours; None: too few."""


@dataclass(frozen=True, slots=True)
class Allowances:
    """How far other causes than an outage may lower a bin (rows). The decision and its explanation share them."""

    base: Singles  # level without the season, in the unit of the level
    factor: Singles  # season, 1 on average
    clock: Singles  # what a pattern that comes an hour early or late adds to the factor
    rest: Singles  # what a holiday adds to it
    weekend: Singles | None  # what a first weekend or workday multiplies the level by; None: it is none
    hidden: Share  # what rounding hides, in the unit of the level

    def lowest(self, kind: LevelKind, clock: bool = True, rest: bool = True, weekend: bool = True) -> Singles:
        """Return the lowest level that these causes together explain, in the unit of the level (rows)."""
        lower = self.factor + (self.clock if clock else 0) + (self.rest if rest else 0)
        low = self.base * np.minimum(self.factor, lower).clip(LEAST, np.inf)
        if weekend and self.weekend is not None:
            low = self.weekend * low
        lowest: Singles = (kind.capped(low) - self.hidden).clip(EMPTY, np.inf)
        return lowest

    def are_blank(self) -> Flags:
        """Return the rows that may hold next to nothing: no bin says that they have fallen."""
        lower = self.factor + self.clock
        lower += self.rest
        return np.asarray(np.minimum(lower, self.factor, out=lower) <= BLANK)


class Chance(NamedTuple):
    """What chance does to the hours of the profile of some rows in their first weeks."""

    rows: Ints | slice
    error: Singles  # relative variance of an hour's mean
    part: Singles  # of what an hour differs from those beside it, how much is taken for chance: 0 to 1


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a bin should hold and how far that may stray: an element per row, in the unit of the level or relative."""

    expected: Singles  # for learning and display
    lowest_plausible: Singles  # for evidence
    counting: Share  # relative variance of counting
    noise: Singles  # relative variance beyond counting
    precision: Singles  # one over the relative variance of a normal bin
    sigma: Singles  # square root of that variance
    quantum_square: Singles  # square of the relative quantum of a gauge; means nothing for other kinds
    moved: Singles  # how far a gauge has gone since its last normal bin; means nothing for other kinds
    factor: Singles  # season, 1 on average
    trust: Singles  # in the hour of the day
    hours: Singles  # what the hour of the day adds to 1, before trust
    weeks: Singles  # what this weekday adds to the trusted hour
    young: Flags  # first day: no profile yet
    unseen: Flags | None  # a day of the weekend never seen before; None: no row has one
    weekend: Singles | None  # to how much of the level it or a first workday may lower `lowest_plausible`; None: no row
    allowances: Allowances  # of which `lowest_plausible` is made
    alone: Allowances  # the same, were there no neighbours
    alike: Singles | None  # hours of the profile that share an error; None: each has its own
    feed: FeedSpread | None  # how rows of the feed stray; None: nothing is known of that


def predict(
    kind: LevelKind,
    width: int,
    c: LevelColumns,
    near: Around,
    at: int,
    value: Singles,
    size: Singles,
    witnesses: AskNeighbours,
    feed: FeedSpread | None,
) -> Prediction:
    """Return level times season of the bin of `width` seconds that starts at `at`, with how far it may stray.

    `value`, `size`: of the bin (rows). `near`: the profile. `witnesses`: which rows tell what others may be. `feed`:
    how its rows stray.
    """
    level, unseen, young = c.level, near.unseen, c.profile_mean <= 0
    usually = kind.counting(size, level)
    near, chance = _smoothed(kind, width, c, near, usually)
    profile = shape(near, at, width)
    hours = profile.day - 1
    trust = unit(c.hour_products / c.hour_squares.clip(EMPTY, np.inf))
    usual = 1 + trust * hours
    weeks = profile.week - usual
    fine = _finer(c, usually)
    finer = fine * weeks
    factor = (usual + finer).clip(LEAST, np.inf)
    expected = kind.capped(level * factor)
    moved = kind.moved(c, value)
    noise, quantum_square = kind.noise(c, expected, moved)
    counting = kind.counting(size, expected)
    variance = counting + noise
    sigma = np.sqrt(variance)
    blur = variance * np.float32(min(1.0, width / 3600)) * usual * usual  # of shares of the mean
    # What this weekday adds to the trusted hour moves with the clock as well.
    clock = (trust + fine * (1 - trust)) * _steep(profile.low - profile.day, chance)
    own = shrunk(weeks.clip(-np.inf, 0), blur)
    rest = np.minimum(own, _holiday(profile, usual, blur)) - finer
    base = np.maximum(level, SLIDE * (c.long_level * ~young if young.any() else c.long_level))
    alone = allowed = Allowances(
        base, factor, clock, rest, _first_days(near, trust), kind.hidden(c, expected, quantum_square)
    )
    others = witnesses(expected, sigma)
    if others is not None:
        allowed = _left_open(alone, own - finer, unseen, others)
    low, weekend = allowed.lowest(kind), allowed.weekend
    return Prediction(
        expected, low, counting, noise, 1 / variance, sigma, quantum_square, moved, factor, trust, hours, weeks, young,
        unseen, weekend, allowed, alone, _alike(chance, len(level)), feed,
    )  # fmt: skip


def _first_days(near: Around, trust: Singles) -> Singles | None:
    """Return to what share of its level a first weekend or workday may lower a row.

    What is the same by day and by night is so on weekends and workdays.
    """
    if near.first is None:
        return None
    workday = 1 - trust * (1 - near.first)
    return workday if near.unseen is None else np.where(near.unseen, near.first, workday)


def _smoothed(
    kind: LevelKind, width: int, c: LevelColumns, near: Around, counting: Share
) -> tuple[Around, Chance | None]:
    """Return the profile without the bends of hours that chance may have made, and what chance does to it.

    Chance is counting, or how far a gauge strays from bin to bin: what lasts for hours may be its season. None: the
    profile is certain, and is returned as it is.
    """
    if width > HOUR:
        return near, None
    early = c.bins_learnt < math.ceil(FIRST_WEEKS * DAY / width)
    if not kind.counts:
        early &= c.bins_learnt >= math.ceil(OWN_NOISE * DAY / width)
        counting = np.minimum(c.noise, c.roughness)
    if not early.any():
        return near, None
    rows = computed(early)
    days = c.bins_learnt[rows] * np.float32(width / DAY)
    days.clip(1, np.inf, out=days)
    chance = np.asarray(counting)[rows] * np.float32(width / HOUR)
    error = np.divide(chance, days, out=days).astype(np.float32)
    error *= early[rows]
    bend = near.before[rows] + near.after[rows]
    bend /= 2
    np.subtract(near.here[rows], bend, out=bend)
    part = bend * bend
    part.clip(EMPTY * EMPTY, np.inf, out=part)
    np.divide(BEND * error, part, out=part)
    part.clip(-np.inf, 1, out=part)
    bend *= part
    return smoother(near, rows, bend), Chance(rows, error, part)


def _alike(chance: Chance | None, rows: int) -> Singles | None:
    """Return how many hours share an error: three where all that they differ by is taken for chance."""
    if chance is None:
        return None
    more = 2 * chance.part
    more += 1
    if isinstance(chance.rows, slice):
        return more
    hours = np.ones(rows, np.float32)
    hours[chance.rows] = more
    return hours


def _steep(dip: Singles, chance: Chance | None) -> Singles:
    """Return how much lower an hour beside is, as far as that is no chance."""
    if chance is None:
        return dip
    steep = shrunk(dip[chance.rows], SLOPE * chance.error)
    if isinstance(chance.rows, slice):
        return steep
    dip[chance.rows] = steep
    return dip


def _left_open(alone: Allowances, own: Singles, unseen: Flags | None, others: Neighbours) -> Allowances:
    """Return what the neighbours of the same moment leave open of the allowances of rows alone.

    `own`: what this weekday lacked before in the row itself, whatever others do.
    """
    factor, weekend = alone.factor, alone.weekend
    usual = others.of(factor)
    clock, rest = others.left_open(others.of(alone.clock) / usual, others.of(alone.rest) / usual)
    clock *= alone.clock
    rest.clip(OWN_REST, 1, out=rest)
    rest *= alone.rest.clip(-np.inf, 0)
    np.minimum(rest, own, out=rest)
    if weekend is not None:
        closed = 1 - (1 - weekend) * others.left_open(others.of(weekend) - 1)[0]
        weekend = closed if unseen is None else _resting(weekend, closed, unseen, others)
    return Allowances(alone.base, factor, clock, rest, weekend, alone.hidden)


def _resting(weekend: Singles, closed: Singles, unseen: Flags, others: Neighbours) -> Singles:
    """Return what a first weekend leaves of the level where others may rest as well.

    `weekend`: of a row alone; `closed`: as its neighbours show it.
    """
    together = unseen & others.rest_together(unseen, weekend - 1)
    # A few that rest among many that do not, as offices among homes, are no outages of each.
    few = unseen & others.rest_together(unseen, closed - 1, SURELY)
    return np.where(together, QUIET_WEEKEND, np.where(few, weekend, closed))


def unit(share: Singles) -> Singles:
    """Return numbers bounded by 0 and 1 (any shape)."""
    bounded: Singles = share.clip(0, 1)
    return bounded


def _finer(c: LevelColumns, counting: Share) -> Singles:
    """Return the trust in what the weekday adds, with a prior against it. `counting`: its variance in a usual bin."""
    noise: Singles = c.noise.clip(STEADY, np.inf)
    noise += counting
    noise *= 4
    noise += c.weekday_squares
    return unit(np.divide(c.weekday_products, noise, out=noise))


def _holiday(profile: ProfileShape, usual: Singles, blur: Singles) -> Singles:
    """Return what a holiday may lack of the usual factor: 0 or less.

    It is like the day of rest or, where none is known, the quietest weekday, which may be so by chance. `blur`: the
    relative variance of an hour's mean.
    """
    return shrunk(profile.quiet - usual, blur * (np.float32(4) * ~profile.rests))
