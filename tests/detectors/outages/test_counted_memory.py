"""What neighbouring bins of counts and ratios share: counting, a quiet hour and a sunk level are no memory."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages.bin_memory import shows
from detectors.outages.detector import Detector
from detectors.outages.level_kinds import Count
from detectors.outages.time_scales import TimeScales
from detectors.types import DAY, HOUR, Change, Rule, Singles
from tests.detectors.series import Matrix, bins, run

SERIES = 300


def _noise(rng: np.random.Generator, count: int, memory: float, series: int = SERIES) -> Matrix:
    """Return first-order autoregressions of variance 1 (bins, series)."""
    noise = rng.standard_normal((count, series))
    for at in range(1, count):
        noise[at] = memory * noise[at - 1] + np.sqrt(1 - memory**2) * noise[at]
    return noise


def _counts(days: int, mean: float, season: float = 0.0, noise: float = 0.0, memory: float = 0.0) -> Matrix:
    """Return hourly counts whose nights differ, with noise of the rate."""
    rng = np.random.default_rng(1)
    phase = rng.integers(0, 24, SERIES)
    rate = 1 + season * np.sin(2 * np.pi * (np.arange(24 * days)[:, None] + phase) / 24)
    return rng.poisson(mean * rate * np.maximum(1 + noise * _noise(rng, 24 * days, memory), 0)).astype(float)


def _shown(detector: Detector) -> Singles:
    """Return the memory that the rows of an hourly feed of counts show in bins of 20 events."""
    c, rows = detector.state.store.levels, np.arange(SERIES)
    precision = 1 / (c.noise.clip(0.001, np.inf) + np.float32(1 / 20))
    return shows(Count(), TimeScales.of(HOUR), c, rows, precision, 1 / precision - np.float32(1 / 20))[1].memory


def _learnt(values: Matrix) -> Detector:
    detector = Detector(Rule("count", HOUR))
    run(detector, bins(values, HOUR))
    return detector


def test_counting_is_no_memory() -> None:
    """A profile of few days has counting of its own, which steps lack: after four days it looked like 0.24."""
    assert abs(float(np.median(_shown(_learnt(_counts(4, 20, season=0.3)))))) < 0.18


def test_noise_with_a_memory_has_the_share_that_is_no_counting() -> None:
    """Noise of 30 % with a memory of 0.8 beside counting of 22 %: neighbouring bins have 0.51 in common."""
    assert float(np.median(_shown(_learnt(_counts(14, 20, noise=0.3, memory=0.8))))) == pytest.approx(0.48, abs=0.1)


def test_a_state_without_covariances_goes_on() -> None:
    """What an older state knows is noise and roughness: the next bins are judged by these, and teach a covariance."""
    values = _counts(14, 20, noise=0.3, memory=0.8)
    detector = _learnt(values[:-24])
    before = detector.state.store.levels.covariance.copy()
    detector.state.store.levels.covariance[:] = np.inf
    assert np.isfinite(_shown(detector)).all()
    run(detector, bins(values[-24:], HOUR, start=1_577_664_000 + 13 * DAY))
    assert np.median(detector.state.store.levels.covariance) == pytest.approx(np.median(before), rel=0.3)


def test_a_sum_of_other_parts_keeps_what_it_shares_with_itself() -> None:
    """The column has the quantum of a gauge, which grows with its level; a covariance is relative."""
    detector = _learnt(_counts(3, 20))
    before = detector.state.store.levels.covariance.copy()
    detector.rescale(np.arange(SERIES), np.full(SERIES, 2.0))
    assert (detector.state.store.levels.covariance == before).all()


def _opened(changes: list[Change]) -> set[int]:
    return {change.row for change in changes if change.state == "open"}


def test_small_ratios_that_go_dark_are_found() -> None:
    """Three trials an hour, after one day: of 100 30 never opened, as a dark ratio seemed to remember all of a bin."""
    rng = np.random.default_rng(1)
    at, dark = np.arange(72)[:, None], np.arange(72)[:, None] < 24
    season = (1 + 0.3 * np.sin(2 * np.pi * (at + rng.integers(0, 24, SERIES)) / 24)) / 1.3
    chance = 0.9 * season * np.where(np.arange(SERIES) < 100, dark, 1)
    trials = np.full(chance.shape, 3)
    detector = Detector(Rule("ratio", HOUR))
    assert len(_opened(run(detector, bins(rng.binomial(3, chance).astype(float), HOUR, size=trials)))) >= 90


def test_young_counts_that_remember_alarm_no_more_than_before() -> None:
    """1,000 counts of ten events, noise of 30 % with a memory of 0.9, four days: 31 alarmed."""
    rng = np.random.default_rng(1)
    rate = 10 * np.maximum(1 + 0.3 * _noise(rng, 96, 0.9, 1_000), 0)
    detector = Detector(Rule("count", HOUR))
    assert len(_opened(run(detector, bins(rng.poisson(rate).astype(float), HOUR)))) <= 25
