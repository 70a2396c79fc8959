"""Event time of a feed: what closes, what is late, what leaps."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.watermark import TimeRule, Watermark

RULE = TimeRule(width=60, lateness=30, max_ahead=600)
TIMES = st.lists(st.one_of(st.integers(0, 2000), st.floats(0, 2000)), min_size=1, max_size=40)


@given(TIMES, st.lists(st.integers(1, 40), max_size=4))
def test_lateness_of_each_measurement_as_it_arrives(times: list[float], cuts: list[int]) -> None:
    """Late is what falls in a bin whose end the newest time before or with it has passed by the lateness."""
    mark, found = Watermark(RULE), list[bool]()
    bounds = [0, *sorted({cut for cut in cuts if cut < len(times)}), len(times)]
    for start, end in itertools.pairwise(bounds):
        _, late = mark.admit(np.array(times[start:end], dtype=np.float64))
        found += late.tolist()
    newest, expected = -math.inf, []
    for ts in times:
        newest = max(newest, ts)
        expected.append(ts // 60 * 60 + 60 <= newest - 30)
    assert found == expected
    assert mark.newest == max(times)


@given(TIMES)
def test_every_bin_closes_once_in_order(times: list[float]) -> None:
    """Bins come due one after the other without a hole, each when the watermark passes its end."""
    mark, closed = Watermark(RULE), list[int]()
    for ts in times:
        mark.admit(np.array([ts], dtype=np.float64))
        closed += mark.due()
        assert all(start + 60 <= max(times) - 30 for start in closed)
    assert closed == list(range(closed[0], closed[0] + 60 * len(closed), 60)) if closed else True
    assert mark.next_close == (max(times) - 30) // 60 * 60


@pytest.mark.parametrize(("newest", "due"), [(89.9, []), (90.0, [0]), (149.9, [0]), (150.0, [0, 60])])
def test_a_bin_closes_when_its_end_and_the_lateness_have_passed(newest: float, due: list[int]) -> None:
    """To the second."""
    mark = Watermark(RULE)
    mark.admit(np.array([30.0]))
    mark.due()
    mark.admit(np.array([newest]))
    assert [start for start in mark.due() if start >= 0] == due


@pytest.mark.parametrize(
    ("times", "leap"),
    [([0.0, 600.0], 2), ([0.0, 600.1], 1), ([0.0, 600.0, 1200.0], 3), ([0.0, 5000.0, 1.0], 1), ([700.0, 0.0], 2)],
)
def test_a_leap_is_one_step_past_all_before_it(times: list[float], leap: int) -> None:
    """Steps are measured from the newest time so far; going back is no leap; the first ever is none."""
    assert Watermark(RULE).first_leap(np.array(times)) == leap


def test_a_leap_is_measured_from_earlier_batches_too() -> None:
    """And never less than two bins, so that a sparse feed does not leap all the time."""
    mark = Watermark(RULE)
    mark.admit(np.array([1000.0]))
    assert mark.first_leap(np.array([1600.1])) == 0
    assert mark.first_leap(np.array([10.0, 1600.0])) == 2
    assert TimeRule(width=3600, lateness=0, max_ahead=600).max_step == 7200


def test_a_clock_moves_forwards_only_and_not_before_the_first_measurement() -> None:
    """Following an old clock, or any clock before anything was seen, closes nothing."""
    mark = Watermark(RULE)
    mark.advance(1e9)
    assert (mark.newest, list(mark.due())) == (None, [])
    mark.admit(np.array([500.0]))
    mark.due()
    mark.advance(100.0)
    assert (mark.newest, list(mark.due())) == (500.0, [])
    mark.advance(620.0)
    assert list(mark.due()) == [420, 480]
