"""Rules used elsewhere: which bins of a series they flag, each from the bins before it."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from river import anomaly

from detectors.evaluation.scoring import Alarm
from detectors.types import DAY, WEEK, Flags, Floats
from tests.scoreboard.tap import Bins

HOUR = 3600
#: Share of the trailing median and the window it is taken over, in seconds, by signal.
FRACTIONS = {"bgp": (0.99, DAY), "active-probing": (0.80, WEEK), "telescope": (0.25, WEEK)}
OTHERWISE = (0.80, WEEK)
DEVIATIONS, TO_SIGMA = 3.0, 1.4826
FEWEST = 3  # values of an hour of the week before its deviation means anything
QUANTILE = 0.995

Rule = Callable[[Bins], Flags]


def fixed_fraction(bins: Bins) -> Flags:
    """Flag values below a fixed fraction of the trailing median."""
    fraction, window = FRACTIONS.get(bins.signal, OTHERWISE)
    return bins.values < fraction * _trailing_medians(bins.values, window // bins.width)


def hour_of_week(bins: Bins) -> Flags:
    """Flag values three robust deviations below the median of the same hour of the week before."""
    hours = (bins.start + np.arange(len(bins.values)) * bins.width) % WEEK // HOUR
    before: defaultdict[int, list[float]] = defaultdict(list)
    flags = np.zeros(len(bins.values), np.bool_)
    for index, (hour, value) in enumerate(zip(hours.tolist(), bins.values.tolist(), strict=True)):
        flags[index] = value < _lowest(before[hour])
        if not math.isnan(value):
            before[hour].append(value)
    return flags


def river_quantile(bins: Bins) -> Flags:
    """Flag values below the mean whose Gaussian score is above the score's own quantile."""
    scorer = anomaly.GaussianScorer()
    watch = anomaly.QuantileFilter(scorer, q=QUANTILE)
    flags = np.zeros(len(bins.values), np.bool_)
    for index, value in enumerate(bins.values.tolist()):
        if math.isnan(value):
            continue
        flags[index] = watch.classify(watch.score_one(None, value)) and value < scorer.gaussian.mu
        watch.learn_one(None, value)
    return flags


RULES: dict[str, Rule] = {
    "fixed fraction": fixed_fraction,
    "hour-of-week MAD": hour_of_week,
    "river quantile": river_quantile,
}


def alarms(rule: Rule, series: Iterable[Bins]) -> list[Alarm]:
    """Return an alarm for each run of flagged bins, told at the end of its first."""
    return [alarm for bins in series for alarm in _runs(bins, rule(bins))]


def _runs(bins: Bins, flags: Flags) -> Iterator[Alarm]:
    """A bin that was not measured neither raises nor ends an alarm."""
    measured = np.flatnonzero(~np.isnan(bins.values))
    edges = np.diff(flags[measured].astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(edges > 0).tolist(), np.flatnonzero(edges < 0).tolist()
    for first, after in zip(starts, ends, strict=True):
        began = bins.start + int(measured[first]) * bins.width
        over = bins.start + int(measured[after]) * bins.width if after < len(measured) else math.inf
        yield Alarm(bins.entity, bins.feed, began, began + bins.width, over)


def _trailing_medians(values: Floats, window: int) -> Floats:
    """The median of the measured values among the `window` bins before each; NaN where there is none."""
    medians, sorted_, recent = np.full(len(values), np.nan), list[float](), deque[float]()
    for index, value in enumerate(values.tolist()):
        if sorted_:
            medians[index] = _middle(sorted_)
        if len(recent) == window and not math.isnan(oldest := recent.popleft()):
            del sorted_[bisect_left(sorted_, oldest)]
        recent.append(value)
        if not math.isnan(value):
            insort(sorted_, value)
    return medians


def _middle(ordered: list[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _lowest(values: list[float]) -> float:
    """The least that is normal; -inf while too little is known."""
    if len(values) < FEWEST:
        return -math.inf
    middle = _middle(sorted(values))
    return middle - DEVIATIONS * TO_SIGMA * _middle(sorted(abs(value - middle) for value in values))
