"""An outage that begins and ends with the first weekend of a series is how its weekends are: the next is no outage.

A firm that rests seems to lose half of its level on its first Saturday. While the outage lasts, its hours are noted in
the profile; when it ends with the weekend they stay, else they are forgotten.
Derived in docs/detection.md#first-weekends-neighbourspy-first_weekendpy.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from detectors.types import DAY, FRIDAYS, Change, ClosedBin, Flags, Singles

from .detector_state import DetectorState
from .evidence import EMPTY
from .learning import DARK
from .local_days import FRIDAY, HOUR, SATURDAY, ahead_of_utc, weekday_of
from .season import SLOTS, slot_of
from .series_state import LevelColumns

BEFORE, AFTER = 14 * HOUR, 12 * HOUR  # around local midnight; of UTC, a day begins somewhere within them
LENGTH = 2 * DAY  # of a weekend
WEEK = 7 * DAY


def note(state: DetectorState, c: LevelColumns, first: int, value: Singles, seen: ClosedBin, rows: Flags) -> None:
    """Note a bin of rows whose outage began with their weekend, unless it is dark, in the profile.

    `c`, `value`, `rows`: of the rows from `first` on.
    """
    at = [i for i in np.flatnonzero(rows).tolist() if _is_at(state.ongoing[first + i].started_at, first + i, seen)]
    at = [i for i in at if value[i] >= DARK * c.level[i]]
    c.hour_sum[at] += value[at] / c.level[at].clip(EMPTY, np.inf) * c.profile_mean[at]
    c.hour_bins[at] += 1


def forget(state: DetectorState, changes: Iterable[Change], seen: ClosedBin) -> range:
    """Forget what outages have noted that are over, but not with the weekend; return the slots that changed."""
    over = [change for change in changes if change.row not in state.ongoing and _noted(state, change, seen)]
    for change in over:
        _forget(state, change, ahead_of_utc(seen, change.row))
    if over:
        state.store.forget_profiles()
    return range(SLOTS if over else 0)


def _noted(state: DetectorState, change: Change, seen: ClosedBin) -> bool:
    """Return whether an outage has noted hours that are not those of a weekend."""
    levels = state.store.levels
    first_week = levels.profile_mean[change.row] > 0 and levels.bins_learnt[change.row] < state.scales.week
    weekend = change.ended_at is not None and _is_at(change.ended_at - LENGTH, change.row, seen)
    return bool(first_week) and _is_at(change.started_at, change.row, seen) and not weekend


def _forget(state: DetectorState, change: Change, ahead: int) -> None:
    """Forget the days of the weekend that an outage has touched."""
    ended = change.updated_at if change.ended_at is None else change.ended_at
    for at in range(change.started_at, min(ended, change.started_at + LENGTH) + HOUR, HOUR):
        if weekday_of(at + ahead) >= FRIDAY:
            state.store.slots[change.row, slot_of(at)] = -1


def _is_at(at: int, row: int, seen: ClosedBin) -> bool:
    """Return whether a time (Unix s) is about the local midnight in which the weekend of a row begins."""
    start = (FRIDAY if seen.group[row] >= FRIDAYS else SATURDAY) * DAY
    # Day 0 of 1970 was a Thursday, weekday 3.
    return (at + ahead_of_utc(seen, row) + 3 * DAY - start + BEFORE) % WEEK <= BEFORE + AFTER
