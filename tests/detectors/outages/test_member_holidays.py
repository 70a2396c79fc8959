"""Presence: offices of a country whose members stay away on a Monday, half of the offices or a single one.

Lines are days, each in four parts of six hours (UTC): tenths of the members that are away, `a` for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.types import ClosedBin, Rule
from tests.detectors.outages.test_contract import copied
from tests.detectors.series import START, outages, run

WIDTH, PART = 1_800, 6 * 3_600
OFFICE = "5000 0000 0000 0000 0005 5555 5555"  # nobody leaves at night
NIGHTS = "5005 5005 5005 5005 5005 5555 5555"
HOME = "0000 0000 0000 0000 0000 0000 0000"
GROUPS = np.array(7 * [1] + 2 * [2] + 4 * [0] + 3 * [9])  # offices of two countries and of none, and homes
MANY, TWO, NOWHERE = range(7), range(7, 9), range(9, 13)
MEMBERS = 200 + 50 * np.arange(16) + 1_000 * (GROUPS == 9)


def bins(days: list[str], since: int, before: np.ndarray) -> Iterator[ClosedBin]:
    """Bins of all networks from a part on; one member of a hundred is away for half an hour by chance."""
    parts = np.array([[int(mark, 11) for mark in line.replace(" ", "")] for line in days])
    rng, yes = np.random.default_rng(since), np.ones(16, np.bool_)
    for index in range(parts.shape[1] * PART // WIDTH):
        up = rng.binomial(MEMBERS - MEMBERS * parts[:, index * WIDTH // PART] // 10, 0.99).astype(float)
        lost, back = np.maximum(before - up, 0), np.maximum(up - before, 0)
        start, before = START + since * PART + index * WIDTH, up
        yield ClosedBin(start, up, MEMBERS.astype(float), yes, yes, lost, back, GROUPS)


@cache
def history(usual: str) -> tuple[Detector, np.ndarray]:
    """A detector after two weeks as usual, and who is up then."""
    detector = Detector(Rule("presence", WIDTH))
    seen = list(bins(13 * [2 * usual] + 3 * [2 * HOME], 0, np.zeros(16)))
    run(detector, iter(seen))
    return detector, seen[-1].value


def opened(usual: str, monday: str, rows: range) -> set[int]:
    """The networks with an outage after two weeks as usual and a Monday on which these rows are otherwise."""
    detector, up = history(usual)
    days = [monday if row in rows else usual.replace(" ", "")[:4] for row in range(13)] + 3 * [HOME[:4]]
    return {each.row for each in outages(run(copied(detector), bins(days, 56, up))) if each.opened >= START + 56 * PART}


@pytest.mark.parametrize("usual", [OFFICE, NIGHTS])
def test_a_monday_on_which_half_of_a_country_rests_is_no_outage(usual: str) -> None:
    """Half of a network does not come back after the weekend. Fewer networks that rest, or of no country, are news."""
    assert opened(usual, "5555", MANY[:4]) == opened(usual, "5555", MANY) == set()
    assert opened(usual, "5555", MANY[:3]) == {0, 1, 2}
    assert opened(usual, "5555", TWO) == {7, 8}
    assert opened(usual, "5555", NOWHERE) == {9, 10, 11, 12}


@pytest.mark.parametrize("monday", ["5777", "5aaa", "5055"])
def test_what_no_day_of_rest_explains_is_an_outage_in_all_of_a_country(monday: str) -> None:
    """Seven in ten, or nearly all, stay away after a weekend without a half; a half is lost at noon."""
    assert opened(OFFICE, monday, MANY) == set(MANY)


def test_an_outage_on_a_holiday_is_over_when_the_members_of_a_holiday_are_back() -> None:
    """Half of all offices rest; one loses the rest from noon to six, and the others return on Tuesday only."""
    detector, up = history(OFFICE)
    days = ["55a5" if row == 0 else "5555" if row in MANY else "0000" for row in range(16)]
    found = outages(run(copied(detector), bins([day + "0000" for day in days], 56, up)))
    dark = next(each for each in found if each.row == 0 and each.opened >= START + 56 * PART)
    assert (dark.started_at, dark.ended_at) == (START + 58 * PART, START + 59 * PART)
    assert dark.expected <= 0.6 * MEMBERS[0]
