"""The detector of one feed: scores a closed bin of all series, decides, then learns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from detectors.types import Change, ClosedBin, Flags, Floats, Ints, Rule

from . import (
    changed_profile,
    dark_nights,
    decide,
    first_weekend,
    recovery,
    recurrence,
    slow_openings,
    suppression,
    unread_bins,
)
from .column_rows import rows_of
from .detector_state import DetectorState, ScoredBin
from .evidence import RHOS
from .explanations import Watch
from .feed_fault import Falls
from .models import MODELS
from .outage_lifecycle import FOLLOWED, Ongoing
from .season import SLOTS, Slots
from .series_state import StoredColumns


class Deviation(NamedTuple):
    """What the bin closed last showed: float64 (rows), NaN while warming up.

    `value`, `expected` and `spread` in the unit of the value, of a ratio shares; `evidence` in nats.
    """

    value: Floats
    expected: Floats
    spread: Floats
    evidence: Floats


class SeriesLevels(NamedTuple):
    """What the rows were expected to hold in the bin closed last, measured or not, and how far a normal one strays.

    `ready`: not those in warm-up. An element per row, in the unit of the value.
    """

    ready: Flags
    expected: Floats
    spread: Floats


class Doubtful(NamedTuple):
    """Rows that may have fallen, but show no outage: `evidence` in nats, `drop` the share lost, `since` in Unix s."""

    rows: Ints
    evidence: Floats
    drop: Floats
    since: Ints


DOUBT = 3.0  # nats of evidence from which on a row is in doubt: one bin in twenty by chance at the most


class Detector:
    """All series of one feed. `stored`, `slots`, `ongoing` and `scalars` are its state: copies continue exactly."""

    def __init__(self, rule: Rule, alike: bool = True) -> None:
        """`alike`: rows are of one sort, so that a young one may stray as the others do."""
        self._state = DetectorState(rule, MODELS[rule.kind], alike)
        self._dirty: set[int] = set()
        self._scored = ScoredBin(0)
        self._day_ended = False
        self._start = 0  # of the bin closed last

    @property
    def rule(self) -> Rule:
        """The feed's parameters."""
        return self._state.rule

    @property
    def rows(self) -> int:
        """How many series there are."""
        return self._state.store.rows

    @property
    def scored(self) -> int:
        """How many series took part in the bin closed last; 0 before there was one."""
        return len(self._scored.evidence)

    @property
    def judged(self) -> int:
        """How many series the bin closed last compared with what was expected of them."""
        return int((self._scored.ready & self._scored.measured).sum())

    @property
    def judged_from(self) -> int | None:
        """Start of the bin that can be judged first (Unix seconds), if none is missed before it.

        None before the first bin, and when a series has left warm-up.
        """
        store, warm = self._state.store, self._state.scales.warm
        learnt = int(max(part.bins_learnt.max(initial=0) for part in (store.levels, store.members)))
        return self._start + (1 + warm - learnt) * self.rule.width if self._start and learnt < warm else None

    @property
    def state(self) -> DetectorState:
        """All that the detector knows, as typed columns and plain values."""
        return self._state

    @property
    def stored(self) -> StoredColumns:
        """Columns that change when bins close, under the names that snapshots know, rows on axis 0."""
        return self._state.store.stored

    @property
    def slots(self) -> Slots:
        """Seasonal profiles (rows × 168), see `season`."""
        return self._state.store.slots

    @property
    def ongoing(self) -> dict[int, Ongoing]:
        """Outages that have not ended, by row."""
        return self._state.ongoing

    @property
    def scalars(self) -> dict[str, float]:
        """Numbers of the whole feed."""
        return self._state.scalars

    def grow(self, rows: int) -> None:
        """Append series in warm-up."""
        self._state.store.grow(rows)

    def reset(self, rows: Ints) -> None:
        """Make rows new series in warm-up; they have no open outage."""
        self._state.store.reset(rows)

    def rescale(self, rows: Ints, by: Floats) -> None:
        """Multiply what rows are expected to hold by a factor each: they are sums that have other parts now.

        Their evidence is kept.
        """
        levels, factor = self._state.store.levels, by.astype(np.float32)
        for column in (levels.level, levels.long_level, levels.last_value, levels.pending_level):
            column[rows] *= factor
        if self.rule.kind == "gauge":  # of what counts, a share lies there
            levels.quantum[rows] *= factor
        slow_openings.rescale(self._state.store.slow, rows, factor)
        self._day_ended = True

    def dirty_slots(self) -> tuple[int, ...]:
        """Return the columns of `slots` that changed since the last call."""
        dirty, self._dirty = tuple(sorted(self._dirty)), set()
        return dirty

    def pop_day_ended(self) -> bool:
        """Return whether columns that change once a day changed since the last call."""
        ended, self._day_ended = self._day_ended, False
        return ended

    def is_followed(self, row: int) -> bool:
        """Return whether an outage of a row is followed."""
        return bool(self._state.store.phases.phase[row] == FOLLOWED)

    def bins_learnt(self, row: int) -> int:
        """Return how many normal bins of a row were learnt."""
        return int(self._state.store.levels.bins_learnt[row])

    def on_first_day(self, row: int) -> bool:
        """Return whether a row has no season yet, and will have one."""
        return self._state.model.has_season and bool(self._state.store.levels.profile_mean[row] <= 0)

    def recurs(self, row: int) -> float:
        """Return the nats that say that losses of a row recur at the same hours of each day."""
        return float(self._state.store.recurrence.evidence[row]) if self._state.model.has_season else 0.0

    def deviations(self, rows: Ints | None = None) -> Deviation:
        """Return what the bin closed last showed, of these rows or of all.

        The evidence of an outage that is followed is that of its opening.
        """
        s, chosen = self._scored, slice(self.scored) if rows is None else rows
        evidence = s.evidence[chosen].copy()
        for at in rows_of(self._state.store.phases.phase[chosen] == FOLLOWED).tolist():
            evidence[at] = max(float(evidence[at]), self.ongoing[at if rows is None else int(rows[at])].evidence)
        spread = s.expected[chosen] / np.sqrt(s.precision[chosen])
        ready = s.ready[chosen] & s.measured[chosen]
        columns = (s.value[chosen], s.expected[chosen], spread, evidence)
        return Deviation(*(np.where(ready, column, np.nan).astype(np.float64) for column in columns))

    def levels_of(self, row: int) -> tuple[float, float]:
        """Return the value and the expected level of a row in the bin closed last; NaN where unknown or warming up."""
        s = self._scored
        if row >= len(s.value) or not (s.measured[row] and s.ready[row]):
            return np.nan, np.nan
        return float(s.value[row]), float(s.expected[row])

    def shown(self) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        """Return value, expected and spread of the bin closed last, float32 (3 × rows); of a ratio they are shares.

        NaN where nothing was measured or, but for the value, while warming up.
        """
        s = self._scored
        columns = np.empty((3, len(s.value)), np.float32)
        columns[0], columns[1] = s.value, s.expected
        with np.errstate(divide="ignore", invalid="ignore"):
            np.divide(s.expected, np.sqrt(s.precision), out=columns[2])
        np.copyto(columns, np.nan, where=~s.measured)
        np.copyto(columns[1:], np.nan, where=~s.ready)
        return columns

    def watch(self, rows: Callable[[], Collection[int]]) -> Watch:
        """From the next bin on, explain these rows; return where the explanations of the bin closed last stand."""
        self._state.watch = Watch(rows)
        return self._state.watch

    @property
    def falls(self) -> Mapping[int, Falls]:
        """How many series fell in the bin closed last, by the code of their country; without those in warm-up."""
        return self._scored.falls

    def doubtful(self) -> Doubtful:
        """Return the rows in doubt by the bin closed last; none while the feed may be at fault."""
        s, state = self._scored, self._state
        free = s.measured & (state.store.phases.phase[: self.scored] < FOLLOWED)
        doubt = free & (s.evidence >= DOUBT) & (not state.scalars["fault"] and not state.scalars["settling"])
        rows = rows_of(doubt)
        index = s.rho_index[rows]
        run = np.maximum(state.store.falls.bins[rows, index], 1).astype(np.int64)
        drop = 1 - np.array(RHOS, np.float64)[index]
        return Doubtful(rows, s.evidence[rows].astype(np.float64), drop, self._start - (run - 1) * self.rule.width)

    def levels(self) -> SeriesLevels:
        """Return the levels of the bin closed last; a ratio without trials strays by all there is."""
        s = self._scored
        expected = s.expected.astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = expected / np.sqrt(s.precision)
        ready = s.ready & np.isfinite(expected)
        return SeriesLevels(ready, expected, np.where(np.isfinite(spread), spread, expected))

    @property
    def is_fresh(self) -> bool:
        """Whether the first of its series has just left warm-up."""
        learnt = self._state.store.levels.bins_learnt
        return bool(self._scored.ready.any()) and int(learnt.max()) <= self._state.scales.warm + 1

    def close(self, seen: ClosedBin, ask: suppression.Ask | None = None) -> list[Change]:
        """Score, decide, then learn one bin; return the changes in row order. `ask`: what suppresses outages."""
        state, model = self._state, self._state.model
        followed = rows_of(state.store.phases.phase == FOLLOWED)
        scored = self._scored = model.score(state, seen)
        self._start = seen.start
        at_fault = model.is_at_fault(state, seen, scored)
        changes = decide.openings(state, seen, scored, at_fault)
        changes += decide.course(state, followed, seen, scored, at_fault)
        if model.has_season:
            changes += self._of_days(followed, changes, seen, at_fault)
            ask = recurrence.asked(state, seen, scored, ask)
        changes = unread_bins.apply(state, seen, scored, changes)
        if ask or any(outage.suppressed_by for outage in self.ongoing.values()):
            decided = suppression.DecidedBin(state, seen, scored)
            changes = suppression.apply(decided, changes, ask or _nothing)
        recovery.forget_flaps(state.store.phases, seen.start, self.rule.width)
        self._dirty.update(model.learn(state, seen, scored))
        return sorted(changes, key=lambda change: change.row)

    def _of_days(self, followed: Ints, changes: list[Change], seen: ClosedBin, at_fault: bool) -> list[Change]:
        """Return the changes that more than a day explains, and note what the `changes` of this bin say of its day."""
        state, scored = self._state, self._scored
        self._dirty.update(dark_nights.settle(state, changes))
        self._dirty.update(first_weekend.settle(state, changes, seen))
        recurrence.note(state.store, changes, seen.start)
        ends_day, opened = slow_openings.is_last(seen.start, self.rule.width), []
        if ends_day:
            recurrence.end_day(state)
            changed_profile.end_day(state)
        changed = changed_profile.ends(state, followed, seen, scored)
        self._dirty.update(range(SLOTS if changed else 0))
        self._day_ended |= ends_day or bool(changed)
        if ends_day:
            opened = slow_openings.end_day(state, seen, scored, at_fault)
            self._dirty.update(first_weekend.settle(state, opened, seen))
        return changed + opened

    def expire(self, at: int, rows: Iterable[int] | None = None) -> list[Change]:
        """End open outages of these rows, or of all, as expired, since the feed stopped at a time (Unix s).

        Suspicions are withdrawn.
        """
        chosen = self.ongoing if rows is None else self.ongoing.keys() & set(rows)
        self._forget_nights(chosen)
        return decide.expired(self._state, at, sorted(chosen))

    def go_back(self, start: int, false_from: int) -> list[Change]:
        """End all outages, since time goes back to the bin of this start (Unix s); all evidence is void.

        Outages of the bin that starts at `false_from`, or of later ones, are withdrawn: see `withdraw`.
        """
        changes = self.withdraw(start, false_from)
        self._forget_nights(self.ongoing)
        changes += decide.expired(self._state, start, sorted(self.ongoing), "the time of the feed was ahead")
        self._state.store.end_course(list(range(self.rows)))
        return sorted(changes, key=lambda change: change.row)

    def withdraw(self, at: int, false_from: int) -> list[Change]:
        """Withdraw the outages that opened in the bin that starts at `false_from` or later; the time is `at` (Unix s).

        These bins closed before they were over.
        """
        false = [row for row, outage in self.ongoing.items() if outage.opened >= false_from]
        self._forget_nights(false)
        return decide.withdrawn(self._state, at, sorted(false))

    def _forget_nights(self, rows: Iterable[int]) -> None:
        """Forget the dark hours of outages of which nobody knows how they went on."""
        if self._state.model.has_season:
            self._dirty.update(dark_nights.forget(self._state, rows))


def _nothing(row: int, began: int) -> None:
    """Suppress nothing."""
