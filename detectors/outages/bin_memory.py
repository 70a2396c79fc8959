"""How much of a bin the next ones remember: what neighbouring bins share does not average out over a run.

Derived in docs/detection.md#sums-cusumpy-feed_spreadpy. Arrays hold an element per row.
"""

from __future__ import annotations

import numpy as np

from detectors.types import Ints, Share, Singles

from .baseline import FIRST_DAY as YOUNG_WANDER
from .baseline import Prediction
from .evidence import EMPTY
from .feed_spread import ECHO, SURE, SURE_COUNTS, Shown, error_of_counts, error_of_gauges, plausible_memory
from .level_kinds import QUIET, LevelKind
from .series_state import LevelColumns
from .time_scales import TimeScales

LASTING = np.float32(0.98)  # what is longer is wander
LASTING_GAUGE = np.float32(0.8)  # the same of gauges: with more a sudden fall would be worth no more than a slow turn


def memory(
    kind: LevelKind, scales: TimeScales, c: LevelColumns, prediction: Prediction, rows: Ints
) -> tuple[Singles, Singles, Singles]:
    """Return the correlation of neighbouring bins of these rows, the share of it that each further bin keeps, and the
    part of a bin's variance that does not average out over the bins of a run.
    """
    precision, noise = prediction.precision[rows], prediction.noise[rows]
    usual, shown = shows(kind, scales, c, rows, precision, noise)
    if prediction.feed is not None and scales.hour == 1:
        echo, swings = plausible_memory(prediction.feed, shown, SURE_COUNTS if kind.counts else SURE)
    else:
        echo, swings = _own(kind, scales, c, rows, shown, noise * precision), shown.swings
    lasting = echo
    if kind.counts or scales.hour > 1:  # of gauges in wide bins, memory is drawn to the feed, and wander tells the rest
        longest = LASTING if kind.counts else LASTING_GAUGE
        lasting = np.maximum(_lasting(echo, swings, scales.short).clip(0, longest), echo)
    if has_covariance(kind, scales):  # of a quiet or sunk bin more is counting; in a quiet hour noise is larger, too
        larger = noise / c.noise[rows].clip(QUIET, np.inf)
        echo = np.clip(echo / usual * larger * precision, 0, ECHO)
    wander = np.maximum(c.wander[rows], 0) + np.where(prediction.young[rows], YOUNG_WANDER, np.float32(0))
    return echo, lasting, wander * precision + np.float32(0.5 / scales.day)


def _own(kind: LevelKind, scales: TimeScales, c: LevelColumns, rows: Ints, shown: Shown, share: Singles) -> Singles:
    """Return the memory of rows where their feed tells nothing, or where shorter bins show more than there is.

    `share`: of the variance of a bin, what is no counting.
    """
    echo = kind.correlation(shown.memory, scales)
    if has_covariance(kind, scales):
        echo += (1 - np.sqrt(share)) * np.sqrt(shown.error)  # noise and roughness err on the safe side
    elif kind.counts:  # what is counted has no memory; after a week a row's own bins tell it
        echo = np.where(c.bins_learnt[rows] < scales.week, np.minimum(echo, share), echo)
    return np.asarray(echo.clip(0, ECHO))


def shows(
    kind: LevelKind, scales: TimeScales, c: LevelColumns, rows: Ints, precision: Singles, noise: Singles
) -> tuple[Singles, Shown]:
    """Return one over the variance of a usual bin, and what rows show of their memory as shares of that.

    `precision` and `noise` are those of the bin of now: the usual ones of gauges. What is counted strays more where
    less is expected, so its usual variance is a mean over time, as its covariance is.
    """
    rough, short, learnt = c.roughness[rows], c.short_wander[rows], c.bins_learnt[rows]
    if not has_covariance(kind, scales):
        echo = np.asarray(1 - rough * precision)
        return precision, Shown(echo, short * precision, error_of_gauges(scales, echo, learnt))
    # Roughness shows a long memory sooner, but takes errors of a profile for one, which are of counting mostly.
    share, together = np.sqrt(noise * precision), covariance(c, rows, 1 / precision)
    together = together + share * (1 / precision - rough - together)
    usual = 1 / (rough + together.clip(0, np.inf)).clip(EMPTY, np.inf)
    echo = together * usual
    return usual, Shown(echo, short * usual, error_of_counts(scales, echo, learnt, share))


def has_covariance(kind: LevelKind, scales: TimeScales) -> bool:
    """Return whether rows learn how neighbouring bins stray together: where hours count, not shorter bins."""
    return kind.counts and scales.hour == 1


def covariance(c: LevelColumns, rows: Ints, variance: Singles) -> Singles:
    """Return the covariance of neighbouring bins of what counts; an older state knows it by the `variance` of a bin."""
    learnt = c.covariance[rows]
    return np.where(np.isinf(learnt), variance - c.roughness[rows], learnt)


def begin_memory(
    kind: LevelKind, scales: TimeScales, c: LevelColumns, rows: Ints, variance: Singles, together: Singles
) -> None:
    """Set what bins share with those before, after a first day with this `variance` of a bin and this covariance.

    What lasts of what counts may last for long.
    """
    echo = np.clip(1 - c.roughness[rows] / np.maximum(variance, EMPTY), 0, ECHO)
    c.short_wander[rows] = variance * echo / (scales.short - (scales.short - 1) * echo)
    if has_covariance(kind, scales):
        c.covariance[rows] = together
        share = (c.noise[rows] / np.maximum(variance, EMPTY)).clip(0, 1)
        c.short_wander[rows] = together + share * (c.short_wander[rows] - together)


def learn_covariance(
    c: LevelColumns, deviation: Singles, before: Singles, counting: Share, gain: Share, most: Singles
) -> None:
    """Learn how far bins stray together with those `before` them (relative deviations, of squares up to `most`).

    Counting, and errors of single hours, have no part in that. It is symmetric: it is measured above the baseline and
    doubled, for below are also falls.
    """
    older = np.isinf(c.covariance).nonzero()[0]
    if older.size:
        c.covariance[older] = covariance(c, older, c.noise[older] + np.asarray(counting)[older])
    bound = np.sqrt(most)
    product = 2 * before.clip(0, bound) * np.minimum(deviation, bound) - c.covariance
    product[np.isnan(product)] = 0
    product *= gain
    c.covariance += product


def _lasting(echo: Singles, swings: Singles, bins: int) -> Singles:
    """Return the ratio rho of correlations a rho^k over k bins, where a rho is `echo`.

    `swings`: the correlation of a bin with the exponential mean over `bins` before it, a g rho / (1 - (1 - g) rho) for
    a gain g of 1 / bins. Counting and errors of measurement add noise without a memory: neighbours alone do not show
    how long it is.
    """
    gain = np.float32(1 / bins)
    return np.asarray((1 - gain * echo / swings.clip(EMPTY, np.inf)) / (1 - gain))
