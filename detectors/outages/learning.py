"""How a normal bin changes the baseline: robust, slow to follow a fall that may be an outage, slow to trust a surge.

Derived in docs/detection.md#baseline-baselinepy-seasonpy-learningpy. Arrays hold an element per row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.types import DAY, WEEK, ClosedBin, Flags, Ints, Share, Singles

from .baseline import BLANK, Prediction
from .bin_memory import begin_memory, has_covariance, learn_covariance
from .column_rows import rows_of
from .detector_state import ScoredBin
from .evidence import EMPTY
from .first_day import first_day_spread
from .level_kinds import QUIET, LevelKind
from .local_days import HOUR, LocalDays
from .outage_lifecycle import FOLLOWED, NORMAL
from .season import LOOKED, SIGN, Bits, Slots, narrow, noted, quietest, slot_of, unseen_weekend, widen
from .series_state import LevelColumns, SeriesStore
from .time_scales import TimeScales

ALMOST = 0.95  # share of a day that is a first day
PIECE = 32_768  # rows whose columns of an hour are in the cache
PART = 2_048  # rows whose whole profiles are in the cache
HALF = np.float32(0.5)
CALM = 2  # nats of evidence from which on a bin says nothing about the season
DOUBTFUL = 1  # nats of evidence from which on level and noise wait for the run to end before they learn it
# Parts a day of what waits are learnt even so, for each of `RHOS`: a level that has changed is followed at last.
LEAK = np.array([4, 4, 1, 1, 1], np.float32)  # wander and growth are shallow, a deep run is more like an outage
HALF_GONE = np.float32(-0.5)  # mean deviation of the last hour below which a doubted first weekend teaches nothing
DARK = np.float32(0.05)  # share of the level below which a first day shows darkness, and no night


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a normal bin teaches: an element per row, relative to what was expected unless it says otherwise."""

    value: Singles  # of the bin, in the unit of the level
    size: Singles  # trials of a ratio
    expected: Singles  # in the unit of the level
    deviation: Singles  # bounded
    counting: Share  # variance of counting
    learnt: Singles  # bins learnt before
    use: Share  # 0: what a first weekend lacks is its own
    grown: Share  # 0: on the first day nothing moves that lasts
    doubtful: Ints  # rows whose level and noise wait
    leak: Singles  # share of what waits that each of them learns even so


def learn(
    kind: LevelKind,
    scales: TimeScales,
    c: LevelColumns,
    prediction: Prediction,
    value: Singles,
    size: Singles,
    evidence: Singles,
    rho_index: NDArray[np.int8],
) -> None:
    """Learn one bin into the columns of rows that are all normal now; what one with evidence (nats) teaches may wait.

    `value`, `size`: of the bin (rows). `rho_index`: of the rho that explains the evidence best.
    """
    learnt = c.bins_learnt.astype(np.float32)
    expected, counting = prediction.expected.clip(EMPTY, np.inf), prediction.counting
    if not learnt.all():
        first = learnt == 0
        begin(kind, c, first, value)
        expected = np.where(first, np.maximum(value, EMPTY), expected)
        counting = kind.counting(size, expected)
    surges, clipped = _clip(kind, scales, c, prediction, value, expected, learnt)
    rise, grown = _pace(scales, prediction.young, learnt)
    if not kind.counts_alike and prediction.young.any():
        _note_counting(c, prediction.young, counting, learnt)
    calm, use = _teaching(c, prediction, evidence)
    is_blank = prediction.factor <= BLANK  # next to nothing is expected: what comes says nothing of the level
    blank = rows_of(is_blank)
    if blank.size:
        clipped[blank] = 0
        use = use * ~is_blank
    doubtful = rows_of((evidence >= DOUBTFUL) & ~prediction.young)
    leak = LEAK[rho_index[doubtful].astype(np.intp)] / np.float32(scales.day)
    lesson = Lesson(value, size, expected, clipped, counting, learnt, use, grown, doubtful, leak)
    _spread(kind, scales, c, prediction, lesson)
    kept = expected * (1 + clipped)
    seasonal = np.minimum(kept, np.maximum(value, prediction.lowest_plausible))
    seasonal[blank] = value[blank]
    _season(scales, c, prediction, value, seasonal, calm)
    # A quiet hour knows less of the level: what it misses is not scaled up.
    missed = kept - prediction.factor * c.level
    missed /= prediction.factor.clip(1, np.inf)
    missed *= rise * use
    np.maximum(missed, -(c.level + c.pending_level), out=missed)  # what has waited for long takes no level below 0
    _commit(c.level, c.pending_level, missed, doubtful, leak)
    c.long_level += (c.level - c.long_level) * (grown * np.float32(1 / scales.month))
    c.surge_share += np.float32(1 / scales.day) * (surges - c.surge_share)
    c.last_value[:] = value
    c.bins_learnt += 1


