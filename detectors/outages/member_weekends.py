"""Presence: members that are away each weekend. A first weekend is an outage; the next ones are as it was.

Derived in docs/presence.md#weekends-of-members-member_weekendspy. Arrays hold an element per row.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detectors.types import DAY, FRIDAYS, ClosedBin, Flags, Floats, Ints, Singles

from .column_rows import rows_of
from .first_weekend import LENGTH, begins_about
from .local_days import FRIDAY, HOUR, SATURDAY, SUNDAY, LocalDays, weekday_of
from .member_fades import DARK, DOUBTED
from .member_places import PLACE, PLACES, REST, WEEK, beside, largest_of, slot_of
from .outage_lifecycle import FOLLOWED
from .season import Slots
from .series_state import MemberColumns, SeriesStore

LEAST = 0.1  # share of all members below which those missing are no weekend
STRAYS = 0.25  # of what is missing or of what is left, whichever is less, how far a weekend may go beyond the last
BEGUN = 0.1  # of the same, up to which the level of the last hours shows that all have left
FADE = 0.1  # of what a weekend lacks less than the one before, how much of that is forgotten
THURSDAY = FRIDAY - 1
DAYS = 4  # of a weekend, with the days before and after
NEAR = (SATURDAY, SUNDAY, 0, 1)  # weekdays of UTC on which the day after a weekend may lie


def begin_hour(c: MemberColumns, slots: Slots, seen: ClosedBin, width: int) -> None:
    """Note the share that a usual weekend leaves up about the hour of a bin; infinite where it is none."""
    c.rest_share[:] = np.inf
    times = beside(seen.start, width)
    late, early = ({_column(at, first) for at in times} - {0} for first in (FRIDAY, THURSDAY))
    if late or early:
        most = of_country(slots, late, early, seen.group)
        rows = rows_of(most >= LEAST)
        c.rest_share[rows] = 1 - most[rows].astype(np.float32)


def excused(store: SeriesStore, seen: ClosedBin) -> ClosedBin:
    """Return a bin without what leaves for a usual weekend, for which no members of those are expected up."""
    c = store.members
    rows = rows_of(c.rest_share < np.inf)
    rows = rows[(store.phases.phase[rows] < FOLLOWED) & seen.alive[rows] & seen.present[rows]]
    if not rows.size:
        return seen
    lost, up, size = seen.lost.copy(), seen.value[rows], seen.size[rows]
    over = floor(c, rows, size)
    lost[rows] = np.where(over < np.inf, np.clip(over - up, 0, lost[rows]), lost[rows])
    there = np.maximum(up + lost[rows] - seen.back[rows], c.rest_share[rows] * size)
    c.usual_up[rows] = np.minimum(c.usual_up[rows], there.astype(np.float32))
    return replace(seen, lost=lost)


def floor(c: MemberColumns, rows: Ints, size: Floats) -> Floats:
    """Return the fewest members up that a usual weekend leaves, infinite where it has begun hours ago (rows)."""
    left = c.rest_share[rows]
    either = np.minimum(1 - left, left)
    leaving = c.recent_up[rows] > size * (left + BEGUN * either)
    return np.asarray(np.where(leaving, size * (left - STRAYS * either), np.inf))


def end_place(slots: Slots, rows: Ints, share: Singles, seen: ClosedBin) -> tuple[int, ...]:
    """Let what is usual on weekends follow a place without a doubt, in these rows; return the slots that changed."""
    changed = []
    for column, chosen in _of_rows(seen.start, seen.group, rows):
        there = rows[chosen]
        before, now = slots[there, column].astype(np.float32), share[there]
        after = np.maximum(now, before - np.float32(FADE) * (before - now))
        slots[there, column] = np.where(before >= 0, after, -1)
        changed.append(column)
    return tuple(changed)


def settle(slots: Slots, rows: Ints, seen: ClosedBin, step: int) -> tuple[Flags, tuple[int, ...]]:
    """Learn a weekend that was an outage and ended with a place before this bin, in these rows.

    What leaves a tenth or less is learnt from the second weekend on. Return which rows have had one, and the slots
    that changed. A weekend has steps of `step` seconds.
    """
    first = _first(slots, rows, seen.start, step)
    group = seen.group[rows]
    ahead = LocalDays.of(replace(seen, group=group), slice(None), 0).middle()
    found = begins_about(first + ahead, group) & begins_about(seen.start - step + ahead - LENGTH, group)
    found &= seen.start - first < DAYS * DAY
    changed = set[int]()
    for at in range(int(first[found].min(initial=seen.start)), seen.start, step):
        changed.update(_learn(slots, rows[found & (first <= at)], seen, at))
    return found, tuple(changed)


def _first(slots: Slots, rows: Ints, start: int, step: int) -> Ints:
    """Return the start (s) of the first of the places in doubt that end with this bin (rows)."""
    first, going = np.full(len(rows), start), np.ones(len(rows), np.bool_)
    for at in range(start - step, start - DAYS * DAY - 1, -step):
        going &= slots[rows, slot_of(at)] <= -DOUBTED
        first -= going * step
    return first


def _learn(slots: Slots, rows: Ints, seen: ClosedBin, at: int) -> list[int]:
    """Believe what these rows lacked at a time (s) of their weekend."""
    lacked = -DOUBTED - slots[rows, slot_of(at)].astype(np.float32)
    changed = []
    for column, chosen in _of_rows(at, seen.group, rows):
        before, now = slots[rows[chosen], column], lacked[chosen]
        sure = (now <= 1 - DARK) | (before <= -DOUBTED) | (before >= 0)
        slots[rows[chosen], column] = np.where(sure, now, -DOUBTED - now)
        changed.append(column)
    return changed


def of_country(slots: Slots, late: set[int], early: set[int], group: Ints) -> Slots:
    """Return the largest of some slots, less than 0 where none is known (rows).

    They are those `late` of rows whose weekend begins on a Saturday, else those `early`.
    """
    fridays = group >= FRIDAYS
    if not fridays.any():
        return largest_of(slots, late)
    return np.where(fridays, largest_of(slots, early), largest_of(slots, late))


def _of_rows(at: int, group: Ints, rows: Ints) -> list[tuple[int, Flags]]:
    """Return the slots in which weekends keep a time (s), and which of some rows do so there."""
    late, early = _column(at, FRIDAY), _column(at, THURSDAY)
    if not (late or early):
        return []
    fridays = group[rows] >= FRIDAYS
    return [(column, chosen) for column, chosen in ((late, ~fridays), (early, fridays)) if column and chosen.any()]


def _column(at: int, first: int) -> int:
    """Return the slot of a time (s) in the days from the weekday `first` on, 0 if it is in none of them."""
    day = (weekday_of(at) - first) % WEEK
    return REST + day * PLACES + at % DAY // PLACE if day < DAYS else 0


def after_weekend(seen: ClosedBin) -> Flags:
    """Return which rows are in the day after their weekend."""
    if weekday_of(seen.start) not in NEAR:
        return np.zeros(len(seen.group), np.bool_)
    codes = np.arange(int(seen.group.max(initial=0)) + 1)  # of countries, of which there are fewer than rows
    hour = seen.start - seen.start % HOUR
    today = weekday_of(hour + LocalDays(seen.zones, codes, seen.start, 0).middle())
    return np.asarray((today == np.where(codes < FRIDAYS, 0, SUNDAY))[seen.group])
