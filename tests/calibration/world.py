"""Terms of the level of quiet series in several countries: local time, days of rest, holidays, school, noise.

Each term is a function of a scene; terms are multiplied. Matrices are (steps, series), where a step is a bin, or half
an hour of a wider bin: what happens within a bin is averaged (`binned`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.types import DAY, FRIDAYS

Matrix = NDArray[Any]
HOUR = 3_600
STEP = 1_800  # seconds of a step at most: a third of a changed clock is not lost in it
COUNTRIES = 20  # fifty series each, of a thousand
FRIDAY, SATURDAY = 4, 5
AHEAD = (np.arange(FRIDAYS + COUNTRIES + 1) * 7 % 24 - 11) * HOUR  # local time by code of the country, s ahead of UTC
WARM = 8  # days after which clocks change and holidays come


class Scene(NamedTuple):
    """Where and when series are drawn. `at`: seconds since a Monday (steps, 1); `country`: codes (series)."""

    rng: np.random.Generator
    at: Matrix
    country: Matrix
    days: int
    width: int

    @property
    def series(self) -> int:
        """How many series."""
        return len(self.country)

    @property
    def bins(self) -> int:
        """How many bins."""
        return self.days * DAY // self.width


def scene(rng: np.random.Generator, count: int, days: int, width: int, weekday: int = 0) -> Scene:
    """Return a scene that begins on a weekday, 0 is Monday. A fifth of the countries have weekends on Fri and Sat."""
    codes = np.arange(COUNTRIES) + np.where(np.arange(COUNTRIES) % 5 == 4, FRIDAYS, 1)
    step = min(width, STEP)
    at = weekday * DAY + np.arange(days * DAY // step, dtype=np.int64)[:, None] * step
    return Scene(rng, at, rng.permutation(np.resize(codes, count)), days, width)


def binned(s: Scene, level: Matrix) -> Matrix:
    """Return the mean level of each bin (bins, series)."""
    mean: Matrix = level[: s.bins * (len(level) // s.bins)].reshape(s.bins, -1, s.series).mean(axis=1, dtype=np.float32)
    return mean


def by_country(s: Scene, low: float, high: float) -> Matrix:
    """Return a number for each series, the same within a country, drawn evenly."""
    numbers: Matrix = s.rng.uniform(low, high, FRIDAYS + COUNTRIES)[s.country]
    return numbers


def diurnal(s: Scene, local: Matrix) -> Matrix:
    """Day and night by the local time (s): a swing of up to 50 %, and up to 15 % twice a day: steeper mornings."""
    angle = 2 * np.pi * (local - s.rng.uniform(-3, 7, s.series) * HOUR) / DAY
    once, twice = s.rng.uniform(0, 0.5, s.series), s.rng.uniform(0, 0.15, s.series)
    level: Matrix = (1 - once * np.cos(angle) - twice * np.cos(2 * angle)).astype(np.float32)
    return level


def weekend(s: Scene, local: Matrix) -> Matrix:
    """Whether the local day is one of the weekend of the country."""
    first = np.where(s.country >= FRIDAYS, FRIDAY, SATURDAY)
    flags: Matrix = (local // DAY - first) % 7 < 2
    return flags


def local_time(s: Scene) -> Matrix:
    """Return the local time in seconds, countries being 11 hours behind UTC to 12 ahead."""
    local: Matrix = s.at + AHEAD[s.country]
    return local


def holidays(s: Scene, local: Matrix | None = None) -> Matrix:
    """Whether the day is a holiday of the country: one in fifteen days after the first eight, once two in a row.

    Days are those of `local` time (s), or of UTC.
    """
    days = s.at[-1, 0] // DAY + 1
    flags = np.zeros((days, FRIDAYS + COUNTRIES), np.bool_)
    for code in np.unique(s.country) if s.days > WARM else ():
        begins = s.rng.integers(s.at[0, 0] // DAY + WARM, days, max(round(s.days / 15), 2))
        flags[begins, code] = True
        flags[min(begins[0] + 1, days - 1), code] = True
    day = (s.at if local is None else local) // DAY
    rows: Matrix = flags[np.clip(day, 0, days - 1), s.country]
    return rows


def shifted(s: Scene, by_row: bool = False) -> Matrix:
    """Return the local time after clocks moved by an hour, early or late, on a date of each country (or series)."""
    draw = s.rng.uniform(0, 1, (2, s.series) if by_row else (2, FRIDAYS + COUNTRIES))
    date, side = draw if by_row else draw[:, s.country]
    turn = s.at[0, 0] + (WARM + date * (s.days - WARM)).astype(np.int64) * DAY
    local: Matrix = s.at + np.where(side < 0.5, HOUR, -HOUR) * (s.at >= turn)
    return local


def late(s: Scene) -> Matrix:
    """Return the local time where mornings from five to eleven are an hour late, for two weeks of each country."""
    begin = s.at[0, 0] + by_country(s, WARM, max(s.days - 14, WARM + 1)).astype(np.int64) * DAY
    free = (s.at >= begin) & (s.at < begin + 14 * DAY)
    hour = s.at % DAY / HOUR
    # The hour is lost from five to seven and won back from eleven to one.
    lag = np.interp(hour, (5, 7, 11, 13), (0, HOUR, HOUR, 0))
    local: Matrix = s.at - lag * free
    return local


def growth(s: Scene) -> Matrix:
    """A level that changes by −5 to 40 % in 60 days."""
    level: Matrix = 1 + s.rng.uniform(-0.05, 0.4, s.series) * (s.at - s.at[0]) / DAY / 60
    return level


def autoregressive(rng: np.random.Generator, steps: int, memory: Matrix) -> Matrix:
    """First-order autoregression of variance 1, `memory` is the correlation of neighbouring bins (series)."""
    noise: Matrix = rng.standard_normal((steps, len(memory)), dtype=np.float32)
    fresh = np.sqrt(1 - memory**2).astype(np.float32)
    noise[1:] *= fresh
    for before, after in pairwise(noise):
        after += memory.astype(np.float32) * before
    return noise
