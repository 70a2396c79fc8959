"""Nights with sharp edges: the only season that a first day shows, learnt though it looks like an outage then."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.types import Kind
from tests.detectors.series import START, Matrix, outages, watch

DAY, HOUR = 86_400, 3_600
ROWS = 12


def nights(kind: Kind, width: int, depth: float, seed: int, days: int = 8) -> Matrix:
    """Levels of 300, at `depth` of it for five to nine hours a day; half of the nights begin within an hour."""
    rng = np.random.default_rng([seed, width, round(100 * depth)])
    hour = (np.arange(days * DAY // width) * width / HOUR)[:, None]
    begin, length = rng.uniform(0, 24, ROWS), rng.uniform(5, 9, ROWS)
    begin[::2], length[::2] = np.round(begin[::2]), np.round(length[::2])
    level = np.where((hour - begin) % 24 < length, depth, 1) * 300
    return rng.poisson(level) if kind == "count" else level * (1 + 0.01 * rng.standard_normal(level.shape))


@pytest.mark.parametrize("kind", ["gauge", "count"])
@pytest.mark.parametrize(("width", "seed"), [(300, 1), (HOUR, 1), (HOUR, 2)])
@pytest.mark.parametrize("depth", [0.1, 0.2, 0.35, 0.5, 0.6])
def test_a_night_is_learnt_from_the_first(kind: Kind, width: int, depth: float, seed: int) -> None:
    """Nearly no alarm from the third night on; none at half the day's level and above."""
    found = outages(watch(kind, width, nights(kind, width, depth, seed), group=7))
    late = [o for o in found if o.started_at >= START + 2 * DAY]
    assert len(late) <= (0 if depth >= 0.5 else 4 if depth >= 0.2 else 12)
    assert all(o.ended_at for o in found)


def test_a_total_loss_on_the_first_day_is_not_its_night() -> None:
    """Dark for four hours on the first day, and in the same hours of the next: found twice."""
    values = 300 * (1 + 0.02 * np.random.default_rng(3).standard_normal((4 * 144, 1)))
    for day in (0, 1):
        values[day * 144 + 84 : day * 144 + 108] *= 0.01
    found = outages(watch("gauge", 600, values))
    assert [o.started_at - START for o in found] == [84 * 600, DAY + 84 * 600]


def test_a_first_day_that_ends_low_begins_anew() -> None:
    """Lower for a day and a half from the first evening on: no night; the next days are whole, and a fall is found."""
    values = 300 * (1 + 0.02 * np.random.default_rng(4).standard_normal((6 * 144, 1)))
    values[72 : 72 + 216] *= 0.1
    values[5 * 144 : 5 * 144 + 12] *= 0.3
    found = outages(watch("gauge", 600, values))
    assert [o.started_at - START for o in found] == [12 * HOUR, 5 * DAY]
