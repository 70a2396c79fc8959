"""Which local day it may be: days of rest, weekends and holidays begin and end at local midnight.

Derived in docs/detection.md#local-days-local_dayspy. Arrays hold an element per row, or per code of a country.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.types import DAY, FRIDAYS, ClosedBin, Flags, Ints, Zones

HOUR = 3600
NIGHT = 16 * HOUR  # seconds that a night may last; what stays lower for longer shows no season
FRIDAY, SATURDAY, SUNDAY = 4, 5, 6
AHEAD = (-1, 0, 1)  # days that the local day may be ahead of that of UTC
Days = NDArray[np.uint8]
Times = TypeVar("Times", int, Ints)


@dataclass(frozen=True, slots=True)
class LocalDays:
    """Local days of rows in the hour of a time (Unix s), or in a bin of `width` seconds if that is wider.

    `zones`: local time of each country, None where it is UTC; `group`: code of the country (rows).
    """

    zones: Zones | None
    group: Ints
    at: int
    width: int

    @classmethod
    def of(cls, seen: ClosedBin, part: slice, width: int) -> LocalDays:
        """Return those of some rows of a bin."""
        return cls(seen.zones, seen.group[part], seen.start, width)

    def ahead(self) -> tuple[Ints, Ints]:
        """Return by how many days the local day is ahead of that of UTC: −1, 0 or 1 (rows).

        The first is that of the start, in the westernmost zone; the second that of the end, in the easternmost.
        """
        if self.zones is None:
            zero = np.zeros(len(self.group), np.int64)
            return zero, zero
        begin = (self.at - self.at % HOUR) % DAY
        end = begin + max(self.width, HOUR) - 1
        return ((begin + self.zones.west) // DAY)[self.group], ((end + self.zones.east) // DAY)[self.group]

    def middle(self) -> Ints:
        """Return by how many seconds the middle of each country is ahead of UTC (rows)."""
        if self.zones is None:
            return np.zeros(len(self.group), np.int64)
        return np.asarray(((self.zones.west + self.zones.east) // 2)[self.group])

    def are_single(self) -> Flags:
        """Return which rows are in one local day for certain."""
        if self.zones is None:
            return np.ones(len(self.group), np.bool_)
        first, last = self._countries().ahead()
        return np.asarray((first == last)[self.group])

    def may_be_weekend(self) -> Flags:
        """Return which rows may be in a day of their weekend."""
        return self._may_be(lambda day, fridays: fridays if day == FRIDAY else np.full_like(fridays, day >= SATURDAY))

    def may_be_workday(self) -> Flags:
        """Return which rows may be in a day of work."""
        return self._may_be(is_workday)

    def _may_be(self, is_day: Callable[[int, Flags], Flags]) -> Flags:
        """Return which rows may be in a day, given a weekday and which countries have weekends on Friday."""
        countries = self._countries()
        may, (first, last) = np.zeros(len(countries.group), np.bool_), countries.ahead()
        for ahead in AHEAD:
            day = is_day((weekday_of(self.at) + ahead) % 7, countries.group >= FRIDAYS)
            may |= (first <= ahead) & (ahead <= last) & day
        return np.asarray(may[self.group])

    def is_sunday(self) -> Flags:
        """Return which rows are in their Sunday."""
        if self.zones is None:
            return np.full(len(self.group), weekday_of(self.at) == SUNDAY)
        return np.asarray((weekday_of(self.at + self._countries().middle()) == SUNDAY)[self.group])

    def _countries(self) -> LocalDays:
        """Return the local days of all codes up to the largest, of which there are fewer than rows."""
        return replace(self, group=np.arange(int(self.group.max(initial=0)) + 1))

    def of_utc(self, weekdays: Days) -> list[Days]:
        """Return on which weekdays of UTC these local ones may be: 1 to 7, 0 where there is none (rows).

        Each of the list stands for one of `AHEAD`.
        """
        if self.zones is None:
            return [weekdays]
        first, last = self.ahead()
        possible = [(ahead, (first <= ahead) & (ahead <= last)) for ahead in AHEAD]
        return [np.where(may, _EARLIER[ahead][weekdays], np.uint8(0)) for ahead, may in possible if may.any()]


_EARLIER = {ahead: np.array([0, *((day - ahead) % 7 + 1 for day in range(7))], np.uint8) for ahead in AHEAD}


def is_workday(day: int, fridays: Flags) -> Flags:
    """Return whether a weekday is a day of work, given which rows have their weekend on Friday and Saturday."""
    if day in (FRIDAY, SUNDAY):
        return fridays if day == SUNDAY else ~fridays
    return np.full_like(fridays, day < FRIDAY)


def weekday_of(at: Times) -> Times:
    """Return the weekday of a time in Unix seconds, 0 is Monday (day 0 of 1970 was a Thursday)."""
    return (at // DAY + 3) % 7


def ahead_of_utc(seen: ClosedBin, row: int) -> int:
    """Return by how many seconds the middle of a row's country is ahead of UTC."""
    return int(LocalDays.of(seen, slice(row, row + 1), 0).middle()[0])


def by_local_day(hour: NDArray[Any], ahead: Ints) -> NDArray[Any]:
    """Return an hour of UTC of each weekday (7 × rows) in the order of local weekdays; `ahead`: days, as above."""
    if not ahead.any():
        return hour
    return np.take_along_axis(hour, (np.arange(7)[:, None] - ahead) % 7, axis=0)
