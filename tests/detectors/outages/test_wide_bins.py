"""Bins wider than an hour stand what moves a healthy day by an hour or makes it one of rest, and still find falls."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.outages.detector import Detector
from detectors.outages.season import SLOTS, around, quietest, shape
from detectors.types import Rule
from tests.detectors.series import START, bins, outages, run, watch

HOUR, DAY, FINE = 3_600, 86_400, 900
WIDE = [5_400, 7_200, 10_800, 14_400, 21_600, DAY]
SERIES = 12
Hours = NDArray[np.float64]


def days_of(width: int) -> int:
    """Weeks before anything happens, and three weeks after; bins of a day take four times as long to be known."""
    return 42 if width < DAY else 120


def level(width: int, hours: Hours, free: NDArray[np.bool_], seed: int = 1) -> Hours:
    """Bins of series with a smooth day, a sharp one or one with a peak in the evening; matrices (bins, series).

    `hours`: the local clock for each quarter of an hour. `free`: on which a day is one of rest.
    """
    rng = np.random.default_rng(seed)
    columns = []
    for row in range(SERIES):
        at = (hours + rng.uniform(0, 24)) % 24
        smooth = 1 - 0.5 * np.cos(np.pi * at / 12) - 0.15 * np.cos(np.pi * at / 6)
        office = 0.35 + 0.65 * np.clip((at - 6) / 1.5, 0, 1) * np.clip((22 - at) / 2.5, 0, 1)
        evening = np.interp(at, [0, 1, 3, 5, 8, 10, 17, 20, 22, 24], [0.75, 0.5, 0.3, 0.27, 0.6, 0.75, 0.8, 1, 1, 0.75])
        mean = (smooth, office, evening)[row % 3] * np.where(free, 0.9, 1)
        columns.append(
            mean.reshape(-1, width // FINE).mean(axis=1) * (1 + 0.01 * rng.standard_normal(len(at) * FINE // width))
        )
    return 1000 * np.array(columns).T


def healthy(case: str, width: int) -> Hours:
    """Return series whose clock, mornings or week changes for good or for a while, three weeks before the end."""
    at = np.arange(days_of(width) * DAY // FINE) * FINE
    begun = at >= (days_of(width) - 21) * DAY
    hours, free = at / HOUR, at // DAY % 7 >= 5
    if case == "school holidays":
        late = np.interp(hours % 24, [4, 6, 9, 12], [0, 1, 1, 0])
        return level(width, hours - late * begun, free)
    if case == "Christmas":
        return level(width, hours, free | (begun & (at < (days_of(width) - 14) * DAY)))
    return level(width, hours + begun * {"spring": 1, "autumn": -1}[case], free)


@pytest.mark.parametrize("width", WIDE)
@pytest.mark.parametrize("case", ["spring", "autumn", "school holidays", "Christmas"])
def test_what_is_healthy_raises_no_alarm(case: str, width: int) -> None:
    """Twelve series of different days and hours, noise of one per cent."""
    values = healthy(case, width)
    settled = len(values) // 2 * width
    found = outages(watch("gauge", width, values))
    assert [change for change in found if change.opened >= START + settled] == []


@pytest.mark.parametrize("width", WIDE)
def test_a_fall_is_found_within_a_day_of_bins(width: int) -> None:
    """Four of twelve series lose a third for good: found within twelve bins, whatever the hour."""
    at = np.arange(days_of(width) * DAY // FINE) * FINE
    values = level(width, at / HOUR, at // DAY % 7 >= 5)
    begun = (days_of(width) - 20) * DAY // width
    values[begun:, :4] *= 0.65
    found = {change.row: change.detected_at for change in outages(watch("gauge", width, values))}
    assert {row for row, when in found.items() if when <= START + (begun + 12) * width} >= set(range(4))


def test_a_clock_shift_moves_a_wide_bin_by_a_part_of_the_way() -> None:
    """On a line of two-hourly bins an hour is half the way to the bin before; a bin of a day has none beside it."""
    slots = np.full((1, SLOTS), -1, np.float16)
    for hour in range(0, 24, 2):
        slots[0, 7 * hour : 7 * hour + 7] = 1 + hour / 16
    at = START + 12 * HOUR
    assert shape(around(slots, at, 2 * HOUR, np.zeros(1, np.uint8)), at, 2 * HOUR).low[0] == 1.75 - 0.125 / 2
    assert shape(around(slots, at, DAY, np.zeros(1, np.uint8)), at, DAY).low[0] == 1.75


def test_a_bin_lies_where_the_bins_of_its_hour_do() -> None:
    """Bins of 90 min begin at the same hours every day; of bins of 150 min some begin at the half of an hour."""
    slots = np.repeat(np.arange(24), 7).astype(np.float16)[None] + 1
    none = np.zeros(1, np.uint8)
    for width, hour, day in ((5_400, 10.5, 11), (9_000, 11, 12 - 0.1 * 3), (9_000, 11.5, 12 + 0.1 * 3)):
        start = START + int(hour * HOUR)
        assert shape(around(slots, start, width, none), start, width).day[0] == pytest.approx(day, abs=1e-6)


@pytest.mark.parametrize("width", [900, HOUR, *WIDE[:-1]])
def test_the_day_of_rest_is_looked_for_whenever_a_week_ends(width: int) -> None:
    """Saturdays a quarter lower: known when a week ends, though few bins begin in the week's last hour."""
    at = np.arange(28 * DAY // width) * width
    noise = 1 + 0.01 * np.random.default_rng(6).standard_normal((len(at), 1))
    detector = Detector(Rule("gauge", width))
    run(detector, bins(100 * noise * np.where(at // DAY % 7 == 5, 0.75, 1)[:, None], width))
    assert detector.stored["rest"].tolist() == [6]


@pytest.mark.parametrize("width", [3 * HOUR, 6 * HOUR, DAY])
def test_wide_bins_know_a_day_of_rest(width: int) -> None:
    """A Friday a fifth below the other days, though most hours have no bin."""
    slots = np.full((1, SLOTS), -1, np.float16)
    for hour in range(0, 24, width // HOUR):
        slots[0, 7 * hour : 7 * hour + 7] = 1
        slots[0, 7 * hour + 4] = 0.8
    assert quietest(slots, width, np.array([0.001], np.float32)).tolist() == [5]
