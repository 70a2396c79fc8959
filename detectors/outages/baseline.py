"""What a bin is expected to hold and how far it normally strays, learnt from normal bins only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from detectors.types import DAY, FRIDAYS, Flags, Ints, Rule

from .evidence import Share, Singles, at_least, at_most, counting
from .season import Around, Shape, shape, slot_of
from .series_state import Columns

EMPTY = np.float32(1e-6)
LEAST = np.float32(0.01)  # of a seasonal factor
STEADY = np.float32(0.003**2)  # no gauge is trusted to be steadier than this
FIRST_DAY = np.float32(0.02)  # wander of a level whose season is not known
WEEKEND = np.float32(0.7)  # the first weekend of a series may be as quiet as this
SLIDE = np.float32(0.85)  # no fall below this share of the level of the last weeks is followed without saying so
FRIDAY, SATURDAY = 4, 5
QUIET = np.float32(3e-4)  # nor a count or a ratio


@dataclass(frozen=True, slots=True)
class Pace:
    """How many bins make the times that matter, for one bin width."""

    warm: int
    day: int
    half: int
    recent: int
    week: int
    month: int

    @classmethod
    def of(cls, width: int) -> Pace:
        """Bins of six hours, a day, half a day, three hours, a week and four weeks, with a least number each."""
        bins = [math.ceil(seconds / width) for seconds in (DAY // 4, DAY, DAY // 2, DAY // 8, 7 * DAY, 28 * DAY)]
        least = (6, 12, 8, 4, 24, 48)
        return cls(*(max(*pair) for pair in zip(bins, least, strict=True)))


@dataclass(frozen=True, slots=True)
class Expected:
    """What a bin should hold, per row: `mid` for learning and display, `low` for evidence; how far both may stray."""

    mid: Singles
    low: Singles
    noise: Singles  # relative variance beyond counting
    inform: Singles  # one over the relative variance of a normal bin
    sigma: Singles  # square root of that variance
    coarse: Singles  # square of the relative step of a gauge; means nothing for other kinds
    factor: Singles  # season, 1 on average
    trust: Singles  # in the hour of the day
    hours: Singles  # what the hour of the day adds to 1, before trust
    weeks: Singles  # what this weekday adds to the trusted hour
    young: Flags  # first day: no profile yet
    unseen: Flags | None  # a day of the weekend never seen before, for which `low` is lowered; None on other days


def predict(
    rule: Rule, pace: Pace, c: Columns, near: Around, at: int, value: Singles, size: Singles, group: Ints
) -> Expected:
    """Level times season, with how far it may stray. `value` only narrows the step of a quantised gauge."""
    profile, level = shape(near, at, rule.width), c["level"]
    young = c["norm"] <= 0
    hours = profile.day - 1
    trust = unit(c["fit"][:, 0] / at_least(c["fit"][:, 1], EMPTY))
    usual = 1 + trust * hours
    weeks = profile.week - usual
    factor = at_least(usual + _finer(rule, c, size) * weeks, LEAST)
    mid = at_most(level * factor, 1) if rule.kind == "ratio" else level * factor
    noise, coarse = _noise(rule, c, mid, value)
    variance = counting(rule.kind, size, mid) + noise
    blur = variance * np.float32(min(1.0, rule.width / 3600))
    lowest = np.minimum(factor, _lowest(profile, trust, usual, weeks, c["rest"] > 0, blur))
    base = np.maximum(level, SLIDE * (c["anchor"] * ~young))
    low = base * at_least(lowest, LEAST)
    unseen = _unseen_weekend(at, profile.fresh, group)
    if unseen is not None:
        low = np.where(unseen, WEEKEND * low, low)
    if rule.kind == "ratio":
        low = at_most(low, 1)
    sigma = np.sqrt(variance)
    low = at_least(low, EMPTY)
    return Expected(mid, low, noise, 1 / variance, sigma, coarse, factor, trust, hours, weeks, young, unseen)


def _unseen_weekend(at: int, fresh: Flags, group: Ints) -> Flags | None:
    """Rows that have not seen this day of the weekend; None where it is not one for any."""
    weekday = slot_of(at) % 7
    if weekday >= SATURDAY:
        return fresh
    if weekday == FRIDAY and (group >= FRIDAYS).any():
        return fresh & (group >= FRIDAYS)
    return None


def unit(share: Singles) -> Singles:
    """Between 0 and 1."""
    bounded: Singles = share.clip(0, 1)
    return bounded


def _finer(rule: Rule, c: Columns, size: Singles) -> Singles:
    """Trust in what the weekday adds, with a prior against it."""
    noise: Share = at_least(c["noise"], STEADY) + counting(rule.kind, size, c["level"])
    return unit(c["fit"][:, 2] / (c["fit"][:, 3] + 4 * noise))


def memory(rule: Rule, pace: Pace, c: Columns, e: Expected, rows: Ints) -> tuple[Singles, Singles]:
    """Of some rows, the correlation of neighbouring bins, and the part of a bin's variance that does not average out
    over the bins of a run.
    """
    rough, inform, coarse = c["rough"][rows], e.inform[rows], e.coarse[rows]
    echo = 1 - rough * inform
    if rule.kind != "gauge":
        # What counting makes of a bin is known: what else there is may be the error of two weeks.
        echo = _shrunk(echo, np.float32(4 / pace.week))
    echo = np.clip(echo, 0, np.float32(0.95))
    wander = np.maximum(c["wander"][rows], 0) + np.where(e.young[rows], FIRST_DAY, np.float32(0))
    if rule.kind == "gauge":
        wander += coarse / 6 * np.exp(-np.minimum(np.float32(40) * rough / np.maximum(coarse, EMPTY), 30))
    return echo, wander * inform + np.float32(0.5 / pace.day)


def _lowest(profile: Shape, trust: Singles, usual: Singles, weeks: Singles, rests: Flags, blur: Singles) -> Singles:
    """The lowest factor that the profile makes plausible: an hour early or late, or a holiday like the day of rest.

    Where none is known the quietest weekday is, which may be the lowest of seven by chance. `blur`: the variance of an
    hour's mean.
    """
    own = _shrunk(at_most(weeks, 0), blur)
    blur *= np.float32(4) * ~rests
    holiday = _shrunk(profile.quiet - usual, blur)
    lowest: Singles = np.minimum(own, holiday, out=own)
    lowest += trust * (profile.low - 1)
    lowest += 1
    return lowest


def _shrunk(effect: Singles, variance: Share) -> Singles:
    """An effect measured with an error, drawn towards none (James and Stein 1961)."""
    kept: Singles = effect * effect
    at_least(kept, EMPTY, out=kept)
    np.divide(variance, kept, out=kept)
    np.subtract(1, kept, out=kept)
    at_least(kept, 0, out=kept)
    kept *= effect
    return kept


def _noise(rule: Rule, c: Columns, mid: Singles, value: Singles) -> tuple[Singles, Singles]:
    """Relative variance beyond counting, and the square of a gauge's relative step."""
    if rule.kind != "gauge":
        # Of a quiet hour the events may come in as large clusters as of a usual one: fewer, so that they stray more.
        return at_least(c["noise"] * at_least(c["level"] / at_least(mid, EMPTY), 1), QUIET), mid
    level = at_least(np.abs(mid), EMPTY)
    step = leap(c, value)
    quantum = np.minimum(c["quantum"], step)
    new = np.flatnonzero(np.isinf(c["quantum"]))
    quantum[new] = np.where(np.isinf(step[new]), 0, np.minimum(quantum[new], np.float32(0.1) * level[new]))
    quantum /= level
    square = at_most(quantum, 1) ** 2
    return np.maximum(at_least(c["noise"], STEADY), square / 12), square


def leap(c: Columns, value: Singles) -> Singles:
    """How far a gauge has gone since its last normal bin; infinite where it has not moved."""
    step: Singles = np.abs(value - c["last"])
    step[np.flatnonzero(~(step > 0))] = np.inf
    return step
