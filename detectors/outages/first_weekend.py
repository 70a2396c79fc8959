"""An outage that begins and ends with the first weekend of a series is how its weekends are: the next is no outage.

A firm that rests seems to lose half of its level on its first Saturday. While the outage lasts, its hours are noted in
the profile; when it ends with the weekend they stay, else they are forgotten.
Derived in docs/detection.md#first-weekends-neighbourspy-first_weekendpy.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from detectors.types import DAY, FRIDAYS, Change, Flags, Ints, Singles

from .detector_state import DetectorState
from .evidence import EMPTY
from .learning import DARK
from .season import HOUR, SLOTS, slot_of
from .series_state import LevelColumns

FRIDAY, SATURDAY = 4, 5
EAST, WEST = 14 * HOUR, 12 * HOUR  # how far before and after midnight UTC a day begins somewhere
LENGTH = 2 * DAY  # of a weekend
WEEK = 7 * DAY


def note(state: DetectorState, c: LevelColumns, first: int, value: Singles, group: Ints, rows: Flags) -> None:
    """Note a bin of rows whose outage began with their weekend, unless it is dark, in the profile.

    `c`, `value`, `group`, `rows`: of the rows from `first` on.
    """
    at = [i for i in np.flatnonzero(rows).tolist() if _is_at(state.ongoing[first + i].started_at, int(group[i]))]
    at = [i for i in at if value[i] >= DARK * c.level[i]]
    c.hour_sum[at] += value[at] / c.level[at].clip(EMPTY, np.inf) * c.profile_mean[at]
    c.hour_bins[at] += 1


def forget(state: DetectorState, changes: Iterable[Change], group: Ints) -> range:
    """Forget what outages have noted that are over, but not with the weekend; return the slots that changed."""
    over = [change for change in changes if change.row not in state.ongoing and _noted(state, change, group)]
    for change in over:
        _forget(state, change)
    if over:
        state.store.forget_profiles()
    return range(SLOTS if over else 0)


def _noted(state: DetectorState, change: Change, group: Ints) -> bool:
    """Return whether an outage has noted hours that are not those of a weekend."""
    levels, code = state.store.levels, int(group[change.row])
    first_week = levels.profile_mean[change.row] > 0 and levels.bins_learnt[change.row] < state.scales.week
    weekend = change.ended_at is not None and _is_at(change.ended_at - LENGTH, code)
    return bool(first_week) and _is_at(change.started_at, code) and not weekend


def _forget(state: DetectorState, change: Change) -> None:
    """Forget the days of the weekend that an outage has touched."""
    ended = change.updated_at if change.ended_at is None else change.ended_at
    for at in range(change.started_at, min(ended, change.started_at + LENGTH) + HOUR, HOUR):
        if slot_of(at) % 7 >= FRIDAY:
            state.store.slots[change.row, slot_of(at)] = -1


def _is_at(at: int, group: int) -> bool:
    """Return whether a time (Unix s) may be the local midnight in which the weekend of a country begins."""
    start = (FRIDAY if group >= FRIDAYS else SATURDAY) * DAY
    # Day 0 of 1970 was a Thursday, weekday 3.
    return (at + 3 * DAY - start + EAST) % WEEK <= EAST + WEST
