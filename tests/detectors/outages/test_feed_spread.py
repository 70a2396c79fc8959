"""What a row does not know of itself, its feed tells: memory and noise of the first days."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.outages.evidence import student
from detectors.outages.feed_spread import (
    FeedSpread,
    Shown,
    error_of_gauges,
    freedom,
    measure,
    plausible_memory,
    shared_freedom,
    underrated,
)
from detectors.outages.first_day import first_day_spread
from detectors.outages.series_state import Bins
from detectors.outages.time_scales import TimeScales
from detectors.types import DAY, ClosedBin, Kind, Rule, Singles
from tests.calibration.alarms import calibrate
from tests.calibration.laws import NAMED
from tests.detectors.series import bins, outages, run

HOURLY = TimeScales.of(3_600)
DAYS = np.array([1, 3, 14, 60], np.uint32) * 24


def _feed(apart: float, rows: int = 500, memory: float = 0.0) -> FeedSpread:
    """Return the spread of rows of one day whose true standard deviations differ by a factor e^apart."""
    rng = np.random.default_rng(1)
    own = freedom(HOURLY, np.full(rows, 24, np.uint32), np.float32(memory))
    variance = 0.01 * np.exp(2 * apart * rng.standard_normal(rows)) * rng.chisquare(own) / own
    precision = (1 / variance).astype(np.float32)
    learnt = np.full(rows, 24, np.uint32)
    return measure(HOURLY, _shown(np.full(rows, memory, np.float32), learnt), precision, learnt)


def _shown(memory: Singles, learnt: Bins) -> Shown:
    """Return what gauges show of a memory, and nothing of how long it is."""
    return Shown(memory, np.zeros_like(memory), error_of_gauges(HOURLY, memory, learnt))


def test_rows_that_are_alike_know_their_noise_from_all() -> None:
    """Of equal rows the typical variance is found within a tenth, and each adds more than its own day of freedom."""
    alike, different = _feed(0.0), _feed(1.0)
    assert alike.variance == pytest.approx(0.01, rel=0.1)
    assert alike.freedom > 100 > 4 > different.freedom > 0.2


def _by(feed: FeedSpread, precision: Singles, days: Bins = DAYS) -> Singles:
    """Return by how much rows without a memory are underrated."""
    own = freedom(HOURLY, days, np.float32(0))
    return underrated(feed, precision, own, shared_freedom(feed, precision, own))


def test_a_row_that_looks_too_steady_is_drawn_to_its_feed_while_it_is_young() -> None:
    """A standard deviation of two thirds of the others' on the first day is chance where rows are alike; after months
    it is the row's own. A row noisier than others keeps its own noise.
    """
    alike, steady = _feed(0.0), np.full(4, 2.25 / 0.01, np.float32)
    by = _by(alike, steady)
    assert by[0] > 1.9 and list(by) == sorted(by, reverse=True)
    assert by[-1] < 1.2
    assert (_by(_feed(1.0), steady)[1:] < 1.1).all()
    assert (_by(alike, steady / 9) == 1).all()


@pytest.mark.parametrize("times", [10, 100, 1_000])
def test_a_quiet_row_among_many_noisy_ones_that_are_alike_keeps_its_own_noise(times: int) -> None:
    """A network steadier than a feed of small, noisy ones is none of them: as the others' its falls were unseen."""
    far = np.full(4, times**2 / 0.01, np.float32)
    assert (_by(_feed(0.0, rows=5_000), far) < [2, 1.3, 1.1, 1.1]).all()


def _remembering(memory: float, differing: float = 0.0) -> FeedSpread:
    """Return the spread of a feed whose rows have this mean memory, and differ by this variance of it."""
    return FeedSpread(memory, differing, 0.01, 10.0, 0.0)


def test_the_memory_of_a_young_row_is_what_its_feed_leaves_open() -> None:
    """Where no row remembers, none is allowed for; where rows do, a row that shows none by chance may have it, too.

    The longer it shows none, the less.
    """
    none = plausible_memory(_remembering(0.0), _shown(np.zeros(4, np.float32), DAYS))[0]
    remembering = plausible_memory(_remembering(0.45, 0.075), _shown(np.zeros(4, np.float32), DAYS))[0]
    assert (none == 0).all()
    assert remembering[0] > 0.35 and remembering[-1] < 0.1 and list(remembering) == sorted(remembering, reverse=True)


def test_a_row_that_remembers_among_many_that_do_not_keeps_its_memory() -> None:
    """Two weeks of a memory of 0.7 are no chance, whatever the others show."""
    lone = plausible_memory(_remembering(0.0), _shown(np.full(4, 0.7, np.float32), DAYS))[0]
    assert (lone[2:] > 0.65).all() and lone[0] > 0.3


