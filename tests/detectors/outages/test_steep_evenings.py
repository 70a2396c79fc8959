"""Narrow bins where the level of a day falls steeply: a clock that changes is no fall there either."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.types import DAY, Rule
from tests.detectors.series import bins, outages, run

STEEP = 0.5, 0.15  # of the mean: the swing of the day, and of the half day


@pytest.mark.parametrize("shift", [3600, -3600])
@pytest.mark.parametrize("width", [300, 600, 1200])
def test_a_changed_clock_is_no_fall_within_a_steep_hour(width: int, shift: int) -> None:
    """Ten days, then the pattern comes an hour early or late for four: noise of 2 to 5 %, no outage."""
    at = np.arange(0, 14 * DAY, width)[:, None]
    angle = 2 * np.pi * (at + np.where(at >= 10 * DAY, shift, 0) - np.linspace(0, DAY, 24, endpoint=False)) / DAY
    shape = 1 - STEEP[0] * np.cos(angle) - STEEP[1] * np.cos(2 * angle)
    noise = np.random.default_rng(width).standard_normal(shape.shape) * np.linspace(0.02, 0.05, 24)
    value = np.round(1000 * shape * (1 + noise))
    found = outages(run(Detector(Rule("gauge", width)), bins(value, width, None, 0, np.zeros(24, np.int64))))
    assert found == []
