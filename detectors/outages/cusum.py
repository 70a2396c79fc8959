"""Cumulative sums of evidence, one per depth of fall, and the discount for noise that does not average out.

Derived in docs/detection.md#sums-cusumpy-feed_spreadpy. Arrays hold an element per row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.types import Flags, Ints, Share, Singles

from .baseline import QUIET_WEEKEND, Prediction
from .bin_memory import memory
from .column_rows import computed, rows_of, taken
from .evidence import RHOS, largest, student
from .feed_spread import freedom, shared_freedom, underrated
from .level_kinds import LevelKind
from .series_state import Bins, Chunk
from .time_scales import TimeScales

NEARLY_GONE = np.float32(0.1)
SURPLUS = np.float32(1.05)  # no bin speaks against a fall more than this and three sigma do
FAINT = 2  # nats
LONGEST = np.uint16(65_000)  # bins that a run counts up to
LAST = len(RHOS) - 1  # the sum of a total loss
PROFILE_DAYS = 33  # days that an hour of the profile is the mean of at most: seven weekdays at a gain of 0.35 a week
DEEP = 0.3  # on the first day only falls to this share or below count


def advance(
    kind: LevelKind,
    scales: TimeScales,
    c: Chunk,
    prediction: Prediction,
    value: Singles,
    size: Singles,
    counts: Flags,
    cap: float,
) -> tuple[Singles, Singles]:
    """Add a bin where it `counts` (rows); return the evidence of each row (nats), and the index of its rho. Page 1954.

    A run of n bins is discounted by the variance of its mean: correlation of neighbours, and wander that stays. A bin
    adds at most `cap` nats to the evidence unless nearly all is gone; one that speaks against a fall adds none.
    Sums below `FAINT` nats are no evidence yet.
    """
    value, size, low = kind.bounded(value, size, prediction.lowest_plausible)
    sway = 3 * low * prediction.sigma
    value = np.minimum(value, SURPLUS * low + sway)
    sums, runs = c.falls.evidence.T, c.falls.bins.T
    before = sums.copy()
    usable = counts & ~prediction.young
    for index, rho in enumerate(RHOS):
        counted = counts if rho <= DEEP else usable
        # A bin that speaks against the fall leaves a sum of zero as it is.
        fell = value < kind.neutral[index] * low
        wanted = (before[index] > 0) | (fell & counted)
        if not np.count_nonzero(wanted):
            continue
        rows = computed(wanted)
        x, n, m = value[rows], size[rows], (_full(kind, prediction, low) if index == LAST else low)[rows]
        # A bin beyond what is tested counts as much as the test expects: one outlier is undone by one normal bin.
        least = rho * m
        least -= sway[rows]
        step = kind.fallen(np.maximum(x, least, out=least), n, m, prediction.noise[rows], rho)
        step *= (wanted & counted)[rows]
        _add(sums[index], runs[index], rows, step)
    _note_missing(c)
    top = sums.max(axis=0)
    rows = rows_of(top >= FAINT)
    evidence, rho_index = np.zeros((2, len(top)), np.float32)
    if rows.size:
        gone = value[rows] <= NEARLY_GONE * low[rows]
        evidence[rows], rho_index[rows] = _weigh(kind, scales, c, prediction, gone, before, rows, cap)
    return evidence, rho_index


def _full(kind: LevelKind, prediction: Prediction, low: Singles) -> Singles:
    """Return what darkness is measured against: a first weekend may be quiet, but it is never dark.

    Where others rest as well it may be so quiet that darkness is measured against that.
    """
    if prediction.weekend is None:
        return low
    return kind.capped(low / np.where(prediction.weekend > QUIET_WEEKEND, prediction.weekend, 1))


def _add(sums: Singles, runs: NDArray[np.uint16], rows: Ints | slice, step: Singles) -> None:
    """Add a step to a sum of some rows, and a bin to its run."""
    total, length = sums[rows], runs[rows]  # views of all rows, else copies
    total += step
    total.clip(0, np.inf, out=total)
    length += length <= LONGEST
    length *= total > 0
    if not isinstance(rows, slice):
        sums[rows], runs[rows] = total, length


def _note_missing(c: Chunk) -> None:
    """Remember how many bins were missing just before a sum left zero."""
    falls, missing = c.falls, c.phases.missing
    rows = rows_of(missing != falls.missing_before)
    if not rows.size:
        return
    begun = rows[(taken(falls.bins, rows) == 1).any(axis=1)]
    falls.missing_before[begun] = missing[begun]


def _weigh(
    kind: LevelKind,
    scales: TimeScales,
    c: Chunk,
    prediction: Prediction,
    gone: Flags,
    olds: Singles,
    rows: Ints,
    cap: float,
) -> tuple[Singles, Ints]:
    """Discount the sums of a few rows, and return the largest of each and its index. `gone`: of these rows."""
    echo, lasting, stays = memory(kind, scales, c.levels, prediction, rows)
    now, length = taken(c.falls.evidence, rows).T, taken(c.falls.bins, rows).T
    discount = _discount(length, echo, lasting, stays) + _profile_error(scales, c, prediction, rows, length, echo)
    estimated = (prediction.noise[rows] * prediction.precision[rows]).clip(0.05, np.inf)
    if (feed := prediction.feed) is None:
        degrees = _bins_known(scales, c.levels.bins_learnt[rows]) / estimated
    else:
        degrees = freedom(scales, c.levels.bins_learnt[rows], echo) / estimated
        shared = shared_freedom(feed, prediction.precision[rows], degrees)
        discount *= underrated(feed, prediction.precision[rows], degrees, shared)
        degrees += shared
    full = student(now / discount, degrees)
    rho_index = largest(full)
    # What was there before counts where the bin adds more than it may.
    index, at = divmod(np.flatnonzero((full > np.float32(cap)) & ~gone), len(rows))
    old = olds[index, rows[at]]
    past = student(old / discount[index, at], degrees[at]) * (now[index, at] > old)
    full[index, at] = np.minimum(full[index, at], past + np.float32(cap))
    return full.max(axis=0), rho_index


def _bins_known(scales: TimeScales, learnt: Bins) -> Singles:
    """Return from how many bins a variance is known, of two weeks at most."""
    return np.clip(learnt.astype(np.float32), scales.day, 2 * scales.week)


def _discount(length: Bins | np.float32, echo: Singles, lasting: Singles, stays: Share) -> Singles:
    """Return the variance of a run's mean against that of independent bins."""
    bins = length.astype(np.float32)
    more = (bins - 1).clip(0, np.inf)
    total: Singles = 1 + 2 * echo * more / (1 + more * (1 - lasting)) + bins * stays
    return total


def _profile_error(
    scales: TimeScales, c: Chunk, prediction: Prediction, rows: Ints, length: Bins, echo: Singles
) -> Singles:
    """Return the part of a run's variance that comes of the profile, in variances of a bin's mean.

    The hours of the profile are means of so many days; those of a run share the error of each hour.
    """
    hour = np.float32(scales.hour)
    days = (c.levels.bins_learnt[rows].astype(np.float32) / np.float32(scales.day)).clip(1, PROFILE_DAYS)
    blur = prediction.trust[rows] ** 2 * _discount(hour, echo, echo, np.float32(0)) / hour / days
    bins = length.astype(np.float32)
    alike = hour if prediction.alike is None else hour * prediction.alike[rows]  # bins that share an error
    error: Singles = blur * (bins * hour / (bins + alike))
    return error