def test_the_order_of_rows_changes_no_bit() -> None:
    """Sums over 5,000 rows are the same in another order."""
    rng = np.random.default_rng(3)
    memory, variance = rng.uniform(0.001, 0.1, (2, 5_000)).astype(np.float32)
    learnt, order = rng.integers(24, 900, 5_000).astype(np.uint32), rng.permutation(5_000)
    assert measure(HOURLY, _shown(memory, learnt), 1 / variance, learnt) == measure(
        HOURLY, _shown(memory[order], learnt[order]), 1 / variance[order], learnt[order]
    )


def test_a_feed_of_one_row_tells_little() -> None:
    """It moves neither memory nor variance of that row by much."""
    lone = np.full(1, 100, np.float32)
    feed = measure(HOURLY, _shown(np.zeros(1, np.float32), DAYS[:1]), lone, DAYS[:1])
    assert feed.memory == pytest.approx(0.25, abs=0.05) and feed.freedom < 5
    assert _by(feed, lone, DAYS[:1])[0] < 1.5


def test_a_long_memory_leaves_few_degrees_of_freedom() -> None:
    """A day with a memory of 0.9 knows its variance as two bins do, and Student's law wants far more of a sum."""
    few, many = (freedom(HOURLY, DAYS[:1], np.float32(memory)) for memory in (0.9, 0.0))
    worth = np.full(1, 40, np.float32)
    assert few[0] < 2 < 14 < many[0] < 15
    assert student(worth, few)[0] < student(worth, many)[0] / 2


@pytest.mark.parametrize(("kind", "lot"), [("gauge", 13), ("count", 12)])
def test_noise_with_a_memory_is_no_outage_in_the_first_days(kind: Kind, lot: int) -> None:
    """Of 1,000 hourly series in their first three days 0.1 may alarm. Before feeds taught them, five and six did."""
    assert calibrate(NAMED["ar"], kind, 3_600, 3, lot=lot).found <= 1


@pytest.mark.parametrize("hours", [24, 12, 8])
def test_a_first_day_of_few_bins_shows_as_much_noise_and_knows_it_less(hours: int) -> None:
    """Of normal noise without a season: its mean is right, and one day in a thousand shows as little as so few can."""
    scales = TimeScales.of(DAY // hours)
    shares = (1 + 0.05 * np.random.default_rng(hours).standard_normal((20_000, hours))).astype(np.float32)
    first = first_day_spread(shares, np.full(len(shares), 0.0025, np.float32), np.float32(0), 1)
    assert first.roughness.mean() == pytest.approx(0.0025, rel=0.1)
    degrees = float(freedom(scales, np.array([scales.day], np.uint32), np.float32(0))[0])
    drawn = np.random.default_rng(1).chisquare(degrees, len(shares)) / degrees
    assert np.quantile(first.noise, 0.001) >= np.quantile(drawn, 0.001) * 0.0025 / 2


def test_counting_alone_leaves_a_first_day_no_noise() -> None:
    """Counts of 5 a bin: the variance of a bin is that of counting, as far as the hours of a day can show."""
    counts = np.random.default_rng(1).poisson(5, (4_000, 288)).astype(np.float32)
    shares = (counts.reshape(-1, 24, 12).mean(axis=2) / 5).astype(np.float32)
    roughness = ((np.diff(counts) / 5) ** 2 / 2).mean(axis=1).astype(np.float32)
    first = first_day_spread(shares, roughness, np.float32(0.2), 12)
    assert first.noise.mean() == pytest.approx(0.2, rel=0.06)


def test_trials_are_no_noise() -> None:
    """Ratios of 20 trials with day and night: after a day their noise is far below the variance of counting, 0.02."""
    rng, width = np.random.default_rng(1), 300
    detector, rows = Detector(Rule("ratio", width)), 40
    detector.grow(rows)
    every, zero, group = np.ones(rows, np.bool_), np.zeros(rows), np.zeros(rows, np.int64)
    for at in range(300):
        chance = 0.7 * (1 + 0.2 * np.sin(2 * np.pi * at / 288))
        value = rng.binomial(20, chance, rows).astype(np.float64)
        detector.close(ClosedBin(at * width, value, np.full(rows, 20.0), every, every, zero, zero, group))
    assert np.median(detector.state.store.levels.noise) < 0.005


def test_young_counts_of_few_events_remember_what_their_feed_tells() -> None:
    """Noise of 30 % that remembers 0.8: what a first day shows of it is far too little to bound its memory by."""
    rng, phase = np.random.default_rng(6), np.random.default_rng(7).uniform(0, 1, 1000)
    noise, values = rng.standard_normal(1000), np.zeros((96, 1000))
    for hour in range(len(values)):
        noise = 0.8 * noise + 0.6 * rng.standard_normal(1000)
        season = 1 + 0.3 * np.sin(2 * np.pi * (hour / 24 + phase))
        values[hour] = rng.poisson(10 * season * np.clip(1 + 0.3 * noise, 0.01, None))
    assert len(outages(run(Detector(Rule("count", 3600)), bins(values, 3600, group=7)))) <= 12
