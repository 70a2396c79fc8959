"""How seldom a quiet series alarms, and how soon a fall is found: the tables of docs/figures.md in small."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.types import Kind, Rule
from tests.detectors.series import START, bins, outages, run, watch

HOUR = 3_600
DAYS = 24


def quiet(kind: Kind, count: int, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Hourly series with days, weekends, a holiday, growth, level noise with memory, over-dispersion and holes."""
    rng = np.random.default_rng(seed)
    hours = np.arange(DAYS * 24)[:, None]
    level = 1 - rng.uniform(0, 0.5, count) * np.cos(2 * np.pi * (hours - rng.uniform(0, 24, count)) / 24)
    quiet_day = (hours // 24 % 7 >= 5) | (hours // 24 == rng.integers(14, 19, count))
    level *= np.where(quiet_day, 1 - rng.uniform(0, 0.3, count), 1) * (
        1 + rng.uniform(0, 0.2, count) * hours / hours[-1]
    )
    memory, wander = np.exp(-1 / rng.uniform(0.5, 12, count)), np.zeros(count)
    for row in level:
        wander = memory * wander + rng.uniform(0, 0.05, count) * np.sqrt(1 - memory**2) * rng.standard_normal(count)
        row *= 1 + wander
    size = None
    if kind == "gauge":
        values = np.round(level * 500 * (1 + 0.03 * rng.standard_normal(level.shape)))
    elif kind == "ratio":
        size = rng.poisson(100, level.shape).astype(float) + 1
        values = rng.binomial(size.astype(int), np.clip(0.5 + 0.3 * level, 0, 0.98)).astype(float)
    else:
        values = rng.poisson(level * 10 ** rng.uniform(0, 4, count) * rng.gamma(50, 1 / 50, level.shape)).astype(float)
    values[rng.random(values.shape) < 0.01] = np.nan
    return values, size


@pytest.mark.parametrize("kind", ["gauge", "count", "ratio"])
def test_quiet_series_stay_within_the_budget(kind: Kind) -> None:
    """A generous budget of 100 allows 24 alarms of 300 series in 24 days: fewer come."""
    values, size = quiet(kind, 300, 11)
    alarms = outages(run(Detector(Rule(kind, HOUR, 100.0)), bins(values, HOUR, size, group=1)))
    assert len(alarms) <= 24


def found(kind: Kind, width: int, values: np.ndarray, onset: int) -> np.ndarray:
    """Bins from the onset to the opening, per series; infinite where there is none."""
    first = np.full(values.shape[1], np.inf)
    for change in watch(kind, width, values, group=1):
        if change.state == "open" and np.isinf(first[change.row]):
            first[change.row] = (change.detected_at - START) // width - onset
    return first


@pytest.mark.parametrize(
    ("level", "share", "within"),
    [(20, 0.0, 1), (100, 0.0, 1), (2, 0.0, 12), (5, 0.0, 6), (100, 0.8, 36), (1000, 0.5, 2)],
)
def test_falls_of_a_count_are_found_in_time(level: float, share: float, within: int) -> None:
    """Nine of ten series at least, in so many bins of ten minutes, after eight days of history."""
    rng = np.random.default_rng(12)
    onset = 8 * 144
    values = rng.poisson(level, (onset + 2 * within + 1, 30)).astype(float)
    values[onset:] = rng.poisson(level * share, (2 * within + 1, 30))
    assert np.mean(found("count", 600, values, onset) <= within) >= 0.9


def test_a_twentieth_of_a_steady_gauge_is_found_within_a_day() -> None:
    """One per cent of noise, ten days of history."""
    rng = np.random.default_rng(13)
    values = 900 * (1 + 0.01 * rng.standard_normal((11 * 24, 30)))
    values[240:] *= 0.95
    assert np.mean(found("gauge", HOUR, values, 240) <= 24) >= 0.9


@pytest.mark.parametrize("day", [4, 5, 6])
def test_a_first_weekend_is_quiet_but_never_dark(day: int) -> None:
    """A total loss at twenty a bin is told after one bin, on Friday as on the first Saturday or Sunday."""
    rng = np.random.default_rng(14)
    onset = day * 288 + 150
    values = rng.poisson(20.0, (onset + 2, 30)).astype(float)
    values[onset:] = 0
    assert (found("count", 300, values, onset) == 1).all()


def test_a_quiet_first_weekend_is_no_outage() -> None:
    """A Saturday and Sunday at seven tenths, in the first week."""
    rng = np.random.default_rng(15)
    values = rng.poisson(20.0, (7 * 288, 30)).astype(float)
    values[5 * 288 :] = rng.poisson(14.0, (2 * 288, 30))
    assert outages(watch("count", 300, values, group=1)) == []
