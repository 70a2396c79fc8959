"""Open bins against an account of every single measurement, for each kind."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bins import Arrivals, OpenBin, OpenBins, padded
from detectors.exact_sums import MOST
from detectors.kinds import FEED_KINDS
from detectors.outages.bin_columns import bin_columns
from detectors.outages.presence import Members
from detectors.types import Kind

WIDTH = 60
Arrival = tuple[int, int, float, float, str]  # row, event time, value, of, member
ONES = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, 5 * WIDTH - 1),
        st.floats(0, 1e6),
        st.floats(0, 1e6),
        st.sampled_from("abcdefg"),
    ),
    min_size=1,
    max_size=80,
)
KINDS: list[Kind] = ["gauge", "count", "distinct", "ratio", "presence"]


def filled(kind: Kind, ones: list[Arrival], cuts: list[int]) -> OpenBins:
    """Bins that were given measurements in batches."""
    opened = OpenBins(kind)
    bounds = [0, *sorted({cut % len(ones) for cut in cuts} - {0}), len(ones)]
    for start, end in itertools.pairwise(bounds):
        rows, ts, value, of, members = zip(*ones[start:end], strict=True)
        at = np.array(ts, dtype=np.float64)
        who: list[str | None] = list(members) if kind == "distinct" else []
        arrivals = Arrivals(np.array(rows), at, np.array(value), np.array(of), who)
        opened.add((at // WIDTH * WIDTH).astype(np.int64), arrivals, 6)
    return opened


def account(kind: Kind, ones: list[Arrival]) -> dict[tuple[int, int], tuple[float, float]]:
    """Value and trials by bin and row, as the design says, one measurement after the other."""
    found: dict[tuple[int, int], tuple[float, float]] = {}
    newest: dict[tuple[int, int], int] = {}
    members: defaultdict[tuple[int, int], set[str]] = defaultdict(set)
    for row, ts, value, of, member in ones:
        key = (ts // WIDTH * WIDTH, row)
        old, size = found.get(key, (0.0, 0.0))
        members[key].add(member)
        if kind == "gauge":
            found[key] = (value if ts >= newest.get(key, 0) else old, 0.0)
            newest[key] = max(ts, newest.get(key, 0))
        elif kind == "distinct":
            found[key] = (float(len(members[key])), 0.0)
        elif kind == "presence":
            found[key] = (0.0, 0.0)
        else:
            found[key] = (old + value, size + of if kind == "ratio" else 0.0)
    return found


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(ONES, st.lists(st.integers(1, 80), max_size=5))
def test_bins_hold_what_an_account_of_each_measurement_holds(kind: Kind, ones: list[Arrival], cuts: list[int]) -> None:
    """Exactly, to the last bit of the sums, in any batches."""
    opened, expected = filled(kind, ones, cuts), account(kind, ones)
    assert sorted(opened.bins) == sorted({start for start, _ in expected})
    for start in list(opened.bins):
        taken = opened.take(start, 6)
        shown = {(start, row): (float(taken.value[row]), float(taken.size[row])) for row in range(6) if taken.seen[row]}
        assert shown == {key: value for key, value in expected.items() if key[0] == start}
        assert not taken.value[~taken.seen].any()
    assert opened.bins == {}


def test_a_bin_in_which_nothing_came_is_empty() -> None:
    """It has its rows, none of them seen."""
    taken = OpenBins("count").take(0, 3)
    assert taken.seen.tolist()[:3] == [False] * 3
    assert len(taken.value) >= 3


def test_a_level_of_equal_time_is_the_one_that_came_last() -> None:
    """Within a batch and from one batch to the next; an older one that comes later is not taken."""
    ones: list[Arrival] = [(0, 5, 1.0, 1, "a"), (0, 5, 2.0, 1, "a"), (0, 5, 3.0, 1, "a"), (0, 4, 9.0, 1, "a")]
    for cuts in ([], [1], [2], [3], [1, 2, 3]):
        assert filled("gauge", ones, cuts).take(0, 1).value[0] == 3.0


def test_growing_keeps_what_is_there() -> None:
    """A column has at least the rows asked for, zeros behind, and is the same object when it is long enough."""
    column = np.arange(1.0, 4.0)
    larger = padded(column, 100)
    assert larger[:3].tolist() == [1, 2, 3]
    assert len(larger) >= 100
    assert not larger[3:].any()
    assert padded(column, 3) is column
    assert padded(np.ones((2, 5)), 3).shape[1] == 5


def test_rows_that_come_later_find_room_in_an_open_bin() -> None:
    """A bin opened with few series takes measurements of more."""
    opened = OpenBins("count")
    for rows in (1, 50, 3000):
        arrival = np.array([rows - 1])
        opened.add(np.array([0]), Arrivals(arrival, np.zeros(1), np.ones(1), np.ones(1), []), rows)
    taken = opened.take(0, 4000)
    assert np.flatnonzero(taken.seen).tolist() == [0, 49, 2999]
    assert taken.value.sum() == 3
    assert isinstance(taken, OpenBin)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["gauge", "count", "ratio"])
def test_sums_beyond_all_numbers_are_large_not_infinite(kind: Kind) -> None:
    """Two of the largest numbers overflow; a baseline that had learnt that would never know anything again."""
    largest = float(np.finfo(np.float64).max)
    opened = filled(kind, [(0, 0, largest, largest, "a"), (1, 0, 3.0, 4.0, "a"), (0, 1, largest, largest, "a")], [])
    taken = opened.take(0, 2)
    assert (taken.value[:2].tolist(), taken.size[1]) == ([MOST, 3.0], 4.0 if kind == "ratio" else 0.0)
    assert taken.size[0] == (MOST if kind == "ratio" else 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bin_has_the_columns_of_its_kind(kind: Kind) -> None:
    """Trials are the size of a ratio, members that of presence; every other bin has size 1."""
    bins, members = OpenBins(kind), Members()
    arrivals = Arrivals(np.array([0, 1]), np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0]), ["a", "b"])
    bins.add(np.array([0, 0]), arrivals, 2)
    for event in ((0, "a", 1.0, True), (0, "b", 1.0, True), (1, "c", 2.0, False)):
        members.add(0, event)
    value, size, lost, back = bin_columns(FEED_KINDS[kind], bins.take(0, 2), members, 0, 2)
    wanted = {"distinct": [1, 1], "presence": [2, 0]}.get(kind, [3, 4])
    assert value.tolist() == wanted
    assert size.tolist() == {"ratio": [5, 6], "presence": [2, 1]}.get(kind, [1, 1])
    assert (lost.tolist(), back.tolist()) == ([0, 1] if kind == "presence" else [0, 0], [0, 0])
