"""Presence: offices of a country whose members stay away on a day of work, all of them or a single one.

Weeks are lines as in `test_member_weekends`: tenths of the members that are away in each six hours.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.types import ClosedBin, Rule
from tests.detectors.outages.test_member_weekends import bins
from tests.detectors.series import START, outages, run

PART = 6 * 3_600
OFFICE = "5000 0000 0000 0000 0005 5555 5555"  # nobody leaves at night
NIGHTS = "5005 5005 5005 5005 5005 5555 5555"
HOME = "0000 0000 0000 0000 0000 0000 0000"
COLUMNS = ("value", "size", "present", "alive", "lost", "back", "group")


def beside(*networks: list[ClosedBin]) -> list[ClosedBin]:
    """The bins of several networks as those of one feed."""
    return [
        replace(rows[0], **{name: np.concatenate([getattr(seen, name) for seen in rows]) for name in COLUMNS})
        for rows in zip(*networks, strict=True)
    ]


def opened(usual: str, last: list[str], group: int = 1) -> list[tuple[int, int]]:
    """Network and part of the last week of each outage that opens in it, after two weeks as `usual`.

    A network lives each of the `last` weeks, and another country has no day of rest.
    """
    networks = [list(bins(2 * usual + week, 200 + 50 * i, group, None)) for i, week in enumerate(last)]
    networks += [list(bins(3 * HOME, 1_000 + i, 9, None)) for i in range(3)]
    detector = Detector(Rule("presence", 1_800))
    found = outages(run(detector, iter(beside(*networks))))
    return [(each.row, (each.opened - START) // PART - 56) for each in found if each.opened >= START + 56 * PART]


MONDAY = "5555 5000 0000 0000 0005 5555 5555"


@pytest.mark.parametrize("usual", [OFFICE, NIGHTS])
def test_a_monday_on_which_half_of_the_country_rests_is_no_outage(usual: str) -> None:
    """Nobody comes back after the weekend. Networks that rest alone, or of no country, are news."""
    holiday = "5555 5" + usual[6:]
    assert opened(usual, 3 * [holiday] + 3 * [usual]) == []
    assert opened(usual, 2 * [holiday] + 2 * [usual]) == [(0, 1), (1, 1)]
    assert len(opened(usual, 3 * [holiday] + 4 * [usual])) == 3
    assert len(opened(usual, 4 * [holiday], group=0)) == 4


def test_a_country_that_lacks_more_than_on_weekends_is_an_outage() -> None:
    """Seven in ten of each network, or nearly all, do not come back on a Monday."""
    for away in "79":
        found = opened(OFFICE, 4 * ["5" + 3 * away + OFFICE[4:]])
        assert {row for row, part in found if part in (0, 1)} == {0, 1, 2, 3}


def test_losses_at_once_are_outages_in_all_of_a_country() -> None:
    """Half of each network at noon of a day of work, which no weekend explains."""
    found = opened(OFFICE, 4 * ["5000 0055 0000 0000 0005 5555 5555"])
    assert {row for row, part in found if part in (5, 6)} == {0, 1, 2, 3}


def test_a_network_that_is_dark_on_a_holiday_is_an_outage() -> None:
    """While the others rest."""
    assert {row for row, _ in opened(OFFICE, 5 * [MONDAY] + ["5a" + MONDAY[2:]])} == {5}
