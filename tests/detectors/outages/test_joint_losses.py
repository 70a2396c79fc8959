"""Presence: what all networks of a feed lose together, where no fault of the feed would be seen."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.outages.feed_fault import shows_faults
from detectors.types import Change, ClosedBin, Rule
from tests.detectors.series import START, outages, run

DAY, WIDTH = 288, 300
SIZE = np.array([9.0, 14.0, 20.0, 26.0, 35.0, 44.0, 52.0, 60.0])


def lived(left: np.ndarray, size: np.ndarray, group: np.ndarray) -> list[Change]:
    """The changes of a feed of which a share of the members is left in each bin; a hundredth of them is away."""
    yes, before, closed = np.ones(len(size), np.bool_), size, []
    away = np.random.default_rng(4).binomial(size.astype(int), 0.01, (len(left), len(size)))
    for index, (share, few) in enumerate(zip(left, away, strict=True)):
        up = size - few if share == 1 else np.round(size * share)
        lost, back = np.maximum(before - up, 0), np.maximum(up - before, 0)
        closed.append(ClosedBin(START + index * WIDTH, up, size, yes, yes, lost, back, group))
        before = up
    return run(Detector(Rule("presence", WIDTH)), iter(closed))


def feed(left: float, bins: int, size: np.ndarray, group: np.ndarray) -> list[Change]:
    """The changes of two calm days, of so many bins in which this share of the members is left, and of two hours."""
    return lived(np.repeat([1, left, 1], [2 * DAY, bins, 24]), size, group)


@pytest.mark.parametrize(("left", "groups"), [(0.0, 0), (0.0, 1), (0.3, 1), (0.5, 1)])
def test_a_small_feed_that_is_dark_for_hours_has_outages(left: float, groups: int) -> None:
    """Eight networks, 260 members: all of them lose their members together, for ten hours."""
    found = outages(feed(left, 120, SIZE, np.full(8, groups)))
    assert {each.row for each in found} >= set(range(2, 8))  # half of so few members may be the members' own business
    begin = START + 2 * DAY * WIDTH
    assert all(begin - 1_800 <= each.started_at <= begin for each in found)
    assert all(begin < each.detected_at <= begin + 5_400 for each in found)


def test_a_country_that_has_a_feed_to_itself_is_dark_however_many_networks_it_has() -> None:
    """Twenty networks of a country: nobody abroad, so that no fault is seen. Of two countries it is one."""
    size = np.repeat(SIZE[:5], 4)
    assert len(outages(feed(0.0, 120, size, np.full(20, 1)))) == 20
    assert len(outages(feed(0.0, 120, size, np.arange(20) % 2 + 1))) <= 4


@pytest.mark.parametrize(("left", "bins"), [(0.1, 2), (0.4, 6), (0.7, 120)])
def test_a_controller_that_reboots_explains_what_all_lose(left: float, bins: int) -> None:
    """Nine tenths for ten minutes, most for half an hour, or a part of them for long."""
    assert outages(feed(left, bins, SIZE, np.full(8, 1))) == []


def test_evenings_that_all_have_are_no_outages() -> None:
    """Two thirds of all members of a country leave within 20 minutes at eight, and are back after five."""
    evening = np.repeat([1, 0.85, 0.7, 0.55, 0.34, 0.5, 1], [240, 1, 1, 1, 42, 1, 2])
    assert outages(lived(np.tile(evening, 5), SIZE, np.full(8, 1))) == []


def test_a_country_whose_members_leave_over_hours_is_dark() -> None:
    """All of them within three hours, then six hours without any."""
    left = np.concatenate([np.ones(3 * DAY), np.linspace(0.99, 0, 36), np.zeros(72), np.ones(12)])
    assert {each.row for each in outages(lived(left, SIZE, np.full(8, 1)))} >= set(range(1, 8))


def test_a_fault_would_be_seen_in_ten_series_of_two_countries_or_of_none() -> None:
    """Where it would not be, each series is judged by itself."""
    yes = np.ones(12, np.bool_)
    assert shows_faults(yes, np.zeros(12, np.int64))
    assert shows_faults(yes, np.arange(12) % 2 + 1)
    assert not shows_faults(yes, np.full(12, 3))
    assert not shows_faults(np.arange(12) < 9, np.zeros(12, np.int64))