def _pace(scales: TimeScales, young: Flags, learnt: Singles) -> tuple[Share, Share]:
    """Return which share of what it misses the level follows, and 0 for rows on their first day, 1 for others.

    The first day follows more quickly, and moves nothing that lasts.
    """
    rise = np.float32(1 / scales.day)
    if not young.any():
        return rise, np.float32(1)
    quick = np.maximum(1 / (learnt + 1), np.float32(1 / scales.recent))
    return np.where(young, quick, rise), (~young).astype(np.float32)


def _teaching(c: LevelColumns, prediction: Prediction, evidence: Singles) -> tuple[Flags, Share]:
    """Return which bins say something about the profile, and 0 for bins that say nothing about level and spread.

    What a first weekend has lacked for hours is its own: no noise, no lower level, no fault of the profile.
    """
    calm = evidence < CALM
    if prediction.unseen is None:
        return calm, np.float32(1)
    use = (~(prediction.unseen & (c.lean < -HALF * prediction.sigma))).astype(np.float32)
    return calm & ~prediction.unseen, use


def _commit(column: Singles, pending: Singles, step: Singles, doubtful: Ints, leak: Singles) -> None:
    """Learn a step together with what waits; in doubtful rows what leaks, so that no outage teaches its own level."""
    step += pending
    pending[:] = 0
    if doubtful.size:
        waits = step[doubtful]
        step[doubtful] = learnt = leak * waits
        pending[doubtful] = waits - learnt
    column += step


def _note_counting(c: LevelColumns, young: Flags, counting: Share, learnt: Singles) -> None:
    """Note the mean variance of counting of a first day."""
    c.first_counting += young * (counting - c.first_counting) / (learnt + 1)


def begin(kind: LevelKind, c: LevelColumns, first: Flags, value: Singles) -> None:
    """Set the level and the unit of the profile of rows in their first bin."""
    c.level[first] = value[first]
    c.long_level[first] = np.where(value[first] > 0, value[first], 1)
    c.noise[first] = kind.prior
    c.roughness[first] = kind.prior
    if kind.counts:
        c.covariance[first] = 0


def _clip(
    kind: LevelKind,
    scales: TimeScales,
    c: LevelColumns,
    prediction: Prediction,
    value: Singles,
    expected: Singles,
    learnt: Singles,
) -> tuple[Flags, Singles]:
    """Return which bins are surges, and relative deviations clipped at three sigma; a surge that lasts is let in."""
    sigma = 3 * prediction.sigma
    top = kind.surge(sigma, expected)
    deviation = value / expected
    deviation -= 1
    surges = deviation > top
    if (c.surge_share > HALF).any():
        top = top * (np.float32(1) + 60 * np.maximum(c.surge_share - HALF, 0))
    free = rows_of((learnt < scales.warm) | (expected <= 10 * EMPTY))
    clipped = np.minimum(np.maximum(deviation, -sigma), top)
    clipped[free] = deviation[free]
    return surges, clipped


