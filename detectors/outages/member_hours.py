"""Presence: members that are up at each hour of the day, and members that are missing then, as of a morning.

Derived in docs/presence.md#members-missing-at-an-hour-member_hourspy. Arrays hold an element per row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.types import DAY, ClosedBin, Flags, Floats, Ints, Singles

from . import member_holidays, member_weekends
from .column_rows import member_parts, rows_of
from .evidence import RHOS, largest
from .local_days import HOUR, NIGHT, weekday_of
from .member_drains import HEAVY, LEAST, STEADIEST, UNMOVED, USUAL, in_common
from .member_fades import DARK, DOUBTED, HOURS, WIDEST
from .member_losses import FEWEST, FeedChurn, MemberBin, NormalLosses, evidence, strongest, usual
from .member_places import END, PLACE, PLACES, WEEK, beside, largest_of, places_of, slot_of
from .outage_lifecycle import FOLLOWED
from .season import Slots
from .series_state import MemberColumns, SeriesStore

MOST = 4 * WEEK  # days over which the deviation of a place is a mean, at most
NIGHTS = 0.25  # of what is usually missing, how far a night may go beyond, before any is seen
PRIOR = 2.0  # bins of an hour that these count for
WORK = 3  # days of a possible weekend that a day of work counts for
ENOUGH = 4  # of such days before an hour is judged: two days, of which one is no weekend's
REST_DAYS = (4, 5, 6)  # weekdays of UTC on which a weekend may lie


class Absences(NamedTuple):
    """Rows that lack more members than at this hour on any day of the week: evidence (nats) and index of its rho."""

    rows: Ints
    nats: Floats
    rho_index: Ints


def begin_hour(c: MemberColumns, slots: Slots, seen: ClosedBin, width: int) -> None:
    """Note the least share of the members that is up about this hour, if it begins with this bin; that of weekends too.

    It is the least of the last week, an hour (or bin) before and after included; NaN where no such hour was seen.
    """
    start = seen.start
    if width > WIDEST or start // HOUR == (start - width) // HOUR:
        return
    member_weekends.begin_hour(c, slots, seen, width)
    times = beside(start, width)
    enough = np.min([_days_known(slots, place) for place in places_of(times)], axis=0) >= ENOUGH
    most = np.where(enough, _usual(slots, _columns(start, width), times, seen), np.float16(-1))
    if weekday_of(start) in REST_DAYS:
        later = slot_of(start + PLACE - HOUR)  # not yet of today, in the second hour of a place
        fresh = rows_of((slots[:, later] < 0) & (most >= 0))
        most[fresh] = slots[fresh, HOURS:END].max(axis=1)  # a first weekend may be as any night
    share = 1 - most.astype(np.float32)
    c.least_share[:] = np.where(most < 0, np.float32(np.nan), np.minimum(share, c.rest_share))


def _columns(start: int, width: int) -> set[int]:
    """Return the slots of the hour (or bin) of a time, and of those beside, on all days but today."""
    times = beside(start, width)
    today = {slot_of(times[0]), *([slot_of(start)] if start % PLACE >= HOUR and width <= HOUR else [])}
    return {HOURS + day * PLACES + place for day in range(WEEK) for place in places_of(times)} - today


def _usual(slots: Slots, columns: set[int], times: list[int], seen: ClosedBin) -> Slots:
    """Return the largest of some columns of each row; on the day after a weekend without those of the weekend."""
    after = member_weekends.after_weekend(seen)
    if not after.any():
        return largest_of(slots, columns)
    weekend = columns & {slot_of(at - days * DAY) for at in times for days in (1, 2)}
    most = largest_of(slots, columns - weekend)
    if not after.all():
        most = np.where(after, most, np.maximum(most, largest_of(slots, weekend)))
    return most


def _days_known(slots: Slots, place: int) -> NDArray[np.int8]:
    """Return on how many days of the last week a place of the day was seen (rows), those of work thrice."""
    found = np.zeros(len(slots), np.int8)
    for day in range(WEEK):
        learnt = slots[:, HOURS + day * PLACES + place].view(np.int16) >= 0
        found += learnt * np.int8(1 if day in REST_DAYS else WORK)
    return found


def advance(store: SeriesStore, closed: MemberBin, churn: FeedChurn, width: int) -> Absences:
    """Return which networks lack members, and note what this bin lacks for the end of its hour."""
    c, seen = store.members, closed.seen
    short = np.empty(store.rows, np.bool_)
    for part, columns in member_parts(store):
        short[part] = _note(columns, seen.size[part].astype(np.float32), seen.value[part].astype(np.float32))
    rows = rows_of(short)
    rows = rows[closed.measured[rows] & (store.phases.phase[rows] < FOLLOWED)]
    rows = rows[seen.size[rows] * c.least_share[rows] - seen.value[rows] >= FEWEST]
    sums = _weighed(store, rows, closed, churn, width) if rows.size else np.zeros((0, len(RHOS)))
    if (strongest(sums) >= UNMOVED).any():
        rows, sums = _on_holidays(store, rows, sums, closed, churn, width)
    nats = np.maximum(strongest(sums), 0)
    doubted = rows[nats >= UNMOVED]
    doubt(c, doubted, seen)
    level = (seen.size[doubted] * c.least_share[doubted]).astype(np.float32)
    c.usual_up[doubted] = np.maximum(c.usual_up[doubted], level)  # they fell while members were away at night
    return Absences(rows, nats, largest(sums.T))


def _on_holidays(
    store: SeriesStore, rows: Ints, sums: Floats, closed: MemberBin, churn: FeedChurn, width: int
) -> tuple[Ints, Floats]:
    """Return the rows that no holiday excuses, and their evidence (rows × RHOS): of a country that rests, for weekends.

    An hour in which networks rest is in doubt, but they are not expected to be as on a day of work.
    """
    c, holiday = store.members, member_holidays.of_countries(store, closed, width)
    doubt(c, rows[(strongest(sums) >= UNMOVED) & holiday.rests[rows]], closed.seen)
    c.bins_missing[holiday.rests] = 0
    left = ~holiday.rests[rows]
    rows, sums = rows[left], sums[left]
    lower = rows_of(holiday.least[rows] < c.least_share[rows])
    if lower.size:
        c.least_share[rows[lower]] = holiday.least[rows[lower]]
        sums[lower] = _weighed(store, rows[lower], closed, churn, width)
    return rows, sums


def doubt(c: MemberColumns, rows: Ints, seen: ClosedBin) -> None:
    """Note that this hour is in doubt in these rows."""
    most = ((1 + DOUBTED) * seen.size[rows] - seen.value[rows]).astype(np.float32)
    c.most_missing[rows] = np.maximum(c.most_missing[rows], most)


def _note(c: MemberColumns, size: Singles, up: Singles) -> Flags:
    """Note how many of all members are missing in a bin, and return where they are more than is usual (rows)."""
    fewer = rows_of(size < c.named)
    if fewer.size:
        _forget(c, fewer, size[fewer])
    np.maximum(c.most_missing, size - up, out=c.most_missing)
    size *= c.least_share
    size *= np.float32(1 - LEAST)
    short = up < size
    c.bins_missing += 1
    c.bins_missing *= short
    return short


def _forget(c: MemberColumns, rows: Ints, size: Singles) -> None:
    """Take members that nobody knows any longer from those missing in this hour; `size`: those left (rows)."""
    most, before = c.most_missing[rows], c.named[rows]
    c.most_missing[rows] = np.maximum(most - (before - size) * np.where(most >= DOUBTED * before, 1 + DOUBTED, 1), 0)


def _weighed(store: SeriesStore, rows: Ints, closed: MemberBin, churn: FeedChurn, width: int) -> Floats:
    """Return the evidence that these rows lack members (rows × RHOS, nats), against how days differ from each other.

    What they lack is beta distributed with a deviation as large as its mean, and as members are lost together.
    """
    c, seen = store.members, closed.seen
    days = np.clip(c.bins_learnt[rows] * (width / DAY), 1, MOST)
    most = 1 - c.least_share[rows].astype(np.float64)
    strays = _strays(store.slots, rows, seen.start % DAY // PLACE, most) * np.sqrt(1 + 2 * np.sqrt(HEAVY / days))
    calm = NormalLosses(np.zeros(len(rows)), np.zeros(len(rows)))
    tie = np.minimum(np.maximum(usual(c, rows, replace(closed, fades=None), churn, calm).tie, strays), 0.9)
    up = seen.value[rows]
    missing = (1 - most) * seen.size[rows] - up
    sums = evidence(missing, up, NormalLosses(np.clip(strays, STEADIEST, 0.9), tie))
    alone = rows_of(strongest(sums) >= UNMOVED)  # the others need no sums of all rows
    if alone.size:
        chance = np.clip(strays[alone] + in_common(seen.size * c.least_share, rows[alone], closed), STEADIEST, 0.9)
        sums[alone] = evidence(missing[alone], up[alone], NormalLosses(chance, tie[alone]))
    return sums


def _strays(slots: Slots, rows: Ints, place: int, most: Floats) -> Floats:
    """Return how far a day strays from those before, as a share of the members up, where `most` are missing (rows)."""
    learnt = slots[rows, END + place].astype(np.float64)
    nights = NIGHTS * np.maximum(most - LEAST, 0) / np.maximum(1 - most, USUAL)
    return np.maximum(np.where(learnt < 0, USUAL, learnt), nights)


def end_hour(c: MemberColumns, slots: Slots, seen: ClosedBin, width: int, calm: Flags) -> tuple[int, ...]:
    """Learn what an hour lacked at most, if it ends with this bin; return the slots that changed.

    `calm`: rows without an outage. What an outage or a doubt lacks counts when it was over within a night.
    """
    start = seen.start
    if width > WIDEST or start // HOUR == (start + width) // HOUR:
        return ()
    place = start % DAY // PLACE
    share = np.asarray(c.most_missing / np.maximum(seen.size, 1), np.float32)
    doubted = (share >= DOUBTED) | ~calm
    share -= DOUBTED * (share >= DOUBTED)
    slot = slot_of(start)
    if start % PLACE >= HOUR and width <= HOUR:
        before = slots[:, slot].astype(np.float32)
        doubted |= before <= -DOUBTED
        np.maximum(share, np.where(before <= -DOUBTED, -DOUBTED - before, before), out=share)
    sure = rows_of(~doubted & seen.alive)
    _learn_strays(c, slots, sure, share, start, width)
    noted = np.where(doubted, -DOUBTED - share, np.where(share > 1 - DARK, -1, share))
    slots[:, slot] = np.where(seen.alive, noted, slots[:, slot])
    c.most_missing[:] = 0
    weekend = member_weekends.end_place(slots, sure, share, seen) if width > HOUR or start % PLACE >= HOUR else ()
    return (slot, END + place, *weekend, *_settle(slots, sure, seen, max(PLACE, width)))


def _settle(slots: Slots, rows: Ints, seen: ClosedBin, step: int) -> tuple[int, ...]:
    """Believe what these rows lacked in the hours before this one, if it was a night or a weekend; return the slots.

    What an evening opened is learnt so, and what lasts longer is not. Places are `step` seconds apart.
    """
    start = seen.start - seen.start % step
    columns = [slot_of(start - k * step) for k in range(1, NIGHT // step + 2)]
    rows = rows[slots[rows, columns[0]] <= -DOUBTED]
    if not rows.size:
        return ()
    weekend, changed = member_weekends.settle(slots, rows, replace(seen, start=start), step)
    lacked = np.stack([slots[rows, column].astype(np.float32) for column in columns])
    run = np.logical_and.accumulate(lacked <= -DOUBTED, axis=0)
    dark = lacked < DARK - 1 - DOUBTED
    believed = np.where((run[-1] & ~weekend) | dark, np.float32(-1), -DOUBTED - lacked)
    for column, noted, before, after in zip(columns, run, lacked, believed, strict=True):
        slots[rows, column] = np.where(noted, after, before)
    return (*columns, *changed)


def _least(c: MemberColumns, slots: Slots, rows: Ints, start: int, width: int) -> Singles:
    """Return the least share up on the days before of these rows; on a second day of work, that of the first."""
    least = c.least_share[rows]
    if weekday_of(start) not in REST_DAYS:
        young = rows_of(np.isnan(least))
        columns = np.array(sorted(_columns(start, width)))
        most = slots[rows[young][:, None], columns].view(np.int16).max(axis=1).view(np.float16)
        least[young] = np.where(most < 0, np.float32(np.nan), 1 - most.astype(np.float32))
    return least


def _learn_strays(c: MemberColumns, slots: Slots, rows: Ints, share: Singles, start: int, width: int) -> None:
    """Take what these rows lacked beyond the days before, as a `share` of all, into how far a day strays."""
    least, place = _least(c, slots, rows, start, width), start % DAY // PLACE
    beyond = np.clip((share[rows] - (1 - least)) / np.maximum(least, np.float32(USUAL)), 0, 1)
    seen = np.clip(c.bins_learnt[rows].astype(np.float32) * np.float32(width / DAY) - 1, 0, MOST)
    learnt = slots[rows, END + place].astype(np.float32)
    square = np.where(learnt < 0, np.float32(USUAL), learnt) ** 2
    square += (beyond**2 - square) / (PRIOR + 1 + seen * np.float32(PLACE / max(width, HOUR)))
    slots[rows, END + place] = np.where(np.isfinite(square), np.sqrt(square), learnt)
