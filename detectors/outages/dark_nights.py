"""A series that is dark at the same hours of each of its first days, and was never lit in them, has such nights.

An hour that was never seen but dark has no normal level. So dark hours of an outage are noted in the profile while no
day has shown them lit. Noted on three days by outages that were no longer than a night, they are expected.
Derived in docs/detection.md#baseline-baselinepy-seasonpy-learningpy.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from detectors.types import Change, Flags

from .detector_state import DetectorState, ScoredBin
from .learning import DARK
from .local_days import NIGHT
from .recurrence import HOURS
from .season import NOTHING, SIGN, SLOTS, Bits, hour_of, is_noted, noted, slot_of

NIGHTS = 3  # days on which an hour must have been dark
TRUSTED = 0.25  # variance of the hours of a day, half of which is dark: how sure the night is
NO_LIGHT = noted(np.zeros(1, np.uint16)).view(np.float16)[0]


def note(state: DetectorState, start: int, scored: ScoredBin) -> None:
    """Note the hour that ends with the bin at `start` (Unix s), of rows that are dark in an outage, and were always."""
    rows = np.fromiter(state.ongoing, np.intp, len(state.ongoing))
    rows = rows[scored.measured[rows] & (scored.value[rows] < DARK * state.store.levels.level[rows])]
    lit = _is_lit(hour_of(state.store.slots.T.view(np.uint16), start)[:, rows].T)
    state.store.slots[rows[~lit], slot_of(start)] = NO_LIGHT


def settle(state: DetectorState, changes: Iterable[Change]) -> range:
    """Expect the nights of rows whose outage has ended; return the slots that changed."""
    ended = [(each.row, each.ended_at - each.started_at) for each in changes if each.ended_at is not None]
    changed = [_settle(state, row, lasted) for row, lasted in ended if row not in state.ongoing]
    if any(changed):
        state.store.forget_profiles()
    return range(SLOTS if any(changed) else 0)


def forget(state: DetectorState, rows: Iterable[int]) -> range:
    """Forget the dark hours that rows have noted, as nobody saw a night end; return the slots that changed."""
    changed = [_forget(state, row) for row in rows]
    return range(SLOTS if any(changed) else 0)


def _settle(state: DetectorState, row: int, lasted: int) -> bool:
    """Expect the noted hours of a row that are enough, or forget those of what lasted longer than a night."""
    if lasted > NIGHT:
        return _forget(state, row)
    hours, c = _hours(state, row), state.store.levels
    marks = _marks(hours)
    nights = marks & (marks.sum(axis=1) >= NIGHTS)[:, None]
    hours[nights] = 0
    if nights.any():
        c.hour_products[row] = c.hour_squares[row] = TRUSTED * 2 * state.scales.week
    return bool(nights.any())


def _forget(state: DetectorState, row: int) -> bool:
    hours = _hours(state, row)
    marks = _marks(hours)
    hours[marks] = NOTHING
    return bool(marks.any())


def _marks(hours: Bits) -> Flags:
    """Return which slots (hours × weekdays) are noted in hours that no day has shown lit."""
    return is_noted(hours) & ~_is_lit(hours)[:, None]


def _hours(state: DetectorState, row: int) -> Bits:
    """Return the bits of the slots of a row, to be changed (hours × weekdays)."""
    bits: Bits = state.store.slots[row].view(np.uint16)
    return bits.reshape(HOURS, -1)


def _is_lit(hours: Bits) -> Flags:
    """Return which hours (… × weekdays) have shown more than darkness on any day."""
    return np.asarray(((hours > 0) & (hours < SIGN)).any(axis=-1))
