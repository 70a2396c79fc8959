"""Log-likelihood ratios against their definitions, and the threshold that the budget implies."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.outages.evidence import RHOS, binomial, gaussian, negative_binomial, threshold
from detectors.outages.level_kinds import Count, Distinct, Gauge, LevelKind, Ratio


def singles(*numbers: float) -> np.ndarray:
    """Numbers as the detector keeps them."""
    return np.array(numbers, np.float32)


def log_negative_binomial(value: int, mean: float, noise: float) -> float:
    """The textbook's logarithm of the probability, with variance m + noise m²."""
    shape = 1 / noise
    choose = math.lgamma(value + shape) - math.lgamma(shape) - math.lgamma(value + 1)
    return choose + shape * math.log(shape / (shape + mean)) + value * math.log(mean / (shape + mean))


@pytest.mark.parametrize("rho", RHOS)
@pytest.mark.parametrize(
    ("value", "mean", "noise"), [(0, 20.0, 0.01), (7, 20.0, 0.05), (3, 2.0, 0.3), (950, 1e3, 0.01)]
)
def test_counts_follow_the_negative_binomial(value: int, mean: float, noise: float, rho: np.float32) -> None:
    """The ratio of two probabilities, worked out the long way."""
    wanted = log_negative_binomial(value, float(rho) * mean, noise) - log_negative_binomial(value, mean, noise)
    got = negative_binomial(singles(value), singles(noise * mean), singles(noise), rho)[0]
    assert got == pytest.approx(wanted, rel=2e-3, abs=2e-3)


@pytest.mark.parametrize("rho", RHOS)
def test_ratios_follow_the_binomial(rho: np.float32) -> None:
    """Without over-dispersion it is the textbook's ratio."""
    value, size, chance = 30, 50, 0.8
    fell = float(rho) * chance
    wanted = value * math.log(fell / chance) + (size - value) * math.log((1 - fell) / (1 - chance))
    assert binomial(singles(value), singles(size), singles(chance), singles(0), rho)[0] == pytest.approx(
        wanted, rel=1e-4
    )


def test_a_gauge_speaks_for_a_fall_below_the_midpoint_only() -> None:
    """Halfway between normal and fallen it says nothing."""
    said = gaussian(singles(1.0, 0.8, 0.6), singles(100, 100, 100), np.float32(0.6))
    assert said[0] == pytest.approx(-8)
    assert said[1] == pytest.approx(0, abs=1e-4)
    assert said[2] == pytest.approx(8)


KINDS: dict[str, LevelKind] = {"gauge": Gauge(), "count": Count(), "distinct": Distinct(), "ratio": Ratio()}


@pytest.mark.parametrize("kind", KINDS)
def test_less_is_more_evidence(kind: str) -> None:
    """For every kind and depth, a lower value never speaks less for a fall."""
    values = np.linspace(0, 1, 20, dtype=np.float32) * (0.9 if kind == "ratio" else 50)
    size, low = np.full_like(values, 40), np.full_like(values, 0.9 if kind == "ratio" else 50)
    noise = np.full_like(values, 0.01)
    for rho in RHOS:
        said = KINDS[kind].fallen(values, size, low, noise, rho)
        assert (np.diff(said) <= 0).all()


@pytest.mark.parametrize("kind", ["count", "ratio"])
def test_very_many_are_no_noise_of_rounding(kind: str) -> None:
    """A billion a bin, a tenth of noise: a normal value says as little as it does of a thousand."""
    scale, share = (1, 0.9) if kind == "ratio" else (1e9, 1.0)
    value, low = singles(share * scale), singles(share * scale)
    kept = KINDS[kind].bounded(value, singles(1e9), low)
    said = [float(KINDS[kind].fallen(*kept, singles(0.01), rho)[0]) for rho in RHOS]
    assert all(-10_000 < each < 0 for each in said)
    assert said == sorted(said, reverse=True)


def test_counting_is_the_relative_variance_of_counting_alone() -> None:
    """Of 50 events a fiftieth, of 40 trials with even chances a fortieth; a gauge counts nothing."""
    assert Count().counting(singles(1), singles(50)) == pytest.approx(1 / 50)
    assert Ratio().counting(singles(40), singles(0.5)) == pytest.approx(1 / 40)
    assert Gauge().counting(singles(1), singles(9)) == 0


def test_the_budget_sets_the_threshold() -> None:
    """Ten times the budget is ln 10 nats less, and narrower bins cost as much as there are more of them."""
    assert threshold(1, 300) - threshold(10, 300) == pytest.approx(math.log(10))
    assert threshold(1, 300) - threshold(1, 3600) == pytest.approx(math.log(12))


@pytest.mark.parametrize("kind", ["count", "ratio"])
@pytest.mark.parametrize("level", [0.01, 0.3, 0.9, 5.0, 300.0, 3e4])
@pytest.mark.parametrize("noise", [3e-4, 0.01, 1.0])
def test_a_bin_above_the_middle_never_speaks_for_a_fall(kind: str, level: float, noise: float) -> None:
    """What `advance` leaves out: above the middle of rho and 1 (a ratio: above what is expected) no sum would grow."""
    expected = min(level, 1.0) if kind == "ratio" else level
    for rho in RHOS:
        value = expected * (1.0 if kind == "ratio" else (1 + float(rho)) / 2)
        assert (
            KINDS[kind].fallen(singles(value), singles(100), singles(expected), singles(noise), rho)[0] <= 2e-3
        )  # rounding
