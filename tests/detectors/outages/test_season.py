"""The weekly profile: its slots, its pooling, its numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from detectors.outages.season import (
    SLOTS,
    Around,
    around,
    narrow,
    pool,
    quietest,
    relative,
    shape,
    slot_of,
    smoother,
    widen,
)
from detectors.outages.series_state import SeriesStore

MONDAY = 1_577_664_000  # 30 December 2019
NONE = np.zeros(1, np.uint8)  # no day of rest is known


def same(first: Around, second: Around) -> bool:
    """Return whether two profiles are the same in all that a bin is judged by."""
    beside = zip(first.farther or (), second.farther or (), strict=True)
    columns = [name for name in Around.__slots__ if name not in {"farther", "pooled"}]
    pairs = [(getattr(first, name), getattr(second, name)) for name in columns]
    return all(np.array_equal(*pair) for pair in (*pairs, *beside))


def test_slots_are_hours_of_the_week_ordered_by_hour() -> None:
    """Every hour of a week has a slot of its own, and it is the one that its date says."""
    times = [MONDAY + 3600 * hour for hour in range(SLOTS)]
    assert sorted(slot_of(at) for at in times) == list(range(SLOTS))
    for at in times:
        when = datetime.fromtimestamp(at, UTC)
        assert slot_of(at) == 7 * when.hour + when.weekday()


FINITE = np.arange(0x7C00, dtype=np.uint16)  # the bits of every 16-bit number that may be in a profile


def test_halves_widen_exactly() -> None:
    """Finite 16-bit numbers, the smallest included, become the processor's own 32-bit number."""
    assert np.array_equal(widen(FINITE), FINITE.view(np.float16).astype(np.float32))


def test_numbers_narrow_as_the_processor_rounds_them() -> None:
    """Every 16-bit number, the middle between neighbours, and what lies just beside those, subnormals included."""
    exact = FINITE.view(np.float16).astype(np.float32)
    middle = (exact[1:] + exact[:-1]) / 2
    near = np.concatenate([exact, middle, np.nextafter(middle, np.float32(0)), np.nextafter(middle, np.float32(1e5))])
    assert np.array_equal(narrow(near), near.astype(np.float16).view(np.uint16))


def test_a_pooled_hour_is_the_mean_of_the_weekdays_that_are_known() -> None:
    """Bit for bit what plain 32-bit arithmetic gives, whatever the numbers and whichever weekdays are known."""
    rng = np.random.default_rng(1)
    days = rng.choice(FINITE, (7, 2_000)).view(np.float16)
    days[rng.random(days.shape) < rng.random(2_000)] = -1
    valued = days >= 0
    total = np.where(valued, days, 0).astype(np.float32).sum(axis=0)
    mean = np.where(valued.any(axis=0), total / np.maximum(valued.sum(axis=0), 1).astype(np.float32), np.float32(-1))
    assert np.array_equal(pool(days.view(np.uint16)), mean)


def test_unknown_hours_borrow_from_beside_them() -> None:
    """Nothing known: -1. One hour known on one weekday: that is the hour beside it too."""
    slots = np.full((2, SLOTS), -1, np.float16)
    slots[1, 7 * 5 + 0] = 1.5
    seen = shape(around(slots, MONDAY + 6 * 3600, 3600, NONE), MONDAY + 6 * 3600, 3600)
    assert seen.day.tolist() == [-1.0, 1.5]
    assert seen.fresh.all()


def test_the_middle_between_two_hours_is_between_them() -> None:
    """At a quarter to seven the profile is a quarter of the way from six's to seven's middle."""
    slots = np.full((1, SLOTS), 1.0, np.float16)
    slots[0, 7 * 7 : 7 * 8] = 2.0
    at = MONDAY + 6 * 3600 + 2520
    assert shape(around(slots, at, 360, NONE), at, 360).day[0] == np.float32(1.25)


def test_low_is_the_lowest_hour_around_and_quiet_the_quietest_weekday() -> None:
    """What an early or late clock, or a holiday, would show."""
    slots = np.full((1, SLOTS), 2.0, np.float16)
    slots[0, 7 * 7 : 7 * 8] = 1.0
    slots[0, 7 * 6 + 6] = 0.5
    at = MONDAY + 6 * 3600
    seen = shape(around(slots, at, 3600, NONE), at, 3600)
    assert seen.low[0] == 1.0
    assert seen.quiet[0] == 0.5
    assert seen.week[0] == 2.0


