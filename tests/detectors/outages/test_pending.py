"""What doubtful bins teach waits, and however long it has waited, it takes no level below zero."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.types import Kind, Rule
from tests.detectors.series import Matrix, bins, run

HOUR, FALL, ROWS = 3600, 72, 60


def strayed(kind: Kind) -> Matrix:
    """Return hours of noise of 35 % with a memory of 0.9 that hold a fiftieth from the fourth day on, for good."""
    rng = np.random.default_rng(4)
    noise, values = np.zeros(ROWS), np.zeros((FALL + 60, ROWS))
    for hour in range(len(values)):
        noise = 0.9 * noise + np.sqrt(1 - 0.9**2) * rng.standard_normal(ROWS)
        mean = (20 if hour < FALL else 0.4) * np.clip(1 + 0.35 * noise, 0, np.inf)
        values[hour] = np.round(mean) if kind == "gauge" else rng.poisson(mean)
    return values


@pytest.mark.parametrize("kind", ["gauge", "count"])
def test_a_level_follows_a_long_fall_in_doubt_to_nothing_at_most(kind: Kind) -> None:
    """A fall that such noise hides for days: levels went below zero."""
    detector = Detector(Rule(kind, HOUR))
    run(detector, bins(strayed(kind), HOUR))
    assert detector.state.store.levels.level[:ROWS].min() >= 0
