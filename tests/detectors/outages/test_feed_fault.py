"""When a common fall is the feed's, and when a country's; what a fault leaves behind."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.outages.feed_fault import falls_by_country, missing_members, suspect
from detectors.types import Rule
from tests.detectors.series import START, bins, outages, run

HOUR = 3_600
COUNTRIES = np.arange(20) % 4 + 1


def fell(count: int, of: int) -> np.ndarray:
    """The first rows fell."""
    return np.arange(of) < count


def deep(count: int, of: int, sigmas: float = 3.0) -> np.ndarray:
    """The first rows lie this many standard deviations below what is expected."""
    return np.where(fell(count, of), sigmas, 0).astype(np.float32)


def gauges(shares: np.ndarray, seed: int = 1) -> np.ndarray:
    """Gauges of 400 with noise of 1 %, at these shares of normal."""
    return 400 * shares * (1 + 0.01 * np.random.default_rng(seed).standard_normal(shares.shape))


@pytest.mark.parametrize(
    ("count", "of", "groups", "fault"),
    [
        (20, 20, [0], True),
        (9, 20, [0], False),
        (9, 9, [0], False),
        (20, 20, [3], False),
        (20, 20, [1, 2, 3, 4], True),
        (12, 20, [1] * 11 + [2, 3, 4] * 3, False),
    ],
)
def test_who_is_at_fault(count: int, of: int, groups: list[int], fault: bool) -> None:
    """Half of many, of several countries or unknown ones; never few, never one country."""
    group = np.array((groups * of)[:of])
    assert suspect(falls_by_country(fell(count, of), np.ones(of, np.bool_), group, deep(count, of))) is fault


def test_rows_without_a_baseline_do_not_vote() -> None:
    """Twelve of thirty fell, but only those twelve could be judged."""
    assert suspect(falls_by_country(fell(12, 30), fell(12, 30), np.zeros(30, np.int64), deep(12, 30)))


@pytest.mark.parametrize(("sigmas", "fault"), [(2.0, False), (4.0, True)])
def test_a_country_is_down_and_another_is_low_by_chance(sigmas: float, fault: bool) -> None:
    """Ten of sixteen are dark, and half of one of the two other countries lie a little, or far, below normal."""
    group = np.array([1] * 10 + [2] * 4 + [3] * 2)
    falling = fell(10, 16) | np.isin(np.arange(16), (10, 11, 14))
    short = np.where(fell(10, 16), 6, np.where(falling, sigmas, 0)).astype(np.float32)
    assert suspect(falls_by_country(falling, np.ones(16, np.bool_), group, short)) is fault


@pytest.mark.parametrize(
    ("countries", "left", "fault"), [((1, 2, 3, 4), 0.4, True), ((1, 2, 3, 4), 0.8, False), ((1,), 0.0, False)]
)
def test_members_of_many_countries_that_leave_together(countries: tuple[int, ...], left: float, fault: bool) -> None:
    """Six in ten everywhere are the feed's; one in five, or all of one country, are not."""
    usual = np.full(20, 10, np.float32)
    up = np.where(np.isin(COUNTRIES, countries), left * usual, usual).astype(np.float32)
    falling, sigmas = missing_members(up, usual)
    assert suspect(falls_by_country(falling, np.ones(20, np.bool_), COUNTRIES, sigmas)) is fault


@pytest.mark.parametrize(("count", "left", "fault"), [(16, 15, True), (11, 9, False)])
def test_what_falls_by_chance_is_no_part_of_a_common_fall(count: int, left: int, fault: bool) -> None:
    """A sixth of twenty noisy series lie low in any bin: of eleven that fall, nine have a cause that they share."""
    chance = np.full(20, 1 / 6, np.float32)
    falls = falls_by_country(fell(count, 20), np.ones(20, np.bool_), np.zeros(20, np.int64), deep(count, 20), chance)
    assert falls[0].fell == left
    assert suspect(falls) is fault


def test_nobody_falls_by_chance_alone() -> None:
    """Fewer than noise makes fall are none, and all that fall are all."""
    chance, every = np.full(4, 0.4, np.float32), np.ones(4, np.bool_)
    for count, left in ((1, 0), (4, 4)):
        assert falls_by_country(fell(count, 4), every, np.zeros(4, np.int64), deep(count, 4), chance)[0].fell == left


def test_a_fault_goes_on_while_a_quarter_fall() -> None:
    """Six of twenty in four countries begin no fault, and do not end one."""
    falls = falls_by_country(fell(6, 20), np.ones(20, np.bool_), COUNTRIES, deep(6, 20))
    assert not suspect(falls)
    assert suspect(falls, going=True)


@pytest.mark.parametrize("back", [1.0, 0.6])
def test_what_a_fault_held_is_judged_when_the_feed_has_settled(back: float) -> None:
    """Twelve of twenty lose 70 % for a day; their first bin after it is whole or in part; none of it is an outage."""
    shares = np.ones((140, 20))
    shares[100:124, :12], shares[124, :12] = 0.3, back
    detector = Detector(Rule("gauge", HOUR))
    changes = run(detector, bins(gauges(shares), HOUR, group=COUNTRIES))
    assert {change.state for change in changes if change.revision == 1} == {"suspected"}
    assert outages(changes) == []
    assert detector.ongoing == {}


def test_a_series_that_stays_down_after_a_fault_is_told() -> None:
    """It fell with the others, and is open from then on when they have settled."""
    shares = np.ones((140, 20))
    shares[100:124, :12], shares[100:, 0] = 0.3, 0.3
    (outage,) = outages(run(Detector(Rule("gauge", HOUR)), bins(gauges(shares), HOUR, group=COUNTRIES)))
    assert (outage.row, outage.state, outage.started_at) == (0, "open", START + 100 * HOUR)
    assert [outage.updated_at] == [START + 127 * HOUR]


def test_a_fault_takes_no_evidence_from_before_it() -> None:
    """A loss of 3.3 % has gathered evidence for six hours when a fault comes that does not touch it: most is left."""
    shares = np.ones((320, 20))
    shares[310:312, :12] = 0.0
    values, detector, watched = gauges(shares, 7), Detector(Rule("gauge", HOUR)), []
    values[304:, 19] = 0.967 * 400
    for seen in bins(values, HOUR, group=COUNTRIES):
        run(detector, iter([seen]))
        watched.append(float(detector.state.store.falls.evidence[19].max()))
    assert watched[309] > 2
    assert 19 not in detector.ongoing
    assert watched[312] > 0.6 * watched[311]


@pytest.mark.parametrize("seed", range(3))
def test_a_third_of_noisy_series_is_dark_and_others_are_low_by_chance(seed: int) -> None:
    """Of 40 others with noise of 20 % a sixth lie a standard deviation low: with the 20 dark ones that is no half."""
    noise, day = 0.2 * np.random.default_rng(seed).standard_normal((78, 60)), 24
    values = np.round(30 * np.maximum(1 + noise, 0))
    values[3 * day :, :20] *= 0.05
    changes = run(Detector(Rule("gauge", HOUR)), bins(values, HOUR))
    soon = START + (3 * day + 3) * HOUR
    opened = {change.row for change in changes if change.state == "open" and change.updated_at <= soon}
    assert opened <= set(range(20)) and len(opened) >= 18
