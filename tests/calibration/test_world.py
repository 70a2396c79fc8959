"""Quiet series of several countries do what their law says."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.types import DAY, FRIDAYS
from tests.calibration.laws import business
from tests.calibration.world import HOUR, Scene, autoregressive, holidays, late, scene, shifted, weekend


@pytest.fixture(name="place")
def _place() -> Scene:
    """A hundred series in twenty countries, thirty days of hourly bins, in steps of half an hour."""
    return scene(np.random.default_rng(1), 100, 30, HOUR)


def test_weekends_are_those_of_the_country(place: Scene) -> None:
    """Saturday and Sunday, or Friday and Saturday where the code says so: a fifth of the series."""
    days = {tuple(np.unique(place.at[rows, 0] // DAY % 7).tolist()) for rows in weekend(place, place.at).T}
    assert days == {(5, 6), (4, 5)}
    assert np.mean(place.country >= FRIDAYS) == pytest.approx(0.2)


def test_clocks_change_by_an_hour_once_for_all_of_a_country(place: Scene) -> None:
    """None in the first eight days; by row, each on a date of its own."""
    moved = shifted(place) - place.at
    assert set(np.unique(moved)) == {-HOUR, 0, HOUR}
    assert not moved[: 8 * 48].any()
    assert moved[-1].all()
    for code in np.unique(place.country):
        assert len(np.unique(moved[:, place.country == code], axis=1).T) == 1
    assert len(np.unique(shifted(place, by_row=True) - place.at, axis=1).T) > 20


def test_holidays_are_common_to_a_country_and_last_a_day(place: Scene) -> None:
    """One to three of thirty days, two of them in a row."""
    free = holidays(place)
    for code in np.unique(place.country):
        assert len(np.unique(free[:, place.country == code], axis=1).T) == 1
    assert set((free.sum(axis=0) / 48).tolist()) <= {1, 2, 3}
    assert not free[: 8 * 48].any()


def test_late_mornings_are_an_hour_late_for_two_weeks(place: Scene) -> None:
    """At nine it is eight; at noon the hour is half won back; at night nothing is late."""
    lag = (place.at - late(place)).reshape(30, 48, -1)
    assert set(np.unique(lag[:, 18])) == {0, HOUR}
    assert set(np.unique((lag[:, 18] > 0).sum(axis=0))) == {14}
    assert not lag[:, :10].any()


def test_business_is_low_when_homes_are_not() -> None:
    """A seventh of the series has a quieter weekend by far, and the others do not."""
    place = scene(np.random.default_rng(1), 700, 14, HOUR)
    level, rest = business(place), weekend(place, place.at)[::2]
    share = np.array([row[free].mean() / row[~free].mean() for row, free in zip(level.T, rest.T, strict=True)])
    assert np.mean(share < 0.7) == pytest.approx(1 / 7, abs=0.04)
    assert np.quantile(share, 0.3) > 0.95


def test_noise_has_the_memory_that_is_asked_for() -> None:
    """Variance 1 and the correlation of neighbours, from the first bin on."""
    noise = autoregressive(np.random.default_rng(1), 20_000, np.array([0.0, 0.5, 0.95]))
    assert noise.std(axis=0) == pytest.approx([1, 1, 1], abs=0.1)
    found = [np.corrcoef(row[1:], row[:-1])[0, 1] for row in noise.T]
    assert found == pytest.approx([0, 0.5, 0.95], abs=0.03)
