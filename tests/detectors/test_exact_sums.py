"""Exact sums: order, grouping into parts and size of the addends change no bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import exact_sums
from detectors.types import Floats

NUMBERS = st.lists(
    st.one_of(st.floats(0, 1e3), st.floats(0, 1e18), st.floats(0, 1e-6), st.integers(0, 50).map(float)), max_size=40
)


def limbs(numbers: list[float]) -> Floats:
    """The limbs of one sum."""
    return exact_sums.by_group(np.zeros(len(numbers), np.int64), np.array(numbers), 1)


@given(NUMBERS, st.randoms(use_true_random=False), st.integers(0, 40))
def test_order_and_parts_change_no_bit(numbers: list[float], chance: object, cut: int) -> None:
    """Shuffled, and added up in two parts: the same limbs, and so the same sum."""
    shuffled = list(numbers)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    whole = limbs(numbers)
    assert (limbs(shuffled[:cut]) + limbs(shuffled[cut:])).tolist() == whole.tolist()
    assert exact_sums.whole(whole)[0] == pytest.approx(math.fsum(numbers), rel=1e-15, abs=1e-11 * (1 + len(numbers)))


def test_plain_addition_would_not_do() -> None:
    """Else none of this would be needed."""
    assert 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1
    assert exact_sums.whole(limbs([0.1, 0.2, 0.3])) == exact_sums.whole(limbs([0.3, 0.2, 0.1]))


def test_as_many_of_the_largest_as_are_promised() -> None:
    """131,072 numbers with all limbs as large as they get are added up exactly; beyond 2^72 they count as that."""
    most = 2.0**72 - 2.0**20
    found = limbs([most] * 131_072)
    assert exact_sums.whole(found)[0] == most * 131_072
    assert exact_sums.whole(limbs([1e300, math.inf])).tolist() == [2 * exact_sums.MOST]


def test_groups_are_apart() -> None:
    """Each group has its own sum; one without elements has none."""
    found = exact_sums.by_group(np.array([2, 0, 2]), np.array([1.5, 2.25, 4.0]), 4)
    assert exact_sums.whole(found).tolist() == [2.25, 0, 5.5, 0]
