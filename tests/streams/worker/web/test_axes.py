"""The axes of charts: round times and levels, few enough for a phone."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.worker.web import axes
from streams.worker.web.axes import level_marks, time_marks

DAY = 86_400
MIDNIGHT = 1_577_232_000  # 2019-12-25


def test_the_examples_are_right() -> None:
    """Those of the docstrings."""
    assert doctest.testmod(axes).failed == 0


@pytest.mark.parametrize(
    ("first", "hours", "expected"),
    [
        (MIDNIGHT - 3 * 3600, 4, ["22:00", "23:00", "Dec 25"]),
        (MIDNIGHT - 3600, 24, ["Dec 25", "06:00", "12:00", "18:00"]),
        (MIDNIGHT - DAY + 60, 72, ["12:00", "Dec 25", "12:00", "Dec 26", "12:00"]),
    ],
)
def test_times_are_round_and_midnight_has_its_date(first: int, hours: int, expected: list[str]) -> None:
    """Four hours, a day and three days."""
    assert [mark.text for mark in time_marks(first, first + 3600 * hours)] == expected


@given(st.integers(0, 4_000_000_000), st.integers(300, 400 * DAY))
def test_a_phone_has_room_for_the_times(first: int, seconds: int) -> None:
    """At most seven, in order, none at an end, where its text would be cut; at least one for up to a day."""
    marks = time_marks(first, first + seconds)
    places = [mark.at for mark in marks]
    assert len(marks) <= axes.MAX_TIMES
    assert places == sorted(places)
    assert all(0 < place < 1 for place in places)
    assert marks or seconds < 900 or seconds > DAY


@given(st.floats(1e-6, 1e12))
def test_levels_begin_at_zero_and_end_below_the_top(top: float) -> None:
    """Two to five of them, evenly spaced."""
    marks = level_marks(top)
    assert marks[0] == (0, "0")
    assert 2 <= len(marks) <= axes.LEVELS + 1
    assert marks[-1].at <= 1 + 1e-9
