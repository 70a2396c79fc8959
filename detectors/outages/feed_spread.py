"""How the series of a feed stray, taken together: a prior for those whose own days are few (empirical Bayes).

Derived in docs/detection.md#sums-cusumpy-feed_spreadpy. Arrays hold an element per row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from detectors.types import Floats, Share, Singles

from .series_state import Bins
from .time_scales import TimeScales

ECHO = np.float32(0.95)  # the longest memory from bin to bin; what is longer is wander
ERROR = np.float32(3)  # variance of a measured memory r, times bins / (1 - r²): simulated, bins of 10 min to 2 h
FIRST_DAY = np.float32(4)  # added to it, over the days: a first day shows little of a covariance
LENDERS = 32  # rows from which on a feed lends: of fewer, how far they differ is in error by a quarter
LOOKED_AT = 4_096  # rows, evenly spaced; the order of fewer does not matter
FAR = 2.0  # standard deviations from the others: what lies farther is a row of its own, and is drawn so much less
LEAST = -0.5  # of a measured memory: steps of a season make it less
FIRST = 8.0  # rows that count for what is usual of any feed
FEW = 2.0  # rows for which that counts
SURE = np.float32(0.5)  # standard errors of a memory that are added to it
SURE_COUNTS = np.float32(1)  # the same of what is counted
USUAL_MEMORY = 0.25  # of a bin, from one to the next
USUAL_SPREAD = 1.0  # variance of the logarithm of rows' variances
MOST = 1_000.0  # degrees of freedom of a feed whose rows are all alike
CHANCE = np.float32(16)  # times that a day may show too little of a variance: a quarter of the deviation
SMALL = np.float32(1e-6)  # times that a row may be noisier than others: more says no more
UNIT = 2.0**20  # part of a number that sums are exact to


class Shown(NamedTuple):
    """What rows show of their memory, an element each: correlations with the bin before (`memory`) and with the mean of
    the hour before (`swings`). `error`: the variance of the first by chance.
    """

    memory: Singles
    swings: Singles
    error: Singles


class FeedSpread(NamedTuple):
    """`memory`: mean correlation of neighbouring bins, `differing`: the variance of those of rows. `variance`:
    relative, of a typical row. `freedom`: how alike rows are, in degrees of freedom: those of an inverse chi-square law
    of their variances (Smyth 2004). `swings`: mean correlation of a bin with the mean of the hour before it.
    """

    memory: float
    differing: float
    variance: float
    freedom: float
    swings: float = 0.0

    @classmethod
    def of(cls, scalars: Mapping[str, float]) -> FeedSpread | None:
        """Return what a feed has learnt; None: nothing yet."""
        return cls(*(scalars.get(name, 0.0) for name in cls._fields)) if "freedom" in scalars else None


def measure(scales: TimeScales, shown: Shown, precision: Singles, learnt: Bins) -> FeedSpread:
    """Return the spread of a feed, given what rows show, one over the variance of a bin, and bins learnt."""
    count = len(learnt)
    memory = np.clip(shown.memory.astype(np.float64), LEAST, ECHO)
    swings = max(_sum(np.clip(shown.swings.astype(np.float64), -1, 1)) / count, 0.0)
    usual = max((_sum(memory) + FIRST * USUAL_MEMORY) / (count + FIRST), 0.0)
    differing = _differing(memory, usual, shown.error.astype(np.float64))
    own = freedom(scales, learnt, np.float32(usual)).astype(np.float64)
    logs = -np.log(precision.astype(np.float64))
    middle = _sum(logs) / count
    apart = (_sum((logs - middle) ** 2) + FEW * USUAL_SPREAD) / (count + FEW)
    alike = min(2 / max(apart - _sum(2 / own + 2 / own**2) / count, 2 / MOST), MOST)
    # Of a chi-square variance with k degrees of freedom the mean logarithm lies 1 / k too low.
    typical = float(np.exp(middle + _sum(1 / own) / count - 1 / max(alike, 1)))
    return FeedSpread(usual, differing, typical, alike, swings)


def _differing(memory: Floats, usual: float, error: Floats) -> float:
    """Return how far the memories of rows differ beyond chance, by their variance and its standard error.

    At most as a beta law of weight 2 about the usual one does.
    """
    count, chance = len(memory), _sum(error) / len(memory)
    seen = _sum((memory - usual) ** 2) / count
    return min(max(seen - chance, 0.0) + seen * math.sqrt(2 / count), usual * max(float(ECHO) - usual, 0.0) / 3)


def error_of_gauges(scales: TimeScales, measured: Singles, learnt: Bins) -> Singles:
    """Return the variance of memories measured by noise and roughness."""
    square = measured.clip(0, ECHO) ** 2
    return np.asarray(ERROR * (1 - square) / np.maximum(learnt, scales.warm), np.float32)


def error_of_counts(scales: TimeScales, measured: Singles, learnt: Bins, share: Singles) -> Singles:
    """Return the same of memories measured by a covariance but for a `share` of them; a first day hardly knows it."""
    bins = np.maximum(learnt, scales.warm).astype(np.float32)
    young = FIRST_DAY * (1 - share) * np.float32(scales.day) / bins
    return np.asarray((ERROR + young) * (1 - measured.clip(0, ECHO) ** 2) / bins, np.float32)


def _sum(numbers: Floats) -> float:
    """Return a sum that does not depend on the order of numbers."""
    return int(np.rint(numbers * UNIT).astype(np.int64).sum()) / UNIT


def freedom(scales: TimeScales, learnt: Bins, memory: Share) -> Singles:
    """Return the degrees of freedom of variances learnt from so many bins, of two weeks at most, with this memory.

    It takes from those of a first day of hours. Of shorter bins the first day's noise errs on the safe side.
    """
    least = np.float32(scales.day - scales.season)
    bins = (learnt.astype(np.float32) - np.float32(scales.season)).clip(least, 2 * scales.week)
    square = memory * memory if scales.hour == 1 else np.float32(0)
    return np.asarray(bins - bins.clip(0, scales.day) * (2 * square / (1 + square)))


def plausible_memory(feed: FeedSpread, shown: Shown, sure: np.float32 = SURE) -> tuple[Singles, Singles]:
    """Return how much of a bin the next may remember: what a row shows, drawn towards the feed, and `sure` errors more.

    What it shares with the hour before it is drawn alike. A row far from the others is less one of them.
    """
    away = shown.memory - np.float32(feed.memory)
    apart = np.maximum(np.float32(feed.differing), away * away / np.float32(FAR**2) - shown.error)
    gain = apart / (apart + shown.error)
    drawn = (feed.memory + gain * away).clip(0, ECHO)
    swings = feed.swings + gain * (shown.swings - np.float32(feed.swings))
    memory = (drawn + sure * np.sqrt(gain * shown.error)).clip(0, ECHO)
    return np.asarray(memory, np.float32), np.asarray(swings, np.float32)


def shared_freedom(feed: FeedSpread, precision: Singles, own: Singles) -> Singles:
    """Return how many degrees of freedom the feed adds to the `own` ones of a row: fewer where it is far from others.

    So a quiet network among noisy ones keeps its own noise as soon as its days show that it is no chance.
    """
    away: Singles = np.log((np.float32(feed.variance) * precision).clip(SMALL, np.inf))
    apart = np.maximum(np.float32(2 / max(feed.freedom, 1 / MOST)), away * away / np.float32(FAR**2) - 2 / own)
    return np.asarray(2 / apart * (feed.freedom > 0), np.float32)


def underrated(feed: FeedSpread, precision: Singles, own: Singles, shared: Singles) -> Singles:
    """Return by how much a variance is more than its row shows, 1 or more, given degrees of freedom of row and feed.

    What others show makes no row steadier than it shows itself, and no day shows less than a part in `CHANCE` of it.
    """
    times: Singles = (np.float32(feed.variance) * precision).clip(-np.inf, CHANCE)
    more: Singles = (shared * times + own) / (shared + own)
    return more.clip(1, np.inf)
