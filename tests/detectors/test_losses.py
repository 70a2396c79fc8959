"""Presence: members lost at the same time, and members that come back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.detector import Detector
from detectors.losses import evidence, log_rising
from detectors.observed import Change, Observed, Rule
from tests.detectors.series import START, members, outages, run


def up(bins: int, count: int) -> np.ndarray:
    """Everybody is up."""
    return np.ones((bins, count), np.bool_)


def watched(story: np.ndarray) -> list[Change]:
    """All revisions of one network in a presence feed of five-minute bins."""
    return run(Detector(Rule("presence", 300)), members(story, 300))


def feed(lost: dict[int, float], networks: int, size: float, at: int) -> Observed:
    """A bin of many networks of one size, some of which lose members."""
    gone = np.zeros(networks)
    for row, count in lost.items():
        gone[row] = count
    full, yes = np.full(networks, size), np.ones(networks, np.bool_)
    return Observed(at, full - gone, full, yes, yes, gone, np.zeros(networks), np.zeros(networks, np.int64))


def test_rising_products_match_the_gamma_function() -> None:
    """Against the standard library's."""
    start, count = np.array([0.02, 0.5, 7.0, 40.0]), np.array([1.0, 9.0, 3.0, 200.0])
    wanted = [math.lgamma(s + c) - math.lgamma(s) for s, c in zip(start, count, strict=True)]
    assert log_rising(start, count) == pytest.approx(wanted, abs=1e-5)


def test_a_likely_loss_is_weak_evidence() -> None:
    """Nine of ten lost says less the likelier a single loss is, and less when members fall together anyway."""
    lost, stayed = np.array([9.0]), np.array([1.0])
    calm, busy = (evidence(lost, stayed, np.array([p]), 0.05).max() for p in (0.003, 0.1))
    tied = evidence(lost, stayed, np.array([0.003]), 0.2).max()
    assert calm > busy + 5
    assert calm > tied + 5


def test_nine_of_ten_at_once_are_told_in_their_bin_and_until_they_are_back() -> None:
    """Down at 2:00 for two hours: one outage with both ends exact; members that stay away add nothing."""
    story = up(72, 10)
    story[24:48, 1:] = False
    told = watched(story)
    (outage,) = outages(told)
    assert (outage.started_at, outage.detected_at) == (START + 24 * 300, START + 25 * 300)
    assert (outage.state, outage.ended_at) == ("closed", START + 48 * 300)
    assert (outage.max_drop, outage.severity) == (0.9, "total")
    assert len(told) <= 3


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_members_never_alarm(count: int) -> None:
    """They flap for reasons of their own."""
    story = up(300, count)
    story[50:90] = False
    story[200:] = False
    assert watched(story) == []


def test_a_shake_of_the_whole_feed_explains_itself() -> None:
    """A controller drops a third of every network's members: no outage. The same in one network alone is one."""
    everywhere, alone = Detector(Rule("presence", 300)), Detector(Rule("presence", 300))
    for detector in (everywhere, alone):
        run(detector, (feed({}, 60, 30, START + 300 * i) for i in range(24)))
    at = START + 24 * 300
    assert everywhere.close(feed(dict.fromkeys(range(60), 12.0), 60, 30, at)) == []
    assert [(c.row, c.state) for c in alone.close(feed({7: 24.0}, 60, 30, at))] == [(7, "open")]


def test_an_outage_that_the_end_of_the_feed_cuts_off_is_expired() -> None:
    """Unknown is not recovered."""
    story = up(30, 12)
    story[24:] = False
    detector = Detector(Rule("presence", 300))
    run(detector, members(story, 300))
    (change,) = detector.expire(START + 31 * 300)
    assert (change.state, change.ended_at) == ("expired", None)
    assert detector.ongoing == {}
    assert run(detector, members(story[:4], 300, START + 40 * 300)) == []
