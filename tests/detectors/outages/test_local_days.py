"""Days of rest, holidays and weekends end at local midnight: beside it, the UTC day is another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.outages.local_days import LocalDays
from detectors.outages.season import quietest
from detectors.types import DAY, FRIDAYS, Change, Ints, Rule, Zones
from tests.detectors.series import START, Matrix, bins, outages, run

HOUR = 3600
COUNTRY = 7
SATURDAY = 5
OFFSETS = (-8, 0, 5.5, 9, 12.75)  # hours ahead of UTC, of places with people


def zones(*hours: float, code: int = COUNTRY) -> Zones:
    """Return the local time of a country whose zones are so many hours ahead of UTC."""
    west, east = (np.full(code + 1, bound(hours) * HOUR).astype(np.int64) for bound in (min, max))
    return Zones(west, east)


def local_day(count: int, hours: float) -> Ints:
    """Return the local day of so many hours of UTC; day 0 is a Monday."""
    return np.asarray((np.arange(count) * HOUR + int(hours * HOUR)) // DAY)


def level(hours: float, days: int = 48, rest: float = 0.7) -> Matrix:
    """Return an hourly gauge with noise of one per cent, on Saturdays and Sundays of local time at a share."""
    noise = 1 + 0.01 * np.random.default_rng(4).standard_normal(24 * days)
    return np.asarray(1000 * noise * np.where(local_day(24 * days, hours) % 7 >= SATURDAY, rest, 1))


def opened(values: Matrix, local: Zones | None, group: int = COUNTRY) -> list[Change]:
    """Return the outages of an hourly gauge of a country."""
    seen = bins(values[:, None], HOUR, start=START, group=group)
    return outages(run(Detector(Rule("gauge", HOUR)), (replace(bin_, zones=local) for bin_ in seen)))


@pytest.mark.parametrize("hours", OFFSETS)
def test_a_holiday_from_local_midnight_to_the_next_is_no_outage(hours: float) -> None:
    """It is like a Sunday."""
    values = level(hours)
    values[local_day(len(values), hours) == 45] *= 0.7
    assert opened(values, zones(hours)) == []


def test_by_the_days_of_utc_a_first_weekend_would_be_an_outage() -> None:
    """In Japan it begins on Friday at 15:00 of UTC."""
    (change,) = opened(level(9, days=14, rest=0.75), None)
    assert change.started_at == START + 4 * DAY + 15 * HOUR


@pytest.mark.parametrize("hours", OFFSETS)
def test_an_outage_half_an_hour_after_a_holiday_is_found(hours: float) -> None:
    """It begins at 00:30 on the day after, two fifths of the level are left."""
    values = level(hours)
    day = local_day(len(values), hours)
    values[day == 45] *= 0.7
    first = int(np.flatnonzero(day == 46)[0])
    values[first] *= 0.7
    values[first + 1 : first + 30] *= 0.4
    (change,) = opened(values, zones(hours))
    assert first <= (change.started_at - START) // HOUR <= first + 1
    assert (change.detected_at - START) // HOUR <= first + 4


@pytest.mark.parametrize("hours", OFFSETS)
def test_a_first_weekend_begins_and_ends_at_local_midnight(hours: float) -> None:
    """The series begins on a Monday; a quarter is missing on its first Saturday and Sunday."""
    assert opened(level(hours, days=14, rest=0.75), zones(hours)) == []


def test_a_country_of_several_zones_may_be_in_each_of_their_days() -> None:
    """At 21:00 of UTC it is still Sunday in Kaliningrad, and Monday in Kamchatka."""
    at = START + 6 * DAY + 21 * HOUR  # Sunday evening
    may = LocalDays(zones(2, 12), np.array([COUNTRY]), at, HOUR).may_be_weekend()
    east = LocalDays(zones(12), np.array([COUNTRY]), at, HOUR).may_be_weekend()
    assert (may.tolist(), east.tolist()) == ([True], [False])


def test_a_friday_of_rest_is_that_of_local_time() -> None:
    """In Tehran it begins on Thursday at 20:30 of UTC; a bin of three hours before it touches it."""
    code = FRIDAYS + 1
    thursday = START + 3 * DAY
    flags = [
        bool(LocalDays(zones(3.5, code=code), np.array([code]), thursday + hour * HOUR, width).may_be_weekend()[0])
        for hour, width in ((19, HOUR), (20, HOUR), (18, 3 * HOUR), (15, 3 * HOUR))
    ]
    assert flags == [False, True, True, False]


@pytest.mark.parametrize("hours", OFFSETS)
def test_the_day_of_rest_is_a_local_one(hours: float) -> None:
    """All hours of a local Friday lie lower; those of UTC belong to two days."""
    slots = np.full((1, 168), 10, np.float16)
    for hour in range(24 * 7):
        if (hour * HOUR + int(hours * HOUR) + HOUR // 2) // DAY % 7 == 4:
            slots[0, 7 * (hour % 24) + hour // 24] = 7
    seconds = np.array([int(hours * HOUR)])
    assert quietest(slots, HOUR, np.array([0.001], np.float32), seconds).tolist() == [5]


def test_days_of_utc_are_as_without_zones() -> None:
    """A country on UTC gives the same outages as no zones at all."""
    values = level(0)
    values[500:530] *= 0.3
    assert opened(values, zones(0)) == opened(values, None)