def _spread(kind: LevelKind, scales: TimeScales, c: LevelColumns, prediction: Prediction, lesson: Lesson) -> None:
    """Learn the noise of a bin, the roughness from bin to bin, and the wander over half a day."""
    bins: Singles = lesson.learnt - np.float32(scales.season)
    if prediction.young.any():
        bins = np.where(prediction.young, lesson.learnt + 8, bins)
    gain: Share = lesson.use * _gain(scales, bins)
    most: Singles = 9 * (prediction.sigma * prediction.sigma)
    kind.learn_quantum(scales, c, lesson.value, prediction.moved)
    gain, most = kind.weighed(gain, most, lesson.size, lesson.expected)
    _learn_noise(c, lesson, gain, most)
    moved = (lesson.value - c.last_value) / lesson.expected
    stepped = np.minimum(moved * moved / 2, most) - c.roughness
    stepped[rows_of(np.isnan(moved))] = 0
    if kind.counts:
        stepped[lesson.doubtful] = 0  # fewer events stray less, which would look like a memory
    if has_covariance(kind, scales):
        learn_covariance(c, lesson.deviation, lesson.deviation - moved, lesson.counting, gain, most)
    c.roughness += gain * stepped
    _learn_wander(scales, c, lesson)


def _learn_noise(c: LevelColumns, lesson: Lesson, gain: Share, most: Singles) -> None:
    """Learn how far the bin strays beyond counting, up to a variance of `most`, by a share of `gain`."""
    clipped, doubtful = lesson.deviation, lesson.doubtful
    strayed = np.minimum(clipped * clipped, most)
    strayed -= lesson.counting
    strayed -= c.noise
    strayed *= gain
    # A bin above what is expected is no part of a fall: it teaches the noise of a doubtful run at once.
    if doubtful.size:
        above = doubtful[clipped[doubtful] > 0]
        c.noise[above] += strayed[above]
        strayed[above] = 0
    _commit(c.noise, c.pending_noise, strayed, doubtful, lesson.leak)


def _learn_wander(scales: TimeScales, c: LevelColumns, lesson: Lesson) -> None:
    """Learn what lasts. It is symmetric: it is measured above the baseline and doubled, for below are also falls."""
    grown, clipped, twice = lesson.grown, lesson.deviation, 2 * lesson.deviation
    pace = grown * _gain(scales, lesson.learnt + 1)
    c.short_wander += pace * (twice * c.short_lean.clip(0, np.inf) - c.short_wander)
    c.short_lean += grown * np.float32(1 / scales.short) * (clipped - c.short_lean)
    c.wander += pace * (twice * c.lean.clip(0, np.inf) - c.wander)
    c.lean += grown * np.float32(1 / scales.half) * (clipped - c.lean)


def _gain(scales: TimeScales, bins: Singles) -> Share:
    """Return one over so many bins, of a week at most: one number where all rows are older."""
    least = np.float32(1 / scales.week)
    return least if bins.min() > scales.week else (1 / bins).clip(least, np.inf)


def _season(
    scales: TimeScales, c: LevelColumns, prediction: Prediction, value: Singles, kept: Singles, calm: Flags
) -> None:
    """Learn how well the profile predicted this bin, if `calm`, and the bin's part in its hour."""
    share = kept / c.level.clip(EMPTY, np.inf)
    usual, doubted = prediction.trust * prediction.hours, rows_of(~calm)
    keep = np.float32(1 - 0.5 / scales.week)
    for products, squares, part, rest in (
        (c.hour_products, c.hour_squares, prediction.hours, share - prediction.factor + usual),
        (c.weekday_products, c.weekday_squares, prediction.weeks, share - 1 - usual),
    ):
        products *= keep
        squares *= keep
        by = part.copy()
        by[doubted] = 0
        rest *= by
        products += rest
        by *= by
        squares += by
    share *= c.profile_mean
    if prediction.young.any():
        share = np.where(prediction.young, value / np.maximum(c.long_level, EMPTY), share)
    c.hour_sum += share
    c.hour_bins += 1


