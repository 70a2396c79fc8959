"""An outage that begins and ends with the first weekend of a series is how its weekends are: the next is no outage.

A firm that rests seems to lose half of its level on its first Saturday. While the outage lasts, its hours are noted in
the profile; when it ends with the weekend they stay, else they are forgotten. What two weekends show stays as well.
Derived in docs/detection.md#first-weekends-neighbourspy-first_weekendpy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from detectors.types import DAY, FRIDAYS, WEEK, Change, ClosedBin, Flags, Ints, Singles

from .detector_state import DetectorState
from .evidence import EMPTY
from .learning import DARK
from .local_days import FRIDAY, HOUR, SATURDAY, LocalDays, ahead_of_utc
from .season import SLOTS, Slots, pool, slot_of
from .series_state import LevelColumns

BEFORE, AFTER = 14 * HOUR, 12 * HOUR  # around local midnight; of UTC, a day begins somewhere within them
EVENING = 6 * HOUR  # before the midnight that ends a weekend, where local time is known
LENGTH = 2 * DAY  # of a weekend


def note(state: DetectorState, c: LevelColumns, first: int, value: Singles, seen: ClosedBin, rows: Flags) -> None:
    """Note a bin of rows whose outage began on their weekend, unless it is dark, in the profile.

    `c`, `value`, `rows`: of the rows from `first` on.
    """
    at = [i for i in np.flatnonzero(rows).tolist() if _on_weekend(state.ongoing[first + i].started_at, first + i, seen)]
    at = [i for i in at if value[i] >= DARK * c.level[i]]
    c.hour_sum[at] += value[at] / c.level[at].clip(EMPTY, np.inf) * c.profile_mean[at]
    c.hour_bins[at] += 1


def settle(state: DetectorState, changes: Iterable[Change], seen: ClosedBin) -> range:
    """Forget what outages that began on a weekend have noted, or keep it whole; return the slots that changed."""
    changed = False
    for change in (each for each in changes if _on_weekend(each.started_at, each.row, seen)):
        hours, share = _due(state, change, seen)
        _put(state.store.slots[change.row], hours, share)
        changed |= bool(hours)
    if changed:
        state.store.forget_profiles()
    return range(SLOTS if changed else 0)


def _due(state: DetectorState, change: Change, seen: ClosedBin) -> tuple[list[int], float]:
    """Return the hours (Unix s) to be settled after a change, and which share of other weekdays they get, -1: none."""
    row, slots = change.row, state.store.slots[change.row]
    dark = change.max_drop >= 1 - DARK
    if row in state.ongoing:
        if dark:  # the hours before it opened are few
            return [], -1
        # What its hours seemed to hold while they were in doubt, it was no less than a weekend may.
        opens = change.state == "open" and change.updated_at == change.detected_at
        unseen = opens and state.store.levels.profile_mean[row] > 0 and slots[slot_of(seen.start)] < 0
        return _hours(change, change.opened, seen) if unseen else [], -1
    lasted = _hours(change, (change.ended_at or change.updated_at) - HOUR, seen)
    if dark:
        lasted = [at for at in lasted if at >= change.opened]
    if _is_in_first_week(state, row) and (dark or not _is_weekend(change, seen)):
        return lasted, -1
    return _completed(slots, lasted, _hours(change, change.opened, seen))


def _completed(slots: Slots, lasted: list[int], doubted: list[int]) -> tuple[list[int], float]:
    """Return the hours before an outage opened, if they are unknown, and the mean share of those after them."""
    if not doubted or slots[slot_of(doubted[0])] >= 0:
        return [], -1
    shares = [share for share in (_share(slots, at) for at in lasted[len(doubted) :]) if share >= 0]
    return (doubted, float(np.mean(shares))) if shares else ([], -1)


def _hours(change: Change, until: int, seen: ClosedBin) -> list[int]:
    """Return the hours (Unix s) of the weekend from the start of an outage to a time."""
    start = change.started_at - change.started_at % HOUR
    longest = LENGTH + DAY + BEFORE  # Friday to Sunday where it begins on a Friday, and the hours before
    hours = range(start, min(until, start + longest) + 1, HOUR)
    return [at for at in hours if _on_weekend(at, change.row, seen)]


def _put(slots: Slots, hours: Iterable[int], share: float) -> None:
    """Put a share of the other weekdays into some hours of a row, or -1 for unknown."""
    for at in hours:
        others = _others(slots, at)
        slots[slot_of(at)] = share * others if share >= 0 and others >= 0 else -1


def _share(slots: Slots, at: int) -> float:
    """Return which share of that of other weekdays an hour of a row holds; -1 where it is not known."""
    here, others = float(slots[slot_of(at)]), _others(slots, at)
    return here / others if here >= 0 and others > 0 else -1.0


def _others(slots: Slots, at: int) -> float:
    """Return the mean of an hour of a row on the other weekdays; -1 where none was seen."""
    first, own = slot_of(at) // 7 * 7, slot_of(at) % 7
    return float(pool(np.delete(slots[first : first + 7], own)[:, None].view(np.uint16))[0])


def _is_in_first_week(state: DetectorState, row: int) -> bool:
    levels = state.store.levels
    return bool(levels.profile_mean[row] > 0 and levels.bins_learnt[row] < state.scales.week)


def _is_weekend(change: Change, seen: ClosedBin) -> bool:
    """Return whether an outage began and ended with the weekend of its row."""
    before = BEFORE if seen.zones is None or not seen.group[change.row] else EVENING
    began = _is_at(change.started_at, change.row, seen)
    return began and change.ended_at is not None and _is_at(change.ended_at - LENGTH, change.row, seen, before)


def _on_weekend(at: int, row: int, seen: ClosedBin) -> bool:
    """Return whether a time (Unix s) may be in the weekend of a row, or about the local midnight in which it begins."""
    if _is_at(at, row, seen):
        return True
    return bool(replace(LocalDays.of(seen, slice(row, row + 1), 0), at=at).may_be_weekend()[0])


def _is_at(at: int, row: int, seen: ClosedBin, before: int = BEFORE) -> bool:
    """Return whether a time (Unix s) is about the local midnight in which the weekend of a row begins."""
    return bool(begins_about(at + ahead_of_utc(seen, row), seen.group[row], before))


def begins_about(at: Ints | int, group: Ints, before: int = BEFORE) -> Flags:
    """Return whether local times (s) are about the midnight in which the weekend of a country begins (any shape)."""
    starts = np.where(group >= FRIDAYS, FRIDAY, SATURDAY) * DAY
    # Day 0 of 1970 was a Thursday, weekday 3.
    return np.asarray((at + 3 * DAY - starts + before) % WEEK <= before + AFTER)
