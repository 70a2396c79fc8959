"""Evidence of a bin: log-likelihood ratios of "fallen to rho" against "normal", in nats.

Derived in docs/detection.md#evidence-of-a-bin-evidencepy; the threshold in
docs/detection.md#sums-cusumpy-feed_spreadpy. Arrays hold an element per row and broadcast with
`rho`, a share of normal.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.types import Ints, Share, Singles

# The shares of normal that a level may have fallen to; each has a cumulative sum of its own.
RHOS = tuple(np.float32(rho) for rho in (0.95, 0.85, 0.6, 0.3, 0.02))
EMPTY = np.float32(1e-6)
MANY = np.float32(3e4)
EXCESS = 1.0
MONTH = 30 * 86_400


def threshold(budget: float, width: int) -> float:
    """Return the nats that pay for `budget` false alarms per 1,000 series and month of bins of `width` seconds.

    Lorden's bound (1971), less the mean excess of a sum over the threshold (Siegmund 1985).
    """
    return math.log(1000.0 * MONTH / width / budget) - EXCESS


def student(evidence: Singles, freedom: Singles) -> Singles:
    """Return what evidence (nats) is worth when the variance is known with so many degrees of freedom only.

    Student's law takes the place of a normal one.
    """
    worth: Singles = np.minimum((freedom + 1) / 2 * np.log1p(2 * evidence / freedom), evidence)
    return worth


def largest(numbers: Singles) -> Ints:
    """Return the index of the largest number of each column, the first of equals: `argmax` is slow along columns."""
    if not numbers.size:
        return np.zeros(0, np.int64)
    best, index = numbers[0].copy(), np.zeros(numbers.shape[1], np.int8)
    for at, line in enumerate(numbers[1:], 1):
        index += (line > best) * (np.int8(at) - index)
        np.maximum(best, line, out=best)
    return index.astype(np.int64)


def poisson_variance(expected: Singles) -> Singles:
    """Return the relative variance of counting, given the expected count of a bin (rows)."""
    variance: Singles = 1 / expected.clip(EMPTY, np.inf)
    return variance


def binomial_variance(size: Singles, expected: Singles) -> Singles:
    """Return the relative variance of counting successes, given trials and the expected share of successes (rows)."""
    least = expected.clip(EMPTY, np.inf)
    variance: Singles = (1 - least) / (least * size).clip(EMPTY, np.inf)
    return variance


def gaussian(ratio: Singles, precision: Singles, rho: Share) -> Singles:
    """Return the log-likelihood ratios of a normal location (rows, nats).

    `ratio`: value over expected; `precision`: one over its variance.
    """
    step = 1 - rho
    likelier: Singles = 1 - step / 2 - ratio
    likelier *= step * precision
    return likelier


def negative_binomial(value: Singles, spread: Singles, noise: Singles, rho: Share) -> Singles:
    """Return the log-likelihood ratios of counts with variance m + noise m² (rows, nats); Poisson without noise.

    `spread`: noise m.
    """
    lost, fallen = 1 + spread, rho * spread
    fallen += 1
    lost /= fallen
    np.log(lost, out=lost)
    total: Singles = np.log(rho) + lost
    total *= value
    lost /= noise
    total += lost
    return total


def binomial(value: Singles, size: Singles, expected: Singles, noise: Singles, rho: Share) -> Singles:
    """Return the log-likelihood ratios of successes of `size` trials (rows, nats).

    `expected`: chance of a success. The ratio is divided by how much the successes stray beyond a binomial.
    """
    chance = expected.clip(-np.inf, np.float32(0.995))
    missed = np.log((1 - rho * chance) / (1 - chance))
    plain = value * np.log(rho) + (size - value) * missed
    total: Singles = plain / (1 + noise * size * chance / (1 - chance))
    return total


def scaled_counts(value: Singles, low: Singles) -> tuple[Singles, Singles]:
    """Return counts and their expected values (rows), scaled down where these are so many that only noise matters.

    The rounding of 32-bit arithmetic would swallow the ratios of larger numbers.
    """
    if not (low > MANY).any():
        return value, low
    scale = np.minimum(MANY / np.maximum(low, 1), 1)
    return value * scale, low * scale
