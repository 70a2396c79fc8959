"""An outage that begins and ends with the first weekend of a series is how its weekends are: the next is no outage.

A firm that rests seems to lose half of its level on its first Saturday. While the outage lasts, its hours are noted in
the profile, where they count as unknown; when it ends with the weekend they are believed, else they are forgotten. What
two weekends show is believed as well.
Derived in docs/detection.md#first-weekends-neighbourspy-first_weekendpy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from detectors.types import DAY, FRIDAYS, WEEK, Change, ClosedBin, Flags, Ints, Singles

from .column_rows import rows_of
from .detector_state import DetectorState
from .evidence import EMPTY
from .learning import DARK, forget_hour
from .local_days import FRIDAY, HOUR, SATURDAY, LocalDays, ahead_of_utc
from .outage_lifecycle import FOLLOWED, TOTAL
from .season import SLOTS, Slots, is_noted, pool, slot_of
from .series_state import LevelColumns

BEFORE, AFTER = 14 * HOUR, 12 * HOUR  # around local midnight; of UTC, a day begins somewhere within them
EVENING = 6 * HOUR  # before the midnight that ends a weekend, where local time is known
LENGTH = 2 * DAY  # of a weekend
ALIKE = 1.5  # times what an hour holds, up to which the same hour of the day before was one of rest, too


def note(state: DetectorState, c: LevelColumns, first: int, value: Singles, seen: ClosedBin, rows: Flags) -> None:
    """Note a bin of rows whose outage began on their weekend, unless it is dark, in the hour that it is part of.

    `c`, `value`, `rows`: of the rows from `first` on.
    """
    at = [i for i in np.flatnonzero(rows).tolist() if _on_weekend(state.ongoing[first + i].started_at, first + i, seen)]
    at = [i for i in at if value[i] >= DARK * c.level[i]]
    share = value[at] / c.level[at].clip(EMPTY, np.inf) * c.profile_mean[at]
    rests = [_rests(state, first + i, seen.start, float(part)) for i, part in zip(at, share, strict=True)]
    c.hour_sum[at] += np.where(rests, share, 0)
    c.hour_bins[at] += np.array(rests, np.bool_)


def _rests(state: DetectorState, row: int, at: int, share: float) -> bool:
    """Return whether what an hour holds, a share, may be rest.

    It is none where the row was as short a day before, unless that was rest, too, or a part of the same outage.
    """
    hours, hour, yesterday = int(state.store.pattern.short_before[row]), at // HOUR % 24, at - DAY
    was_short = any(hours >> beside % 24 & 1 for beside in (hour - 1, hour, hour + 1))
    if not was_short or yesterday >= state.ongoing[row].started_at - HOUR:
        return True
    before = state.store.slots[row][slot_of(yesterday)]
    return bool(before != -1 and abs(before) <= ALIKE * share)


def settle(state: DetectorState, changes: Iterable[Change], seen: ClosedBin) -> range:
    """Believe or forget what outages that began on a weekend have noted; return the slots that changed.

    `changes`: of outages that began, went on or ended in this bin.
    """
    ends = [each for each in changes if each.row not in state.ongoing or _begins(state, each)]
    changed = [_settle(state, each, seen) for each in ends if _on_weekend(each.started_at, each.row, seen)]
    if any(changed):
        state.store.forget_profiles()
    return range(SLOTS if any(changed) else 0)


def _settle(state: DetectorState, change: Change, seen: ClosedBin) -> bool:
    """Settle what the hours of a row hold as its outage begins or ends; return whether that changed any."""
    bits = state.store.slots[change.row].view(np.uint16)
    before = bits.copy()
    (_begin if change.row in state.ongoing else _end)(state, change, seen)
    return bool((bits != before).any())


def _begins(state: DetectorState, change: Change) -> bool:
    """Return whether an outage is followed from this change on, as one of its series or as a fault of the feed."""
    followed = state.store.phases.phase[change.row] == FOLLOWED and change.updated_at == change.detected_at
    return bool(followed and state.store.levels.profile_mean[change.row] > 0)


def _begin(state: DetectorState, change: Change, seen: ClosedBin) -> None:
    """Forget what the hours of a row seemed to hold while they were in doubt: it was no less than a weekend may.

    Of an outage that is dark they are few. Values that an earlier outage noted, and that were never believed, go too.
    """
    slots = state.store.slots[change.row]
    forgotten = rows_of(is_noted(slots.view(np.uint16)))
    slots[forgotten] = -1
    if change.max_drop < TOTAL and slots[slot_of(seen.start)] < 0:
        slots[[slot_of(at) for at in _hours(change, change.opened, seen)]] = -1


def _end(state: DetectorState, change: Change, seen: ClosedBin) -> None:
    """Believe what an outage that has ended has noted, or forget it but for the hours of the return."""
    row, slots, ended = change.row, state.store.slots[change.row], (change.ended_at or change.updated_at) - 1
    dark, first = change.max_drop >= TOTAL, _is_in_first_week(state, row) or not _has_seen_rest(slots, ended, row, seen)
    is_believed = not dark and change.state != "rebaselined" and (_is_weekend(change, seen) or not first)
    hours = _hours(change, seen.start, seen)
    for at in (at for at in hours if is_noted(slots[slot_of(at)].view(np.uint16))):
        slots[slot_of(at)] = -slots[slot_of(at)] if is_believed or at > ended else -1
    if not is_believed and not dark and ended >= seen.start - seen.start % HOUR:
        forget_hour(state.store.levels, row)
    if is_believed and not first:
        _complete(slots, [at for at in hours if at <= ended], _hours(change, change.opened, seen))


def _complete(slots: Slots, lasted: list[int], doubted: list[int]) -> None:
    """Put the mean share of the hours (Unix s) after an outage opened into those before, if they are unknown."""
    if not doubted or slots[slot_of(doubted[0])] >= 0:
        return
    shares = [share for share in (_share(slots, at) for at in lasted[len(doubted) :]) if share >= 0]
    for at in doubted if shares else ():
        others = _others(slots, at)
        slots[slot_of(at)] = np.mean(shares) * others if others >= 0 else -1


def _hours(change: Change, until: int, seen: ClosedBin) -> list[int]:
    """Return the hours (Unix s) of the weekend from the start of an outage to a time."""
    start = change.started_at - change.started_at % HOUR
    longest = LENGTH + DAY + BEFORE  # Friday to Sunday where it begins on a Friday, and the hours before
    hours = range(start, min(until, start + longest) + 1, HOUR)
    return [at for at in hours if _on_weekend(at, change.row, seen)]


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


def _has_seen_rest(slots: Slots, ended: int, row: int, seen: ClosedBin) -> bool:
    """Return whether an hour that is left of the weekend in which an outage ended is known, from an earlier weekend.

    Where none is left, nobody can tell.
    """
    left = range(seen.start + HOUR, ended + LENGTH + DAY, HOUR)
    if any(slots[slot_of(at)] >= 0 and _may_rest(at, row, seen) for at in left):
        return True
    return not any(_may_rest(at, row, seen) for at in left)


def _is_weekend(change: Change, seen: ClosedBin) -> bool:
    """Return whether an outage began and ended with the weekend of its row."""
    before = BEFORE if seen.zones is None or not seen.group[change.row] else EVENING
    began = _is_at(change.started_at, change.row, seen)
    return began and change.ended_at is not None and _is_at(change.ended_at - LENGTH, change.row, seen, before)


def _on_weekend(at: int, row: int, seen: ClosedBin) -> bool:
    """Return whether a time (Unix s) may be in the weekend of a row, or about the local midnight in which it begins."""
    return _is_at(at, row, seen) or _may_rest(at, row, seen)


def _may_rest(at: int, row: int, seen: ClosedBin) -> bool:
    """Return whether a time (Unix s) may be on a day of the weekend of a row."""
    return bool(replace(LocalDays.of(seen, slice(row, row + 1), 0), at=at).may_be_weekend()[0])


def _is_at(at: int, row: int, seen: ClosedBin, before: int = BEFORE) -> bool:
    """Return whether a time (Unix s) is about the local midnight in which the weekend of a row begins."""
    return bool(begins_about(at + ahead_of_utc(seen, row), seen.group[row], before))


def begins_about(at: Ints | int, group: Ints, before: int = BEFORE) -> Flags:
    """Return whether local times (s) are about the midnight in which the weekend of a country begins (any shape)."""
    starts = np.where(group >= FRIDAYS, FRIDAY, SATURDAY) * DAY
    # Day 0 of 1970 was a Thursday, weekday 3.
    return np.asarray((at + 3 * DAY - starts + before) % WEEK <= before + AFTER)
