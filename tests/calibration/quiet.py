"""Simulated quiet series: everything that a healthy network's measurements do, and no outage."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.types import DAY, ClosedBin, Kind
from tests.detectors.series import START, bins

Matrix = NDArray[Any]
HOUR = 3_600
MISSING = 0.01  # share of bins without a measurement


class Presence(NamedTuple):
    """Members of networks: matrices (bins, series)."""

    up: Matrix
    named: Matrix
    lost: Matrix
    back: Matrix
    missing: Matrix


def quiet(kind: Kind, count: int, days: int, width: int, seed: int) -> Iterator[ClosedBin]:
    """Bins of `count` series without an outage, the same for the same seed."""
    rng = np.random.default_rng([seed, days, width, count, sum(kind.encode())])
    return measured(rng, kind, level(rng, count, days, width), width, np.ones(count, np.int64))


def measured(
    rng: np.random.Generator, kind: Kind, shape: Matrix, width: int, group: Matrix, start: int = START
) -> Iterator[ClosedBin]:
    """Bins of series around a relative level (bins, series); `group`: country codes (series). Some bins are missing."""
    if kind == "presence":
        return observed(members(rng, shape, width), width, group, start)
    value, size = KINDS[kind](rng, shape)
    return bins(np.where(rng.random(value.shape) < MISSING, np.nan, value), width, size, start, group)


def level(rng: np.random.Generator, count: int, days: int, width: int) -> Matrix:
    """Relative level, a matrix (bins, series): day and night, weekends, two holidays, growth and autocorrelated noise.

    The day swings by up to 50 %, weekends and holidays lie up to 30 % lower, 60 days change the level by −5 to +40 %.
    """
    at = np.arange(days * DAY // width)[:, None] * width
    day = at // DAY
    shift = rng.uniform(-3, 7, count) * HOUR
    season = 1 - rng.uniform(0, 0.5, count) * np.cos(2 * np.pi * (at - shift) / DAY)
    first, second = rng.integers(8, days, (2, count))
    free = (day % 7 >= 5) | (day == first) | (day == second)
    season *= np.where(free, 1 - rng.uniform(0, 0.3, count), 1) * (1 + rng.uniform(-0.05, 0.4, count) * at / DAY / 60)
    relative: Matrix = (season * (1 + wander(rng, len(at), count, width))).astype(np.float32)
    return relative


def wander(rng: np.random.Generator, steps: int, count: int, width: int) -> Matrix:
    """First-order autoregression: standard deviation up to 5 %, memory of half an hour to twelve hours."""
    memory = np.exp(-width / (rng.uniform(0.5, 12, count) * HOUR))
    noise: Matrix = rng.uniform(0, 0.05, count) * np.sqrt(1 - memory**2) * rng.standard_normal((steps, count))
    for before, after in pairwise(noise):
        after += memory * before
    np.clip(noise, -0.5, 0.5, out=noise)
    return noise


def _dispersed(rng: np.random.Generator, mean: Matrix) -> Matrix:
    """Rates around a mean, a gamma: relative variance beyond counting of up to 0.05."""
    spread = rng.uniform(1e-4, 0.05, mean.shape[1])
    rates: Matrix = mean * rng.gamma(1 / spread, spread, mean.shape)
    return rates


def counts(rng: np.random.Generator, shape: Matrix) -> tuple[Matrix, None]:
    """1 to 10,000 a bin."""
    rates = _dispersed(rng, shape * 10 ** rng.uniform(0, 4, shape.shape[1]))
    return rng.poisson(rates).astype(np.float32), None


def distinct(rng: np.random.Generator, shape: Matrix) -> tuple[Matrix, None]:
    """Different members behind 1 to 10,000 events a bin, of a pool of half to ten times as many.

    A member is seen when any of its events falls in the bin, and these are Poisson.
    """
    base = 10 ** rng.uniform(0, 4, shape.shape[1])
    pool = np.maximum(base * rng.uniform(0.5, 10, shape.shape[1]), 2).astype(np.int64)
    rates = _dispersed(rng, shape * base)
    return rng.binomial(pool, 1 - np.exp(-rates / pool)).astype(np.float32), None


def gauges(rng: np.random.Generator, shape: Matrix) -> tuple[Matrix, None]:
    """Levels of 10 to 10,000 with noise of 0.2 to 10 %, whole numbers; three in ten have ten steps only."""
    count = shape.shape[1]
    base = 10 ** rng.uniform(1, 4, count)
    step = np.where(rng.random(count) < 0.3, base / 10, 1)
    noisy = shape * base * (1 + rng.uniform(0.002, 0.1, count) * rng.standard_normal(shape.shape))
    return (np.round(np.maximum(noisy, 0) / step) * step).astype(np.float32), None


def ratios(rng: np.random.Generator, shape: Matrix) -> tuple[Matrix, Matrix]:
    """Successes of 5 to 300 trials a bin; 60 to 99 % succeed, more or less as the level is."""
    count = shape.shape[1]
    size = rng.poisson(np.broadcast_to(10 ** rng.uniform(0.7, 2.5, count), shape.shape))
    chance = np.clip(rng.uniform(0.6, 0.99, count) * (0.7 + 0.3 * shape), 0, 0.999)
    return rng.binomial(size, chance).astype(np.float32), size.astype(np.float32)


KINDS = {"count": counts, "distinct": distinct, "gauge": gauges, "ratio": ratios}


def members(rng: np.random.Generator, shape: Matrix, width: int, sizes: tuple[float, float] = (0.7, 3)) -> Presence:
    """Networks of 5 to 1,000 members that are lost every 12 hours to 20 days, and are away for hours.

    `shape`: how often, relative to the usual (bins, series). `sizes`: the least and the most members, as powers of
    ten. Members of a network are lost together now and then: beta-binomial, correlation up to 0.03. A tenth joins late.
    """
    count: int = shape.shape[1]
    final = (10 ** rng.uniform(*sizes, count)).astype(np.int64) + 1
    named = np.ceil(final * (0.9 + 0.1 * np.linspace(0, 1, len(shape))[:, None])).astype(np.int64)
    often = 1 - np.exp(-width / (10 ** rng.uniform(-0.3, 1.3, count) * DAY))
    again = 1 - np.exp(-width / (rng.uniform(0.5, 12, count) * HOUR))
    weight = 1 / rng.uniform(1e-3, 0.03, count) - 1
    missing = rng.random(shape.shape) < MISSING
    up, lost, back = (np.zeros(shape.shape, np.int64) for _ in range(3))
    now, before = rng.binomial(named[0], again / (again + often)), named[0]
    for k, line in enumerate(shape):
        chance = np.clip(often * line, 1e-9, 0.5)
        share = np.where(missing[k], 0, rng.beta(chance * weight, (1 - chance) * weight))
        lost[k], back[k] = rng.binomial(now, share), rng.binomial(before - now, np.where(missing[k], 0, again))
        now, before = now - lost[k] + back[k] + named[k] - before, named[k]
        up[k] = now
    return Presence(up, named, lost, back, missing)


def observed(seen: Presence, width: int, group: Matrix, start: int = START) -> Iterator[ClosedBin]:
    """Bins of networks, from what became of their members."""
    alive = np.ones(seen.up.shape[1], np.bool_)
    for k, (up, named, lost, back, missing) in enumerate(zip(*seen, strict=True)):
        numbers = (column.astype(float) for column in (lost, back))
        yield ClosedBin(
            start + k * width,
            up.astype(float),
            named.astype(float),
            ~missing,
            alive,
            next(numbers),
            next(numbers),
            group,
        )
