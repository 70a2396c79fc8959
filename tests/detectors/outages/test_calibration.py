"""`make calibration` in small: quiet series keep to the budget, and falls are found when they were promised."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from detectors.types import Kind
from tests.calibration.alarms import Alarms, below, calibrate, interval
from tests.calibration.campaign import campaign, pieces
from tests.calibration.falls import Power, Trial, falls
from tests.calibration.feeds import calibrate_feeds, noises
from tests.calibration.laws import LAWS, NAMED, QuietLaw
from tests.calibration.quiet import quiet
from tests.calibration.world import scene

HOUR, FIVE = 3_600, 300


@pytest.mark.parametrize("kind", get_args(Kind))
def test_false_alarms_stay_within_a_raised_budget(kind: Kind) -> None:
    """The budget of 100 allows 10 alarms of 200 series in 15 days; chance alone must explain what is above it."""
    found = calibrate(NAMED["mixed"], kind, HOUR, 15, 100.0, series=200)
    assert found.allowed == pytest.approx(10)
    assert found.verdict != "over"


def test_weekends_do_not_alarm_week_after_week() -> None:
    """Eight quiet weekends of 1,000 hourly gauges, at the budget at which a few of them used to make up all alarms."""
    found = calibrate(NAMED["mixed"], "gauge", HOUR, 60)
    assert found.verdict != "over"
    assert found.found <= found.rows + 1


@pytest.mark.parametrize("law", ["networks", "mixed"])
@pytest.mark.parametrize("width", [24 * HOUR, 3 * HOUR])
def test_members_that_go_and_come_back_within_a_wide_bin_are_no_outage(law: str, width: int) -> None:
    """A third of the members and more come and go in a bin; 300 networks. Of 120 days 122 alarms in 1-day bins were."""
    assert calibrate(NAMED[law], "presence", width, min(120, width // 400), series=300).verdict != "over"


def test_a_larger_budget_is_spent() -> None:
    """A detector that never alarms would keep to any budget: a hundred times the budget brings more alarms."""
    few, many = (calibrate(NAMED["mixed"], "distinct", HOUR, 15, budget, series=200) for budget in (10.0, 1_000.0))
    assert many.found > few.found


@pytest.mark.parametrize("law", ["clocks", "holidays", "school", "first-days"])
def test_what_a_country_does_at_once_stays_within_a_raised_budget(law: str) -> None:
    """Clocks an hour early or late, days off, late mornings, a first weekend: 15 days of 200 hourly gauges."""
    assert calibrate(NAMED[law], "gauge", HOUR, 15, 100.0, series=200).verdict != "over"


def test_counts_of_a_day_remember_the_day_before() -> None:
    """400 series for a year, noise with a memory of 0 to 0.95: 21 alarms of 4.9 allowed when it was drawn to none."""
    assert calibrate(NAMED["ar"], "count", 24 * HOUR, 365, series=400).verdict != "over"


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_every_law_draws_the_same_series_for_the_same_seed(law: QuietLaw) -> None:
    """Each kind has a bin for each width of the days asked for, with a level above zero, and no two seeds agree."""
    for kind in law.kinds:
        first, same, other = (next(law.draw(kind, 14, 9, 3 * HOUR, seed)) for seed in (0, 0, 1))
        assert len(first) == min(9, law.days) * 8
        assert all(np.array_equal(a.value, b.value) for a, b in zip(first, same, strict=True))
        assert any(not np.array_equal(a.value, b.value) for a, b in zip(first, other, strict=True))
        assert np.mean([closed.value.mean() for closed in first]) > 0


def test_feeds_of_the_same_entities_share_part_of_their_noise() -> None:
    """Two fifths of the variance on average; how alarms of the feeds are counted is left to a function."""
    first, second = noises(scene(np.random.default_rng(1), 400, 9, HOUR), 2)
    assert np.mean(first * second) == pytest.approx(0.4, abs=0.1)
    assert np.mean(first**2) == pytest.approx(1, abs=0.1)
    assert calibrate_feeds(2, HOUR, 9, lambda drawn: [len(drawn)], series=5).found == 1


def test_a_stopped_campaign_goes_on_where_it_was(tmp_path: Path) -> None:
    """What the file has is not run again: a wrong number in it is shown as it is there."""
    asked = pieces(("mixed",), ("gauge",), (6 * HOUR,), (1.0, 10.0), 5, 9)
    first = list(campaign(asked[:1], 1, tmp_path / "kept"))
    kept = tmp_path / "kept"
    kept.write_text(kept.read_text().replace(", 0, 0, 0, 0]", ", 7, 7, 7, 7]"))
    found = list(campaign(asked, 1, kept))
    assert [row.found for row in first] == [0]
    assert [(row.budget, row.found) for row in found] == [(1.0, 7), (10.0, 0)]


def test_losses_of_a_count_are_found_as_promised() -> None:
    """All of 20 a bin at the end of the first bin; a fifth of 100 a bin within six hours (four days of history)."""
    found = {(row.size, row.depth): row for row in falls(Trial("count", FIVE, 4, 72, (20, 100), (0.2, 1.0), 40, 0.0))}
    assert found[20, 1.0].within(1) >= 0.95
    assert found[100, 0.2].within(72) >= 0.95
    assert found[100, 0.2].within(0) == 0


def test_a_twentieth_of_a_steady_gauge_is_found_within_a_day() -> None:
    """Hourly bins, noise of one per cent, no season, budget 1."""
    [found] = falls(Trial("gauge", HOUR, 8, 24, (0.01,), (0.05,), 40, 0.0))
    assert found.within(24) >= 0.95


def test_quiet_series_are_the_same_for_the_same_seed_only() -> None:
    """Figures that are checked in can be made again."""
    first, same, other = (list(quiet("presence", 5, 9, HOUR, seed)) for seed in (0, 0, 1))
    assert all(
        np.array_equal(a.lost, b.lost) and np.array_equal(a.value, b.value) for a, b in zip(first, same, strict=True)
    )
    assert any(not np.array_equal(a.value, b.value) for a, b in zip(first, other, strict=True))


def test_members_come_and_go_consistently() -> None:
    """Members up follow from those before, lost, back and new; nobody is up who is not known."""
    seen = list(quiet("presence", 20, 9, HOUR, 3))
    for before, after in itertools.pairwise(seen):
        assert np.array_equal(after.value, before.value - after.lost + after.back + after.size - before.size)
        assert (after.value <= after.size).all()


def test_the_interval_of_a_count_is_exact() -> None:
    """Garwood's limits of 10 are 4.795 and 18.39, of 0 they are 0 and 3.689."""
    assert interval(10) == pytest.approx((4.795, 18.390), abs=1e-3)
    assert interval(0) == pytest.approx((0, 3.689), abs=1e-3)
    assert below(0, 2.0) == pytest.approx(np.exp(-2))


def test_the_verdict_allows_for_chance() -> None:
    """20 are allowed: 28 may be chance, 40 is over; none would be far below a tenth only where 37 are allowed."""

    def verdict(found: int, days: int = 60) -> str:
        return Alarms("mixed", "count", HOUR, 1_000, days, 10.0, found, found, 0, 0).verdict

    assert [verdict(28), verdict(40), verdict(0), verdict(0, 120)] == ["within", "over", "within", "far below"]


def test_the_median_counts_falls_that_were_never_found() -> None:
    """Half of four is two: the second delay; with three never found there is no median."""
    never, reported = float("inf"), np.ones(4)
    assert Power(1, 1, np.array([5, never, 3, 4]), reported).median == 4
    assert Power(1, 1, np.array([5, never, never, never]), reported).median == never