def test_shares_of_a_profile_are_one_where_nothing_is_known() -> None:
    """A row on its first day, and one whose hours were never seen, have no season; another one's is what it is."""
    slots = np.full((3, SLOTS), 2.0, np.float16)
    slots[1] = -1
    seen = relative(around(slots, MONDAY, 3600, np.zeros(3, np.uint8)), np.array([0, 4, 4], np.float32))
    low = shape(seen, MONDAY, 3600).low
    assert seen.here.tolist() == seen.own.tolist() == low.tolist() == [1.0, 1.0, 0.5]
    assert not seen.fresh.any()


def test_a_day_of_rest_is_told_from_chance() -> None:
    """A Friday a fifth below the other days is one of rest; by less than chance makes, or half unknown, it is not."""
    slots = np.full((3, SLOTS), 1.0, np.float16)
    slots[:, 4::7] = 0.8
    slots[2, 4 : 14 * 7 : 7] = -1
    assert quietest(slots, 3600, np.array([0.001, 0.01, 0.001], np.float32)).tolist() == [5, 0, 0]


def test_a_holiday_is_expected_like_the_day_of_rest() -> None:
    """Not like a weekday that happens to be lower in this hour."""
    slots = np.full((1, SLOTS), 2.0, np.float16)
    slots[0, 5::7] = 1.5
    slots[0, 2] = 1.0
    assert [around(slots, MONDAY, 3600, np.array([day], np.uint8)).quiet[0] for day in (0, 6)] == [1.0, 1.5]


@pytest.mark.parametrize("width", [300, 3600])
def test_an_hour_is_pooled_once(width: int) -> None:
    """What an hour kept of those beside it serves the next as well as pooling them again, whatever is known."""
    rng = np.random.default_rng(1)
    slots = rng.random((168, 500)).astype(np.float16).T
    slots[rng.random(slots.shape) < rng.random((500, 1))] = -1
    rest = rng.integers(0, 8, 500).astype(np.uint8)
    for hour in (5, 23):
        kept = around(slots, MONDAY + hour * 3600, width, rest).pooled
        after = MONDAY + (hour + 1) * 3600
        once, again = around(slots, after, width, rest, kept), around(slots, after, width, rest)
        assert same(once, again)
        assert once.pooled.keys() == again.pooled.keys()


def test_a_clock_that_moves_takes_a_bin_an_hour_along_the_line() -> None:
    """At 06:45 of a falling day a pattern an hour early shows 07:45, and of a rising one an hour late 05:45."""
    slots = np.full((3, SLOTS), -1, np.float16)
    for hour, levels in enumerate(zip((8, 7, 5, 2, 1), (1, 2, 5, 7, 8), (9, 9, 1, 9, 9), strict=True), 4):
        slots[:, 7 * hour : 7 * hour + 7] = np.array(levels)[:, None]
    at = MONDAY + 6 * 3600 + 1800
    low = shape(around(slots, at, 1800, np.zeros(3, np.uint8)), at, 1800).low
    assert low.tolist() == [1.75, 2.75, 1.0]


def test_the_end_of_an_hour_changes_the_profile_beside_the_next() -> None:
    """A store that goes from hour to hour shows what one shows that starts there."""
    rng = np.random.default_rng(1)
    kept = SeriesStore()
    kept.grow(40)
    kept.levels.profile_mean[:] = 1
    for hour in range(30):
        at = MONDAY + hour * 3600
        other = SeriesStore()
        other.grow(40)
        other.levels.profile_mean[:], other.slots[:] = 1, kept.slots
        mine, fresh = (store.near(slice(0, 40), at, 3600) for store in (kept, other))
        assert same(mine, fresh)
        kept.slots[:, slot_of(at)] = rng.random(40)


def test_hours_that_bend_by_chance_become_the_mean_of_three() -> None:
    """Where all of the bend is chance, the hour is the mean of three; a row that is not named keeps its own."""
    slots = np.full((2, SLOTS), -1, np.float16)
    for hour, share in ((5, 1.0), (6, 0.7), (7, 1.0)):
        slots[:, 7 * hour] = share
    near = around(slots, MONDAY + 6 * 3600, 3600, np.zeros(2, np.uint8))
    smooth = smoother(near, np.array([0]), near.here[:1] - (near.before[:1] + near.after[:1]) / 2)
    assert smooth.here.tolist() == pytest.approx([0.9, 0.7], abs=1e-3)
    assert shape(smooth, MONDAY + 6 * 3600, 3600).low.tolist() == pytest.approx([0.9, 0.7], abs=1e-3)
