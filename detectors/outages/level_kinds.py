"""The arithmetic in which gauges, counts, distinct members and ratios differ; everything else is common to levels.

Arrays hold an element per row. Derived in docs/detection.md#evidence-of-a-bin-evidencepy and
docs/detection.md#baseline-baselinepy-seasonpy-learningpy.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from detectors.types import Flags, Share, Singles

from .column_rows import rows_of
from .evidence import (
    EMPTY,
    MANY,
    RHOS,
    binomial,
    binomial_variance,
    gaussian,
    negative_binomial,
    poisson_variance,
    scaled_counts,
)
from .series_state import LevelColumns
from .time_scales import TimeScales

STEADY = np.float32(0.003**2)  # relative variance of the steadiest gauge
QUIET = np.float32(3e-4)  # and of the steadiest count or ratio
COARSE = np.float32(0.3)  # share of the level above which a step may be a spike, a dip or an outage, and no quantum
FINE = np.float32(0.1)  # share of the level, the largest quantum while none was seen
MULTIPLE = np.float32(0.02)  # of a step, how near a value on its scale lies to a multiple of it
LATELY = np.float32(8)  # times the step, below which the quantum says that a return came lately, within three weeks
ONCE = np.float32(4)  # times the step, what the first return leaves of the quantum: above the level, so still unknown
DITHER = np.float32(20)  # 2 π²: noise of the standard deviation s hides a bias of rounding by exp(−2 π² s² / q²)
FAINT = 0.004  # square of a correlation of neighbouring counts that counts as none, but for narrow bins
EVEN = np.float32(1)  # no share of trials above what is expected speaks for a fall
PARTIAL = np.float32(-3)  # evidence that a return is a partial one: what seemed back is not
PARTIAL_RATIO = np.float32(-5)  # of a ratio: the chance of a failure is less certain


class LevelKind(Protocol):
    """The arithmetic of one kind of level."""

    prior: float  # relative variance of a series that is new
    least: np.float32  # expected values up to this say too little in a bin to tell silence from darkness
    partial: np.float32  # evidence of a partial return from which on the return begins anew
    counts: bool  # whether bins also stray by counting, which has no memory
    counts_alike: bool  # whether the variance of counting is the same in bins of the same level
    neutral: tuple[np.float32, ...]  # for each of `RHOS`, the share of the expected level above which no bin is a fall

    def value(self, value: Singles, size: Singles) -> Singles:
        """Return the level of a bin, given its value and size."""

    def scale(self, size: float) -> float:
        """Return the factor from the unit of the level to that of the measurement, given the size of a bin."""

    def capped(self, expected: Singles) -> Singles:
        """Return expected levels, none above the highest possible one."""

    def counting(self, size: Singles, expected: Singles) -> Share:
        """Return the relative variance of a bin that comes of counting alone."""

    def bounded(self, value: Singles, size: Singles, low: Singles) -> tuple[Singles, Singles, Singles]:
        """Return value, size and expected level, scaled down where so much is counted that only noise matters."""

    def fallen(self, value: Singles, size: Singles, low: Singles, noise: Singles, rho: Share) -> Singles:
        """Return the log-likelihood ratio (nats) of a fall to `rho` of the level `low`."""

    def moved(self, c: LevelColumns, value: Singles) -> Singles:
        """Return how far each level has gone since its last normal bin, of a gauge."""

    def noise(self, c: LevelColumns, expected: Singles, moved: Singles) -> tuple[Singles, Singles]:
        """Return the relative variance beyond counting, and the square of the relative quantum (of a gauge)."""

    def correlation(self, echo: Singles, scales: TimeScales) -> Singles:
        """Return the correlation of neighbouring bins, given the one measured over two weeks."""

    def hidden(self, c: LevelColumns, expected: Singles, quantum_square: Singles) -> Share:
        """Return how much lower rounding makes the lowest plausible levels."""

    def surge(self, sigma: Singles, expected: Singles) -> Singles:
        """Return the relative deviation above which a bin is a surge, given three sigma."""

    def learn_quantum(self, scales: TimeScales, c: LevelColumns, value: Singles, moved: Singles) -> None:
        """Learn the smallest step of a series, given how far it has moved to a value."""

    def weighed(self, gain: Share, most: Singles, size: Singles, expected: Singles) -> tuple[Share, Singles]:
        """Return how much a bin teaches of its spread, and the largest square that counts."""

    def counted(self, level: Singles) -> Share:
        """Return the relative variance of counting at the mean level of the first day, where it is known."""


class Gauge:
    """A level that is measured: all of its variance is noise, and its steps may be quantised."""

    prior, least, partial, counts, counts_alike = 0.0025, EMPTY, PARTIAL, False, True
    neutral = tuple((1 + rho) / 2 for rho in RHOS)  # above the middle of rho and 1 a bin speaks against the fall

    def value(self, value: Singles, size: Singles) -> Singles:
        """Return the value itself."""
        return value

    def scale(self, size: float) -> float:
        """Return 1."""
        return 1.0

    def capped(self, expected: Singles) -> Singles:
        """Return the levels as they are."""
        return expected

    def counting(self, size: Singles, expected: Singles) -> Share:
        """Return 0: nothing is counted."""
        return np.float32(0)

    def bounded(self, value: Singles, size: Singles, low: Singles) -> tuple[Singles, Singles, Singles]:
        """Return the numbers as they are."""
        return value, size, low

    def fallen(self, value: Singles, size: Singles, low: Singles, noise: Singles, rho: Share) -> Singles:
        """Return the log-likelihood ratio of a normal location."""
        return gaussian(value / low, 1 / noise, rho)

    def moved(self, c: LevelColumns, value: Singles) -> Singles:
        """Return how far each level has gone; infinite where it has not moved."""
        moved: Singles = np.abs(value - c.last_value)
        moved[rows_of(~(moved > 0))] = np.inf
        return moved

    def noise(self, c: LevelColumns, expected: Singles, moved: Singles) -> tuple[Singles, Singles]:
        """Return the noise, at least that of rounding to the quantum, and the square of the relative quantum."""
        level = np.abs(expected).clip(EMPTY, np.inf)
        quantum = np.minimum(c.quantum, moved)
        new = rows_of(c.quantum > np.abs(c.level))
        if new.size:
            steps = moved[new]
            quantum[new] = np.where(steps > COARSE * level[new], 0, np.minimum(steps, FINE * level[new]))
        quantum /= level
        square = quantum.clip(-np.inf, 1) ** 2
        return np.maximum(c.noise.clip(STEADY, np.inf), square / 12), square

    def correlation(self, echo: Singles, scales: TimeScales) -> Singles:
        """Return the correlation as measured."""
        return echo

    def hidden(self, c: LevelColumns, expected: Singles, quantum_square: Singles) -> Share:
        """Return the quantum: it hides that much of a fall for good, unless noise dithers it."""
        dither = np.minimum(DITHER * c.roughness / np.maximum(quantum_square, EMPTY), 30)
        quantum: Singles = np.abs(expected) * np.sqrt(quantum_square) * np.exp(-dither)
        return quantum

    def surge(self, sigma: Singles, expected: Singles) -> Singles:
        """Return three sigma."""
        return sigma

    def learn_quantum(self, scales: TimeScales, c: LevelColumns, value: Singles, moved: Singles) -> None:
        """Learn the smallest step, and let it go within months in which the level steps.

        A step above `FINE` counts where it lies on a scale below the level: a spike says nothing of one.
        """
        rows = rows_of((moved > FINE * np.abs(c.level)) & (moved < np.inf))
        c.quantum *= np.float32(1 + 0.25 / scales.week)
        wide = _widest(c.quantum[rows], c.level[rows], c.last_value[rows], value[rows]) if rows.size else None
        np.minimum(c.quantum, moved, out=c.quantum)
        if wide is not None:
            c.quantum[rows] = wide

    def weighed(self, gain: Share, most: Singles, size: Singles, expected: Singles) -> tuple[Share, Singles]:
        """Return the gain; no square counts for more than the level itself."""
        return gain, most.clip(-np.inf, 1)

    def counted(self, level: Singles) -> Share:
        """Return 0: nothing is counted."""
        return np.float32(0)


class Count(Gauge):
    """Events of a bin: negative binomial."""

    prior, least, counts = 0.01, np.float32(0.5), True

    def counting(self, size: Singles, expected: Singles) -> Share:
        """Return the variance of a Poisson count."""
        return poisson_variance(expected)

    def bounded(self, value: Singles, size: Singles, low: Singles) -> tuple[Singles, Singles, Singles]:
        """Return large counts scaled down."""
        value, low = scaled_counts(value, low)
        return value, size, low

    def fallen(self, value: Singles, size: Singles, low: Singles, noise: Singles, rho: Share) -> Singles:
        """Return the log-likelihood ratio of a negative binomial, no more than a normal law allows of the noise."""
        noisy = noise * low
        counted, whole = negative_binomial(value, noisy, noise, rho), 1 + noisy
        over = gaussian(value / low, low / whole, rho)
        np.subtract(counted, over, out=over)
        over.clip(0, np.inf, out=over)
        noisy /= whole
        over *= noisy
        counted -= over
        return counted

    def moved(self, c: LevelColumns, value: Singles) -> Singles:
        """Return the values: that of counts is not asked for."""
        return value

    def noise(self, c: LevelColumns, expected: Singles, moved: Singles) -> tuple[Singles, Singles]:
        """Return the noise, larger in a quiet hour: its events come in clusters as large as usual, but fewer."""
        noise = expected.clip(EMPTY, np.inf)
        np.divide(c.level, noise, out=noise)
        noise.clip(1, np.inf, out=noise)
        noise *= c.noise
        return noise.clip(QUIET, np.inf, out=noise), expected

    def correlation(self, echo: Singles, scales: TimeScales) -> Singles:
        """Return the correlation drawn towards none by its error over two weeks."""
        return shrunk(echo, np.float32(min(4 / scales.week, max(0.5 / scales.week, FAINT))))

    def hidden(self, c: LevelColumns, expected: Singles, quantum_square: Singles) -> Share:
        """Return 0: events are whole."""
        return np.float32(0)

    def surge(self, sigma: Singles, expected: Singles) -> Singles:
        """Return three sigma and one event."""
        return sigma + 1 / expected

    def learn_quantum(self, scales: TimeScales, c: LevelColumns, value: Singles, moved: Singles) -> None:
        """Learn nothing: events are whole."""

    def weighed(self, gain: Share, most: Singles, size: Singles, expected: Singles) -> tuple[Share, Singles]:
        """Return a gain that is smaller where less than one event is expected."""
        return gain * expected.clip(-np.inf, 1), most

    def counted(self, level: Singles) -> Share:
        """Return the variance of a Poisson count."""
        return np.asarray(1 / np.maximum(level, EMPTY))


class Distinct(Count):
    """Different members seen in a bin; they are counted like events."""


class Ratio(Count):
    """The share of trials that succeed: binomial."""

    least, partial, counts_alike = EMPTY, PARTIAL_RATIO, False
    neutral = (EVEN,) * len(RHOS)

    def value(self, value: Singles, size: Singles) -> Singles:
        """Return successes over trials, in place."""
        value /= np.maximum(size, 1)
        return value

    def scale(self, size: float) -> float:
        """Return the trials: an expected share becomes expected successes."""
        return size

    def capped(self, expected: Singles) -> Singles:
        """Return shares of at most 1."""
        return expected.clip(-np.inf, 1)

    def counting(self, size: Singles, expected: Singles) -> Share:
        """Return the variance of a binomial share."""
        return binomial_variance(size, expected)

    def bounded(self, value: Singles, size: Singles, low: Singles) -> tuple[Singles, Singles, Singles]:
        """Return at most `MANY` trials."""
        return value, size.clip(-np.inf, MANY), low

    def fallen(self, value: Singles, size: Singles, low: Singles, noise: Singles, rho: Share) -> Singles:
        """Return the log-likelihood ratio of a binomial."""
        return binomial(value * size, size, low, noise, rho)

    def surge(self, sigma: Singles, expected: Singles) -> Singles:
        """Return three sigma."""
        return sigma

    def weighed(self, gain: Share, most: Singles, size: Singles, expected: Singles) -> tuple[Share, Singles]:
        """Return a gain that is smaller where less than one success is expected."""
        return gain * (expected * size).clip(-np.inf, 1), most

    def counted(self, level: Singles) -> Share:
        """Return 0: it depends on the trials, which differ from bin to bin."""
        return np.float32(0)


def _widest(quantum: Singles, level: Singles, last: Singles, value: Singles) -> Singles:
    """Return the quanta after steps above `FINE`; of a coarse one only the return counts, so that no fall does."""
    moved, lower = np.abs(value - last), np.minimum(value, last)
    below = (value + last < 2 * level) & _is_multiple(lower, moved)
    returned = np.where(value > last, moved * np.where(quantum < LATELY * moved, 1, ONCE), np.inf)
    steps = np.where(moved > COARSE * level, returned, moved)
    return np.where(below, np.minimum(quantum, steps), quantum)


def _is_multiple(value: Singles, step: Singles) -> Flags:
    """Return where values are whole multiples of steps."""
    times = value / step
    return np.abs(times - np.rint(times)) < MULTIPLE


def shrunk(effect: Singles, variance: Share) -> Singles:
    """Return effects measured with an error of this variance, drawn towards none (James and Stein 1961)."""
    kept: Singles = effect * effect
    kept.clip(EMPTY, np.inf, out=kept)
    np.divide(variance, kept, out=kept)
    np.subtract(1, kept, out=kept)
    kept.clip(0, np.inf, out=kept)
    kept *= effect
    return kept