def note_night(c: LevelColumns, value: Singles, rows: Flags) -> None:
    """Note in the profile what a first day holds while it may show an outage: it may be a night, unless it is dark.

    Level and spread learn nothing of it.
    """
    seen = rows & (value >= DARK * c.level)
    c.hour_sum += np.where(seen, value / np.maximum(c.long_level, EMPTY), 0)
    c.hour_bins += seen
    c.bins_learnt += seen


def forget_first_day(scales: TimeScales, store: SeriesStore, rows: NDArray[np.intp]) -> bool:
    """Begin the first day of rows anew whose outage has been too long for a night; return whether there are such."""
    c = store.levels
    rows = rows[(c.profile_mean[rows] <= 0) & (c.bins_learnt[rows] > scales.warm)]
    store.slots[rows] = -1
    c.hour_sum[rows], c.hour_bins[rows], c.bins_learnt[rows] = 0, 0, scales.warm
    return bool(rows.size)


def unlearn(c: LevelColumns, row: int) -> None:
    """Drop what level, noise and profile would have learnt of the first bins of an outage."""
    c.pending_noise[row], c.pending_level[row] = 0, 0
    forget_hour(c, row)


def forget_hour(c: LevelColumns, rows: int | list[int]) -> None:
    """Drop what this hour, which is not over, would teach the profile of rows."""
    c.hour_bins[rows], c.hour_sum[rows] = 0, 0


def end_hour(
    kind: LevelKind, width: int, scales: TimeScales, store: SeriesStore, seen: ClosedBin, scored: ScoredBin
) -> bool:
    """Put the mean of the hour that ends with a bin into its slot; return whether a row has got its first profile.

    A row gets it when its first day is over. An hour that ends with evidence may be the first of an outage, and is left
    out, but for one of a first weekend that lacks no more than half. `width`: seconds a bin.
    """
    c, slots, at = store.levels, store.slots, seen.start
    for first in range(0, len(scored.evidence), PIECE):
        part = slice(first, min(first + PIECE, len(scored.evidence)))
        piece, slot = store.chunk(part).levels, slots[part, slot_of(at)].view(np.uint16)
        days, doubt = LocalDays.of(seen, part, width), scored.evidence[part]
        unseen = unseen_weekend(slot >= SIGN, days)
        if unseen is not None:  # what it lacks may be its rest; left out, it would never be learnt
            rests = unseen & (piece.short_lean > HALF_GONE)
            if width >= HOUR:
                rests &= scored.value[part] > HALF * scored.expected[part]
            doubt = doubt * ~rests
        _put_hour(piece, slot, doubt, store.phases.phase[part] == FOLLOWED)
        if _week_of(at) != _week_of(at + width):
            _put_rest(width, piece, slots[part], days)
    c.hour_sum[:], c.hour_bins[:] = 0, 0
    ripe = (c.profile_mean <= 0) & (c.bins_learnt >= ALMOST * scales.day)
    done = rows_of(ripe & (store.phases.phase == NORMAL))
    for at_row in range(0, done.size, PART):
        _graduate(kind, width, scales, c, slots, done[at_row : at_row + PART])
    return bool(done.size)


def _put_hour(c: LevelColumns, slot: Bits, evidence: Singles, followed: Flags) -> None:
    """Put the mean of the hour into its slot, a third of the way from what it was, where the hour has a mean.

    What is not known of rows with an outage is noted only.
    """
    has_mean = (c.hour_bins > 0) & ~((evidence >= CALM) & (c.profile_mean > 0))
    mean = c.hour_sum / np.maximum(c.hour_bins, 1)
    mean.clip(-np.inf, np.float32(6e4), out=mean)
    old = widen(slot)
    moved = mean - old
    moved *= np.float32(0.35)
    moved += old
    new = rows_of(slot >= SIGN)
    moved[new] = mean[new]
    bits, kept, doubted = narrow(moved), rows_of(~has_mean), new[followed[new] & (c.profile_mean[new] > 0)]
    bits[doubted] = noted(bits[doubted])
    bits[kept] = slot[kept]
    slot[:] = bits


