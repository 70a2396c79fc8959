"""Presence: members that leave over hours, too few in each bin; and members that come back a few at a time."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.types import DAY, Change, ClosedBin, Rule
from tests.detectors.outages.test_members_away import Feed
from tests.detectors.series import START, outages

WIDTH = 300
HOUR = 3_600


@cache
def lived(members: int, others: int, days: int = 1) -> Feed:
    """A network that loses nobody, alone or with others whose members come and go."""
    churn = np.array([0.0, *[0.0024] * others])
    return Feed([members, *[20] * others], churn, 0.4).live(days * DAY // WIDTH)


def lost_when_found(feed: Feed, share: float) -> float:
    """The share that is lost when the outage opens, if so much is lost in each bin; 1 where it never does."""
    feed, members, due = copy.deepcopy(feed), float(feed.size[0]), 0.0
    while feed.up[0] > members / 2:
        due += members * share
        feed.close(due // 1)
        due %= 1
        if feed.detector.is_followed(0):
            return float(1 - feed.up[0] / members)
    return 1.0


@pytest.mark.parametrize("others", [0, 40])
@pytest.mark.parametrize("members", [1_000, 20_000, 100_000])
@pytest.mark.parametrize(("share", "found"), [(0.01, 0.14), (0.005, 0.18)])
def test_a_steady_network_that_drips_for_hours_is_found(members: int, others: int, share: float, found: float) -> None:
    """A hundredth, or half of one, in each bin of five minutes."""
    assert lost_when_found(lived(members, others), share) <= found


@pytest.mark.parametrize("others", [0, 40])
def test_evidence_stays_while_they_stay_away(others: int) -> None:
    """Of 200 members one leaves in each bin until a tenth is lost, and none comes back: the level before stays."""
    feed = copy.deepcopy(lived(200, others))
    while feed.nats <= 4 or feed.up[0] > 180:
        feed.close(1)
    nats = [feed.nats]
    for _ in range(72):
        feed.close()
        nats.append(feed.nats)
    assert not feed.detector.is_followed(0)
    assert (np.diff(nats) >= -0.1).all()


def test_what_all_networks_lose_is_no_outage_of_one() -> None:
    """Each of 40 loses half a hundredth in a bin."""
    feed = Feed([1_000] * 40, 0.0, 0.0).live(288)
    feed.lost = 0.005
    assert [change for _ in range(60) for change in outages(feed.close())] == []


def test_members_that_leave_each_evening_are_no_outage() -> None:
    """Up to half of the members, within hours of the evening, of which the first was seen."""
    rng, rows, bins = np.random.default_rng(0), 60, 9 * DAY // WIDTH
    size = (10 ** rng.uniform(1.3, 4, rows)).astype(np.int64)
    depth, spread, evening = rng.uniform(0.05, 0.5, rows), rng.uniform(0.7, 2.5, rows), rng.uniform(17, 23, rows)
    detector, up, yes = Detector(Rule("presence", WIDTH)), size.copy(), np.ones(rows, np.bool_)
    detector.grow(rows)
    found: list[Change] = []
    for at in range(START, START + bins * WIDTH, WIDTH):
        hour = (at % DAY / HOUR + np.array([[-24], [0], [24]]) - evening) / spread
        there = 1 - depth * (1 / (1 + np.exp(-hour)) - 1 / (1 + np.exp(9 / spread - hour))).sum(axis=0)
        short = size * there - up
        lost = rng.binomial(up, np.clip(-short / np.maximum(up, 1), 0, 1) / 2)
        back = rng.binomial(size - up, np.clip(short / np.maximum(size - up, 1), 0, 1) / 2)
        up = up + back - lost
        group = np.arange(rows) % 4 + 1
        seen = ClosedBin(
            at, up.astype(float), size.astype(float), yes, yes, lost.astype(float), back.astype(float), group
        )
        found += [each for each in detector.close(seen) if at >= START + DAY]
    assert outages(found) == []


def test_three_that_stay_away_are_not_forgotten() -> None:
    """The members expected fade over a day, so that three are soon less than three of these."""
    feed = copy.deepcopy(lived(33, 40))
    feed.close(3)
    nats = [feed.nats]
    for _ in range(24):
        feed.close()
        nats.append(feed.nats)
    assert min(nats) > 2


@pytest.mark.parametrize("members", [1_000, 20_000, 100_000])
@pytest.mark.parametrize("share", [0.01, 0.02, 0.04])
def test_less_than_a_twentieth_at_once_opens_nothing(members: int, share: float) -> None:
    """However large the network is; it is a suspicion at most."""
    feed = copy.deepcopy(lived(members, 40))
    feed.close(round(share * members))
    for _ in range(12):
        feed.close()
    assert not feed.detector.is_followed(0)


@pytest.mark.parametrize("rate", [0.01, 0.03, 0.05])
@pytest.mark.parametrize("depth", [0.3, 0.9])
def test_members_that_come_back_a_few_at_a_time(depth: float, rate: float) -> None:
    """Each revision says what is missing in its bin; the outage ends with four fifths back, and none follows it."""
    feed, left = Feed([1_000, *[20] * 20], np.array([0.0, *[0.0024] * 20]), 0.3).live(288), round(1_000 * depth)
    changes = feed.close(left)
    while left:
        back = min(round(1_000 * rate), left)
        left -= back
        changes += feed.close(restore=back)
    for _ in range(24):
        changes += feed.close()
    own = [change for change in changes if change.row == 0]
    assert [change.state for change in own] == ["open"] * (len(own) - 1) + ["closed"]
    assert all(change.drop == pytest.approx(1 - (change.value or 0) / 1_000) for change in own[:-1])
    assert max(change.max_drop for change in own) == pytest.approx(depth)
    assert (own[-1].value or 0) >= 800
