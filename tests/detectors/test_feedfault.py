"""When a common fall is the feed's, and when a country's."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.feedfault import suspect


def fell(count: int, of: int) -> np.ndarray:
    """The first rows fell."""
    return np.arange(of) < count


@pytest.mark.parametrize(
    ("count", "of", "groups", "fault"),
    [
        (20, 20, [0], True),
        (9, 20, [0], False),
        (9, 9, [0], False),
        (20, 20, [3], False),
        (20, 20, [1, 2, 3, 4], True),
        (12, 20, [1] * 11 + [2, 3, 4] * 3, False),
    ],
)
def test_who_is_at_fault(count: int, of: int, groups: list[int], fault: bool) -> None:
    """Half of many, of several countries or unknown ones; never few, never one country."""
    group = np.array((groups * of)[:of])
    assert suspect(fell(count, of), np.ones(of, np.bool_), group) is fault


def test_rows_without_a_baseline_do_not_vote() -> None:
    """Twelve of thirty fell, but only those twelve could be judged."""
    assert suspect(fell(12, 30), fell(12, 30), np.zeros(30, np.int64))