def _week_of(at: int) -> int:
    """Return the number of the week of a time (Unix s), which begins on a Monday; day 0 of 1970 was a Thursday."""
    return (at + 3 * DAY) // WEEK


def _put_rest(width: int, c: LevelColumns, slots: Slots, days: LocalDays) -> None:
    """Learn at the end of a week which weekday is one of rest."""
    bins = LOOKED * (HOUR // width) if width <= HOUR else max(1, DAY // width)
    c.rest_day[:] = quietest(slots, width, c.roughness / bins + HALF * np.maximum(c.wander, 0), days.middle())


def _graduate(
    kind: LevelKind, width: int, scales: TimeScales, c: LevelColumns, slots: Slots, rows: NDArray[np.intp]
) -> None:
    """Set mean and trust of the profile after the first day. One surge in it must not be expected again."""
    profile = slots.T[:, rows].astype(np.float32).reshape(24, 7, len(rows))
    measured = profile >= 0
    count = measured.sum(axis=1, dtype=np.uint8).astype(np.float32)
    total = np.where(measured, profile, 0).sum(axis=1)
    hourly = _interpolated((total / np.maximum(count, 1)).T, (count > 0).T)
    usual = np.sort(hourly, axis=1)[:, 17]
    top = 1.5 * np.maximum(usual, EMPTY)
    slots[rows] = np.minimum(slots[rows], top[:, None])
    hourly = np.minimum(hourly, top[:, None])
    norm = np.maximum(hourly.mean(axis=1), EMPTY)
    shares = np.ascontiguousarray(hourly[:, _hours(width)] / norm[:, None])  # a mean rounds as its numbers lie
    vary = ((shares - 1) ** 2).mean(axis=1)
    per_hour = max(1, 3600 // width)
    level = norm * c.long_level[rows]
    counted = kind.counted(level) if kind.counts_alike else c.first_counting[rows]
    first = first_day_spread(shares, c.roughness[rows], counted, per_hour)
    trust = np.clip(1 - first.blur / np.maximum(vary, EMPTY), 0, 1)
    c.profile_mean[rows], c.level[rows], c.long_level[rows] = norm, level, level
    noise = np.maximum(first.noise - counted, QUIET)
    # Where an hour is a bin the first day's noise is in part its season, and bounded by what new series are like.
    c.noise[rows] = noise if per_hour == 1 and kind.counts_alike else np.minimum(c.noise[rows], noise)
    c.roughness[rows] = first.roughness
    begin_memory(kind, scales, c, rows, c.noise[rows] + counted, first.covariance)
    c.hour_squares[rows] = 0.5 * scales.day * vary
    c.hour_products[rows] = trust * c.hour_squares[rows]
    c.weekday_products[rows] = c.weekday_squares[rows] = 0


def _interpolated(hourly: Singles, seen: Flags) -> Singles:
    """Return the hours of a day (rows × hours), those not seen on the line between the seen ones around them.

    The day goes round. The first profile lacks its last hour: in its place the mean of the day would look like noise.
    """
    hours = hourly.shape[1]
    at, there = np.arange(3 * hours), np.tile(seen, 3)
    before = np.maximum.accumulate(np.where(there, at, 0), axis=1)[:, hours : 2 * hours]
    after = np.minimum.accumulate(np.where(there, at, at[-1])[:, ::-1], axis=1)[:, ::-1][:, hours : 2 * hours]
    way = (at[hours : 2 * hours] - before) / np.maximum(after - before, 1)
    low, high = (np.take_along_axis(hourly, side % hours, axis=1) for side in (before, after))
    line: Singles = (low + way * (high - low)).astype(np.float32)
    return line


def _hours(width: int) -> list[int]:
    """Return the hours of the day in which bins of `width` seconds begin."""
    return sorted({start % DAY // HOUR for start in range(0, DAY, width)}) if width > HOUR else list(range(24))
