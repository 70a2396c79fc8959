"""Feeds of levels (gauge, count, distinct, ratio): score a bin of all rows, and learn the rows that are plainly normal
while their columns are in the cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.types import ClosedBin, Flags, Floats, Ints, Singles

from . import changed_profile, dark_nights, feed_fault, first_weekend, recovery, slow_openings
from .baseline import Prediction, predict
from .bin_memory import shows
from .column_rows import rows_of, untouched
from .cusum import NEARLY_GONE, advance
from .detector_state import EARLY, DetectorState, ScoredBin
from .evidence import EMPTY, RHOS
from .explanations import LevelBin
from .feed_spread import LENDERS, LOOKED_AT, FeedSpread, measure
from .learning import CALM, end_hour, forget_first_day, learn, note_night, unlearn
from .level_kinds import LevelKind
from .local_days import NIGHT, LocalDays
from .neighbours import Deviations, Neighbours
from .outage_lifecycle import FOLLOWED, NORMAL
from .recovery import CourseStep
from .season import SLOTS, slot_of
from .series_state import Bins, Chunk, CourseColumns

CHUNK = 65_536
CAP = 0.5  # share of the threshold that one bin may give, unless nearly all is gone
WEEKDAYS = 7  # slots of the first hour of the day
FIRST = 0.75  # of a drop, what the bin in which it begins may show
FALLEN, FALLEN_YOUNG = 0.1, 0.8  # of the lowest plausible, what a row that falls with others lacks, on its first day
LOW = 1.0  # standard deviations below the lowest plausible, from which a row falls with others
LOGISTIC = 1.702  # slope with which a logistic law comes within 0.01 of a normal one (Haley 1952)
PLAIN = 10  # least precision of a bin that shows that a part of it is gone
SETTLING = 3.0  # bins after a fault of the feed before suspected faults are decided: what a return needs, and one


class ChunkBin(NamedTuple):
    """A bin of a chunk of rows: `value` in the unit of the level and `size`, the trials, where it is `measured`.

    `part`: the rows. `free`: those whose outage is not followed.
    """

    seen: ClosedBin
    part: slice
    columns: Chunk
    value: Singles
    size: Singles
    measured: Flags
    free: Flags


class LevelModel:
    """A feed of levels of one kind."""

    has_season = True

    def __init__(self, kind: LevelKind) -> None:
        self.kind = kind

    def score(self, state: DetectorState, seen: ClosedBin) -> ScoredBin:
        """Return the scores, in chunks that fit the cache, and learn the normal rows of each."""
        rows = state.store.rows
        scored = ScoredBin(rows)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for first in range(0, rows, CHUNK):
                self._score_chunk(state, seen, slice(first, min(first + CHUNK, rows)), scored)
        return scored

    def _score_chunk(self, state: DetectorState, seen: ClosedBin, part: slice, scored: ScoredBin) -> None:
        kind, scales, c = self.kind, state.scales, state.store.chunk(part)
        size = seen.size[part].astype(np.float32)
        measured = seen.present[part] & seen.alive[part] & (size > 0)
        value = seen.value[part].astype(np.float32)
        missing = rows_of(~measured)
        value[missing] = 0
        value = kind.value(value, size)
        warm, free = c.levels.bins_learnt >= scales.warm, c.phases.phase < FOLLOWED
        now = ChunkBin(seen, part, c, value, size, measured, free)
        prediction = self._predict(state, now, measured & warm & (c.levels.profile_mean > 0))
        ready = warm & (prediction.lowest_plausible > kind.least) & ~prediction.allowances.are_blank()
        counts, cap = measured & ready & free, CAP * state.threshold
        if state.watch:
            state.watch.take(part, LevelBin(kind, scales, c, prediction, value, size, counts, cap))
        followed = rows_of(~free)
        with untouched(c.falls, followed):
            evidence, rho_index = advance(kind, scales, c, prediction, value, size, counts, cap)
        evidence[followed] = 0
        _put(scored, part, value, prediction, evidence)
        slow_openings.count(c.slow, value, prediction.factor, measured & free, seen.alive[part])
        scored.rho_index[part], scored.measured[part], scored.ready[part] = rho_index, measured, ready
        _count_missing(c.phases.missing, missing, seen.alive[part])
        self._learn_chunk(state, now, scored, prediction)

    def _predict(self, state: DetectorState, now: ChunkBin, profiled: Flags) -> Prediction:
        """Return what the bin should hold. `profiled`: measured rows with a profile, which may be witnesses."""
        scales, width, c, seen = state.scales, state.rule.width, now.columns, now.seen
        groups, days = state.store.groups(now.part, seen.group[now.part]), LocalDays.of(seen, now.part, width)

        def witnesses(expected: Singles, sigma: Singles) -> Neighbours | None:
            if groups is None:
                return None
            rows = groups.rows
            shown = Deviations(now.value[rows] / expected[rows].clip(EMPTY, np.inf) - 1, sigma[rows])
            late = Deviations(c.levels.short_lean[rows], shown.error * np.float32((2 * scales.short - 1) ** -0.5))
            return Neighbours(groups, profiled, now.free, c.falls, shown, late)

        near, feed = state.store.near(now.part, seen.start, width, days), FeedSpread.of(state.scalars)
        return predict(self.kind, width, c.levels, near, seen.start, now.value, now.size, witnesses, feed)

    def _learn_chunk(self, state: DetectorState, now: ChunkBin, scored: ScoredBin, prediction: Prediction) -> None:
        """Learn the rows that are plainly normal, and note what outages of a first day or weekend may be instead."""
        part, c, value = now.part, now.columns, now.value
        evidence, rho_index = scored.evidence[part], scored.rho_index[part]
        normal = now.measured & (c.phases.phase == NORMAL) & (evidence < state.threshold - EARLY)
        if normal.any():
            with untouched(c.levels, rows_of(~normal)):
                learn(self.kind, state.scales, c.levels, prediction, value, now.size, evidence, rho_index)
        doubted = now.measured & prediction.young & scored.ready[part] & ~normal
        if doubted.any():
            note_night(c.levels, value, doubted)
        if prediction.unseen is not None:
            unseen = prediction.unseen & now.measured & ~now.free
            first_weekend.note(state, c.levels, part.start, value, now.seen, unseen)

    def learn(self, state: DetectorState, seen: ClosedBin, scored: ScoredBin) -> range:
        """Learn the profile at the end of each hour, and return the slots that changed."""
        width, slot = state.rule.width, slot_of(seen.start)
        if slot == slot_of(seen.start + width):
            return range(0)
        if state.alike:
            _learn_feed(self.kind, state, seen.start, scored)
        long = [row for row, outage in state.ongoing.items() if seen.start - outage.opened >= NIGHT]
        forgot = forget_first_day(state.scales, state.store, np.array(long, np.intp))
        ripe = end_hour(self.kind, width, state.scales, state.store, seen, scored)
        dark_nights.note(state, seen.start, scored)
        if forgot | ripe:
            state.store.forget_profiles()
            return range(SLOTS)
        return range(slot, slot + 1)

    def is_at_fault(self, state: DetectorState, seen: ClosedBin, scored: ScoredBin) -> bool:
        """Return whether most series fall together, or others know that the feed is at fault.

        When a fault ends, the evidence that it made is dropped.
        """
        active, s = scored.measured & scored.ready, state.scalars
        if not active.any():
            return bool(s["fault"])
        falling, sigmas = _falling(scored)
        fell, many = np.count_nonzero(falling & active), np.count_nonzero(active)
        few = fell < feed_fault.STILL * feed_fault.SHARE * many
        by_chance = None if few else _by_chance(scored)  # so few are no fault whatever falls by chance
        scored.falls = feed_fault.falls_by_country(falling, active, seen.group, sigmas, by_chance)
        gathered, now = 0.0, seen.doubted
        if many >= feed_fault.LEAST:
            gathered = feed_fault.gather(s.get("gathered", 0.0), feed_fault.common_fall(scored.falls))
            now = now or feed_fault.suspect(scored.falls, bool(s["fault"]), gathered)
        if s["fault"] and not now:
            _clear(state, scored, s["fault"] + 1)
        s["gathered"] = gathered
        s["fault"] = s["fault"] + 1 if now else 0.0
        s["settling"] = SETTLING if now else max(s["settling"] - 1, 0.0)
        return now

    def recover(
        self, state: DetectorState, course: CourseColumns, rows: Ints, seen: ClosedBin, scored: ScoredBin
    ) -> CourseStep:
        """Return what a bin does to followed rows: a CUSUM of "whole again" against "still down"."""
        outages = [state.ongoing[row] for row in rows.tolist()]
        followed = recovery.Followed(
            value=scored.value[rows],
            size=seen.size[rows].astype(np.float32),
            expected=np.maximum(scored.expected[rows], EMPTY),
            noise=scored.noise[rows],
            precision=scored.precision[rows],
            max_drop=np.array([outage.max_drop for outage in outages], np.float32),
            announced=np.array([1 - outage.drop for outage in outages], np.float32),
        )
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio, sigma = followed.value / followed.expected, np.sqrt(1 / followed.precision)
            changed_profile.note(state.store, rows, seen.start, ratio, followed.max_drop, sigma)
            return recovery.levels(self.kind, course, followed)

    def fallen(self, state: DetectorState, seen: ClosedBin, scored: ScoredBin, rows: Ints) -> Floats:
        """Return the nats (rows × RHOS) by which a bin alone says that followed rows have fallen.

        It gives at most `CAP` of the threshold unless nearly all is gone, as in the sums of rows not followed.
        """
        low = np.maximum(scored.lowest_plausible[rows], EMPTY)
        size, noise = seen.size[rows].astype(np.float32), scored.noise[rows]
        value, size, low = self.kind.bounded(scored.value[rows], size, low)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            steps = np.stack([self.kind.fallen(np.maximum(value, rho * low), size, low, noise, rho) for rho in RHOS])
        most = np.where(value <= NEARLY_GONE * low, np.inf, CAP * state.threshold)
        return np.asarray(np.nan_to_num(np.minimum(steps, most).T, nan=0.0), np.float64)

    def expected(self, seen: ClosedBin, scored: ScoredBin, row: int) -> float:
        """Return the expected value; of a ratio, the expected successes."""
        return float(scored.expected[row]) * self.kind.scale(float(seen.size[row]))

    def bins_down(self, state: DetectorState, scored: ScoredBin, row: int, drop: float, gradual: bool) -> int:
        """Return the bins since the fall began: of a sudden fall, since the sum of about its depth left zero.

        The sum of a smaller fall gives more of the bins before it the benefit of the doubt.
        """
        bins = state.store.falls.bins[row]
        if gradual:
            return max(int(bins[int(scored.rho_index[row])]), 1)
        shown = 1 - (FIRST if float(scored.precision[row]) >= PLAIN else 1) * drop
        nearest = min(range(len(RHOS)), key=lambda index: (bins[index] == 0, abs(shown - float(RHOS[index]))))
        return max(int(bins[nearest]), 1)

    def bins_falling(self, state: DetectorState, row: int, bins: int) -> int:
        """Return all of them: each tells of the level."""
        return bins

    def unlearn(self, state: DetectorState, row: int) -> None:
        """Drop what the first bins of an outage would have taught: until now it has waited."""
        unlearn(state.store.levels, row)

    def follow_shortfall(self, state: DetectorState, scored: ScoredBin, row: int, max_drop: float) -> float:
        """Lower the level by what a return has left out, where that is sure, and return that share of normal."""
        short = recovery.shortfall(state.store.courses, row, max_drop, float(scored.precision[row]))
        state.store.levels.level[row] *= 1 - short
        return short

    def rebase(self, state: DetectorState, row: int, ratio: float) -> None:
        """Lower the level, and the level of the last weeks to it."""
        levels = state.store.levels
        levels.level[row] *= ratio
        levels.long_level[row] = levels.level[row]

    def usual(self, state: DetectorState, row: int) -> float:
        """Return the level of a row without its season."""
        return float(state.store.levels.level[row])


def _falling(scored: ScoredBin) -> tuple[Flags, Singles]:
    """Return the rows that fall as those of a feed at fault do, and by how many standard deviations each lies low."""
    short = 1 - scored.value / scored.lowest_plausible.clip(EMPTY, np.inf)
    sigmas = short * np.sqrt(scored.precision)
    deep = short >= FALLEN
    deep &= ~scored.young | (short >= FALLEN_YOUNG)
    return deep & (sigmas >= LOW), sigmas


def _by_chance(scored: ScoredBin) -> Singles:
    """Return how probable it is that noise alone makes a row fall so."""
    steadiness = np.sqrt(scored.precision)
    least = np.maximum(np.where(scored.young, FALLEN_YOUNG, FALLEN), LOW / np.maximum(steadiness, EMPTY))
    ratio = np.maximum(scored.lowest_plausible, EMPTY) * (1 - least) / np.maximum(scored.expected, EMPTY)
    return np.asarray(1 / (1 + np.exp(LOGISTIC * np.clip((1 - ratio) * steadiness, 0, 30))), np.float32)


def _count_missing(missing: Bins, rows: Ints, alive: Flags) -> None:
    """Count the bins of late without a measurement; `rows` have none in this bin."""
    count = np.minimum(missing[rows], 65_000) + alive[rows]
    missing[:] = 0
    missing[rows] = count


def _put(scored: ScoredBin, part: slice, value: Singles, prediction: Prediction, evidence: Singles) -> None:
    scored.value[part], scored.expected[part], scored.evidence[part] = value, prediction.expected, evidence
    scored.lowest_plausible[part], scored.noise[part] = prediction.lowest_plausible, prediction.noise
    scored.precision[part], scored.young[part] = prediction.precision, prediction.young


def _learn_feed(kind: LevelKind, state: DetectorState, start: int, scored: ScoredBin) -> None:
    """Learn how rows of the feed stray: each hour, after a week each day, of normal ones with a season and no doubt.

    Where few are left, what was learnt stays.
    """
    seen, levels = slice(None, None, -(-max(state.store.rows, 1) // LOOKED_AT)), state.store.levels
    learnt = levels.bins_learnt[seen]
    if not learnt.size or (slot_of(start) >= WEEKDAYS and learnt.mean() > state.scales.week):
        return
    normal = scored.measured[seen] & ~scored.young[seen] & (state.store.phases.phase[seen] == NORMAL)
    normal &= scored.evidence[seen] < CALM
    roughness, precision = levels.roughness[seen], scored.precision[seen]
    rows = rows_of(normal & (precision > 0) & np.isfinite(roughness) & np.isfinite(precision))
    if rows.size >= LENDERS:
        _, shown = shows(kind, state.scales, levels, rows * (seen.step or 1), precision[rows], scored.noise[seen][rows])
        state.scalars.update(measure(state.scales, shown, precision[rows], learnt[rows])._asdict())


def _clear(state: DetectorState, scored: ScoredBin, bins: float) -> None:
    """Take the last bins, those of a fault and this one, out of the evidence: the share that they are of its run."""
    falls, rows = state.store.falls, rows_of(state.store.phases.phase < FOLLOWED)
    runs = np.maximum(falls.bins[rows].astype(np.float32), 1)
    kept = np.maximum(1 - np.float32(bins) / runs, 0)
    falls.evidence[rows] *= kept
    falls.bins[rows] *= kept > 0
    scored.evidence[rows] *= kept[np.arange(len(rows)), scored.rho_index[rows]]
