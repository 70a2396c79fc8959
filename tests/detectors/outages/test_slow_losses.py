"""Losses too shallow or too slow for a bin: judged once a day against the own weeks and the neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from detectors.outages.evidence import threshold
from detectors.outages.series_state import SeriesStore
from detectors.outages.slow_losses import Day, common_part, judge
from detectors.types import DAY, Floats

COUNTRY = 5  # series: three mobile, two fixed
SIDES = (1, 1, 1, 2, 2)
Course = Callable[[np.random.Generator, int, int], Floats]  # days × rows, natural logarithms


class Found(NamedTuple):
    """By row: the first day of an alarm, -1 where there was none, and the share lost that it gave."""

    first: np.ndarray[tuple[int], np.dtype[np.int64]]
    drop: Floats


def watch(levels: Floats, budget: float = 1.0, country: int = COUNTRY, sides: tuple[int, ...] = SIDES) -> Found:
    """Judge days of countries of five series; a row that alarmed has its lower level as its own from then on."""
    days, rows = levels.shape
    store = SeriesStore()
    store.grow(rows)
    group, side = np.arange(rows) // country + 1, np.resize(sides, rows)
    found = Found(np.full(rows, -1), np.zeros(rows))
    for at in range(days):
        day = Day(levels[at].astype(np.float32), at % 7, group, side, np.ones(rows, np.bool_))
        losses = judge(store.slow, day, threshold(budget, DAY))
        new = found.first[losses.rows] < 0
        found.drop[losses.rows[new]] = losses.drop[new]
        found.first[losses.rows[new]] = at
        store.slow.usual[losses.rows] += np.log1p(-losses.drop)[:, None]
        store.slow.loss_evidence[losses.rows] = 0
    return found


def independent(deviation: float) -> Course:
    """Days that stray independently, beside what a country shares."""

    def course(rng: np.random.Generator, days: int, rows: int) -> Floats:
        shared = np.repeat(rng.normal(0, 0.03, (days, rows // COUNTRY)), COUNTRY, axis=1)
        return np.asarray(rng.normal(0, deviation, (days, rows)) + shared)

    return course


def wandering(step: float, deviation: float) -> Course:
    """A level that goes its own way."""

    def course(rng: np.random.Generator, days: int, rows: int) -> Floats:
        return np.asarray(rng.normal(0, step, (days, rows)).cumsum(axis=0) + rng.normal(0, deviation, (days, rows)))

    return course


def sliding(rng: np.random.Generator, days: int, rows: int) -> Floats:
    """A slide to 45 % of normal that all series share."""
    return np.asarray(rng.normal(0, 0.006, (days, rows)) - np.linspace(0, 0.8, days)[:, None])


def in_weeks(rng: np.random.Generator, days: int, rows: int) -> Floats:
    """Weeks that differ from series to series by 5 % of each weekday."""
    weeks = rng.normal(0, 0.05, (7, rows))
    return np.asarray(weeks[np.arange(days) % 7] + rng.normal(0, 0.006, (days, rows)))


def memory(rng: np.random.Generator, days: int, rows: int) -> Floats:
    """Days that remember four fifths of the day before."""
    levels = rng.normal(0, 0.02, (days, rows))
    for day in range(1, days):
        levels[day] = 0.8 * levels[day - 1] + 0.6 * levels[day]
    return levels


QUIET = {
    "independent": independent(0.02),
    "lognormal of 0.3 an hour": independent(0.3 / 24**0.5),
    "wander of 0.3 % a day": wandering(0.003, 0.005),
    "wander of 1 % a day": wandering(0.01, 0.005),
    "shared slide": sliding,
    "weeks": in_weeks,
    "memory": memory,
}


@pytest.mark.parametrize("law", QUIET)
def test_quiet_levels_stay_within_the_budget(law: str) -> None:
    """500 series over 180 days: at most what the budget of 10 allows, 30; a budget of 1 would allow 3."""
    levels = QUIET[law](np.random.default_rng(1), 180, 500)
    assert (watch(levels, budget=10).first >= 0).sum() <= 30


@pytest.mark.parametrize(
    ("steps", "every"), [((0.04, 0.09, 0.15), 7), ((0.06, 0.12), 7), ((0.03, 0.06, 0.09, 0.12), 4), ((0.1,), 1)]
)
@pytest.mark.parametrize("course", [independent(0.004), in_weeks])
def test_a_loss_in_steps_is_found_and_the_others_gain_nothing(
    steps: tuple[float, ...], every: int, course: Course
) -> None:
    """Three of five series of a country lose so much after four weeks: two of three are found, and no other is."""
    days, rows = 28 + every * len(steps) + 7, 100
    lost = np.array([0, *steps])[np.clip((np.arange(days) - 28) // every + 1, 0, len(steps))]
    levels = course(np.random.default_rng(2), days, rows)
    mobile = np.tile(SIDES, rows // COUNTRY) == 1
    found = watch(levels + np.where(mobile, np.log1p(-lost)[:, None], 0))
    assert (found.first[mobile] >= 28).mean() >= 0.65
    assert (found.first[~mobile] < 0).all()
    shown = found.drop[mobile & (found.first > 0)]
    assert (shown >= 0.05).all()
    assert np.median(shown) == pytest.approx(lost[int(np.median(found.first[mobile & (found.first > 0)]))], abs=0.03)


@pytest.mark.parametrize(("steps", "share"), [((0.04, 0.09, 0.15), 0.85), ((0.03, 0.06, 0.09), 0.8)])
def test_steps_of_two_mobile_networks_beside_a_single_fixed_one(steps: tuple[float, ...], share: float) -> None:
    """Week by week after four weeks: found within two days of the second step, and the fixed one gains nothing."""
    rng, countries, sides = np.random.default_rng(4), 40, (1, 1, 2)
    levels = rng.normal(0, 0.004, (49, 3 * countries)) + np.repeat(rng.normal(0, 0.03, (49, countries)), 3, axis=1)
    lost = np.array([0, *steps])[np.clip((np.arange(49) - 28) // 7 + 1, 0, 3)]
    mobile = np.tile(sides, countries) == 1
    found = watch(levels + np.where(mobile, np.log1p(-lost)[:, None], 0), country=3, sides=sides)
    soon = (found.first >= 28) & (found.first <= 37)
    assert soon[mobile].reshape(-1, 2).any(axis=1).mean() >= share
    assert (found.first[~mobile] < 0).all()


def test_neighbours_are_the_other_access_of_a_small_country_and_the_median_of_a_large() -> None:
    """Nobody is compared with itself alone; a country that is not known is not one."""
    own = np.array([-0.1, -0.2, 0.02, 0.04, 0.5, -0.3, 0.1, 0.3, 0.0], np.float32)
    group = np.array([1, 1, 1, 1, 2, 3, 3, 3, 0])
    side = np.array([1, 1, 2, 2, 1, 0, 0, 0, 0])
    common = common_part(own, group, side, np.ones(9, np.bool_))
    nan = np.nan
    assert common == pytest.approx([0.03, 0.03, -0.15, -0.15, nan, 0.2, 0.0, -0.1, nan], nan_ok=True)
    many = np.linspace(-0.4, 0.4, 9).astype(np.float32)
    assert common_part(many, np.ones(9, np.int64), np.ones(9, np.int64), many < 1) == pytest.approx([0.0] * 9, abs=1e-6)


def test_what_others_gain_is_no_loss() -> None:
    """Two of five series grow by 15 %: the other three lie apart from them and have lost nothing."""
    levels = independent(0.004)(np.random.default_rng(3), 60, 100)
    levels[30:] += np.where(np.tile(SIDES, 20) == 2, np.log(1.15), 0)
    assert (watch(levels).first < 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_holidays_that_each_series_keeps_by_a_share_of_its_own(seed: int) -> None:
    """Three holidays in a row after five weeks, each series up to 35 % lower: no loss; one of 15 % a week later is."""
    rng = np.random.default_rng(seed)
    levels = rng.normal(0, 0.01, (56, 200))
    shares = np.log1p(-0.35 * rng.uniform(0, 1, 200) * (rng.random(200) < 0.8))
    levels[36:39] += shares
    levels[45:, 7] -= 0.16
    found = watch(levels, country=40)
    assert np.flatnonzero(found.first >= 0).tolist() == [7]
    assert 45 <= found.first[7] <= 52


@pytest.mark.parametrize("country", [COUNTRY, 40])
def test_what_a_series_strays_is_learnt_in_a_large_country_as_in_a_small_one(country: int) -> None:
    """Series whose days stray by 1 to 10 % alarm within the budget; a steady one of them that loses 8 % is found."""
    rng = np.random.default_rng(4)
    levels = rng.normal(0, 1, (180, 400)) * rng.uniform(0.01, 0.1, 400)
    levels[:, 7] = rng.normal(0, 0.01, 180)
    levels[120:, 7] -= 0.08
    first = watch(levels, country=country).first
    assert 120 <= first[7] <= 127
    assert (np.delete(first, 7) >= 0).sum() <= 6  # 2.4 are allowed
