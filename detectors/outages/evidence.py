"""How much a bin says that the level has fallen: log-likelihood ratios of "fallen to rho" against "normal", in nats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.types import Kind

Singles = NDArray[np.floating[Any]]
Share = np.floating[Any] | Singles

# The shares of normal that a level may have fallen to; each has a cumulative sum of its own.
RHOS = tuple(np.float32(rho) for rho in (0.95, 0.85, 0.6, 0.3, 0.02))
MANY = np.float32(3e4)
EXCESS = 1.0
MONTH = 30 * 86_400


def at_least(numbers: Singles, least: float | Share, out: Singles | None = None) -> Singles:
    """The larger of each number and one other: clipping on both sides is three times as fast as `np.maximum`."""
    larger: Singles = numbers.clip(least, np.inf, out=out)
    return larger


def at_most(numbers: Singles, most: float | Share, out: Singles | None = None) -> Singles:
    """The smaller of each number and one other."""
    smaller: Singles = numbers.clip(-np.inf, most, out=out)
    return smaller


def threshold(budget: float, width: int) -> float:
    """Nats that pay for `budget` false alarms per 1,000 series and month of bins of `width` seconds.

    Lorden's bound (1971) less what it gives away: a sum passes the threshold by some nats, not exactly (Siegmund 1985).
    """
    return math.log(1000.0 * MONTH / width / budget) - EXCESS


def counting(kind: Kind, size: Singles, expected: Singles) -> Share:
    """Relative variance of a bin that comes of counting alone; all of a gauge's is noise."""
    if kind == "gauge":
        return np.float32(0)
    least = at_least(expected, np.float32(1e-6))
    if kind == "ratio":
        return (1 - least) / at_least(least * size, np.float32(1e-6))
    return 1 / least


def gaussian(ratio: Singles, inform: Singles, rho: Share) -> Singles:
    """Normal location: `ratio` of value and expected, `inform` one over its variance."""
    step = 1 - rho
    return (1 - step / 2 - ratio) * (step * inform)


def negative_binomial(value: Singles, expected: Singles, noise: Singles, rho: Share) -> Singles:
    """Counts with variance m + noise m²; Poisson as noise goes to 0."""
    spread = noise * expected
    lost = np.log((1 + spread) / (1 + rho * spread))
    total: Singles = value * (np.log(rho) + lost) + lost / noise
    return total


def binomial(value: Singles, size: Singles, expected: Singles, noise: Singles, rho: Share) -> Singles:
    """Successes of `size` trials with chance `expected`, divided by how much they stray beyond a binomial."""
    chance = at_most(expected, np.float32(0.995))
    missed = np.log((1 - rho * chance) / (1 - chance))
    plain = value * np.log(rho) + (size - value) * missed
    total: Singles = plain / (1 + noise * size * chance / (1 - chance))
    return total


def bounded(kind: Kind, value: Singles, size: Singles, low: Singles) -> tuple[Singles, Singles, Singles]:
    """Counts and trials scaled down where there are so many that over-dispersion is all that matters.

    The ratios of larger numbers would be lost in the rounding of 32-bit arithmetic.
    """
    if kind == "ratio":
        return value, at_most(size, MANY), low
    if kind == "gauge" or not (low > MANY).any():
        return value, size, low
    scale = np.minimum(MANY / np.maximum(low, 1), 1)
    return value * scale, size, low * scale


def fallen(kind: Kind, value: Singles, size: Singles, low: Singles, noise: Singles, rho: Share) -> Singles:
    """Log-likelihood ratio of a fall to `rho` of `low`; `value` is a share for a ratio, `noise` a gauge's variance."""
    if kind == "gauge":
        return gaussian(value / low, 1 / noise, rho)
    if kind == "ratio":
        return binomial(value * size, size, low, noise, rho)
    return negative_binomial(value, low, noise, rho)
