"""What a bin is expected to hold and how far it normally strays, learnt from normal bins only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .columns import Columns
from .evidence import Singles, information
from .observed import DAY, Flags, Rule
from .season import Around, Shape, shape, slot_of

EMPTY = np.float32(1e-6)
STEADY = np.float32(0.003**2)  # no gauge is trusted to be steadier than this
FIRST_DAY = np.float32(0.02)  # wander of a level whose season is not known
WEEKEND = np.float32(0.7)  # the first Saturday and Sunday of a series may be as quiet as this
SLIDE = np.float32(0.85)  # no fall below this share of the level of the last weeks is followed without saying so
SATURDAY = 5
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
    """What a bin should hold, per row: `mid` for learning and display, `low` for evidence; info and wander of both."""

    mid: Singles
    low: Singles
    noise: Singles  # relative variance beyond counting
    inform: Singles  # one over the relative variance of a normal bin
    wander: Singles  # relative variance that does not average out over the bins of a run
    echo: Singles  # correlation of neighbouring bins
    factor: Singles  # season, 1 on average
    hours: Singles  # what the hour of the day adds to 1, before trust
    weeks: Singles  # what this weekday adds to that
    young: Flags  # first day: no profile yet


def predict(rule: Rule, pace: Pace, c: Columns, near: Around, at: int, value: Singles, size: Singles) -> Expected:
    """Level times season, with how far it may stray. `value` only narrows the step of a quantised gauge."""
    profile = shape(near, at, rule.width)
    young = c["norm"] <= 0
    norm = np.where(young, np.float32(1), c["norm"])
    known = ~young & (profile.day >= 0)
    hours = np.where(known, profile.day / norm - 1, 0)
    weeks = np.where(known, (profile.week - profile.day) / norm, 0)
    trust = np.clip(c["fit"][:, 0] / np.maximum(c["fit"][:, 1], EMPTY), 0, 1)
    spread = 1 / information(rule.kind, size, np.maximum(c["level"], EMPTY), np.maximum(c["noise"], STEADY))
    finer = np.clip(c["fit"][:, 2] / (c["fit"][:, 3] + 4 * spread), 0, 1)
    factor = np.maximum(1 + trust * hours + finer * weeks, np.float32(0.01))
    mid = c["level"] * factor
    noise, coarse = _noise(rule, c, mid, value)
    inform = information(rule.kind, size, np.maximum(mid, EMPTY), noise)
    lowest = _lowest(rule, profile, known, norm, trust, weeks, inform)
    base = np.where(young, c["level"], np.maximum(c["level"], SLIDE * c["anchor"]))
    low = base * np.maximum(np.minimum(factor, lowest), np.float32(0.01))
    if slot_of(at) % 7 >= SATURDAY:
        low = np.where(profile.fresh & known, WEEKEND * low, low)
    if rule.kind == "ratio":
        mid, low = np.minimum(mid, 1), np.minimum(low, 1)
    settle = np.float32(0.5 / pace.day) / inform
    wander = np.maximum(c["wander"], 0) + coarse + settle + np.where(young, FIRST_DAY, np.float32(0))
    echo = np.clip(1 - c["rough"] * inform, 0, np.float32(0.95))
    return Expected(mid, np.maximum(low, EMPTY), noise, inform, wander, echo, factor, hours, weeks, young)


def _lowest(
    rule: Rule, profile: Shape, known: Flags, norm: Singles, trust: Singles, weeks: Singles, inform: Singles
) -> Singles:
    """The lowest factor that the profile makes plausible: an hour early or late, or a holiday like a quiet weekday."""
    around = trust * (profile.low / norm - 1)
    blur = np.float32(min(1.0, rule.width / 3600)) / inform
    own = _shrunk(np.minimum(weeks, 0), blur)
    holiday = _shrunk((profile.quiet - profile.day) / norm, 4 * blur)
    return np.where(known, 1 + around + np.minimum(own, holiday), 1)


def _shrunk(effect: Singles, variance: Singles) -> Singles:
    """An effect measured with an error, drawn towards none (James and Stein 1961)."""
    return effect * np.maximum(1 - variance / np.maximum(effect * effect, EMPTY), 0)


def _noise(rule: Rule, c: Columns, mid: Singles, value: Singles) -> tuple[Singles, Singles]:
    """Relative variance beyond counting, and what rounding to steps hides for good (dithering undoes it)."""
    if rule.kind != "gauge":
        return np.maximum(c["noise"], QUIET), np.zeros_like(mid)
    level = np.maximum(np.abs(mid), EMPTY)
    step = np.abs(value - c["last"])
    quantum = np.where(step > 0, np.minimum(c["quantum"], step), c["quantum"])
    unseen = np.minimum(quantum, np.float32(0.1) * level)
    relative = np.where(np.isinf(c["quantum"]), np.where(step > 0, unseen, 0), quantum) / level
    square = np.minimum(relative, 1) ** 2
    dither = np.exp(-np.minimum(np.float32(40) * c["rough"] / np.maximum(square, EMPTY), 30))
    return np.maximum(np.maximum(c["noise"], STEADY), square / 12), square / 6 * dither
