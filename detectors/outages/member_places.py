"""Presence: where the profile of a network keeps the largest share that was missing in each two hours of a week.

Its first slots are those of `member_fades`, one for each hour of the day.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from detectors.types import DAY

from .local_days import HOUR, weekday_of
from .member_fades import HOURS
from .season import Slots

PLACE = 2 * HOUR  # seconds of a place of the day: 168 slots hold no hours of a week beside those of member_fades
PLACES = DAY // PLACE
WEEK = 7  # days
END = HOURS + WEEK * PLACES  # the slots from HOURS on hold the largest share missing in each place of the last week
REST = END + PLACES  # from END on: how far a day strays at each place; from here on: weekends with the days beside them


def slot_of(at: int) -> int:
    """Return the slot of a time (s): of its weekday and place of the day."""
    return HOURS + weekday_of(at) * PLACES + at % DAY // PLACE


def beside(start: int, width: int) -> list[int]:
    """Return the starts (s) of the hour (or bin) of a time, and of those before and after it."""
    step = -(-width // HOUR) * HOUR
    return [start + k * step for k in (-1, 0, 1)]


def places_of(times: Iterable[int]) -> set[int]:
    """Return the places of the day of some times (s)."""
    return {at % DAY // PLACE for at in times}


def largest_of(slots: Slots, columns: Iterable[int]) -> Slots:
    """Return the largest of some columns of each row, less than 0 where none is known."""
    found = np.full(len(slots), -1, np.float16).view(np.int16)  # 16 bits order as whole numbers do, but below 0
    for column in sorted(columns):
        np.maximum(found, slots[:, column].view(np.int16), out=found)
    return found.view(np.float16)
