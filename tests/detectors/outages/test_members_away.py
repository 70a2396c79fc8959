"""Presence: large networks that lose a share of their members, and members that stay away."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.outages.members_away import BUCKETS, FeedReturns
from detectors.types import Change, ClosedBin, Floats, Rule
from tests.detectors.series import START, outages

WIDTH = 300
SHARES = (0.08, 0.12, 0.2, 0.27, 0.35, 0.5, 0.7, 0.85, 1.0)


class Feed:
    """Networks whose members are lost and come back with given chances a bin; `lose` takes more of the first."""

    def __init__(
        self, sizes: Sequence[int], lost: float | Floats, back: float, seed: int = 3, width: int = WIDTH
    ) -> None:
        self.size, self.up = np.array(sizes, float), np.array(sizes, float)
        self.lost, self.back, self.kept = lost, back, 0.0
        self.rng, self.at = np.random.default_rng(seed), START
        self.width = width
        self.detector = Detector(Rule("presence", width))
        self.detector.grow(len(sizes))

    def close(self, lose: float = 0.0, restore: float = 0.0) -> list[Change]:
        """Close the next bin."""
        away = self.size - self.up
        away[0] -= self.kept
        gone = self.rng.binomial(self.up.astype(int), self.lost).astype(float)
        returned = self.rng.binomial(np.maximum(away, 0).astype(int), self.back).astype(float)
        gone[0], returned[0] = min(gone[0] + lose, self.up[0]), returned[0] + restore
        self.kept += lose - restore
        self.up += returned - gone
        yes, at = np.ones(len(self.size), np.bool_), self.at
        self.at += self.width
        group = np.arange(len(self.size)) % 2 + 1
        return self.detector.close(ClosedBin(at, self.up.copy(), self.size, yes, yes, gone, returned, group))

    def live(self, bins: int) -> Feed:
        """Close some bins."""
        for _ in range(bins):
            self.close()
        return self

    @property
    def nats(self) -> float:
        """Evidence of the first network."""
        return float(self.detector.deviations().evidence[0])


def lived(sizes: Sequence[int], lost: float, back: float, bins: int) -> Feed:
    """A feed after some bins."""
    return Feed(sizes, lost, back).live(bins)


@pytest.mark.parametrize("others", [0, 40])
@pytest.mark.parametrize("churn", [0.0, 0.002])
@pytest.mark.parametrize("members", [1_000, 10_000, 100_000])
def test_the_more_a_large_network_loses_the_more_evidence(members: int, churn: float, others: int) -> None:
    """At once or in two bins, after six hours: it opens no later, with no less evidence, and from 12 % on by then."""
    feed = lived([members, *[20] * others], churn, 0.3, 72)
    for parts in ((1.0,), (0.5, 0.5), (0.7, 0.3), (0.3, 0.7)):
        found = [fallen(copy.deepcopy(feed), members, share, parts) for share in SHARES]
        assert found == sorted(found), parts
        assert all(bins > 0 for (bins, _), share in zip(found, SHARES, strict=True) if share >= 0.12), parts


def fallen(feed: Feed, members: int, share: float, parts: Sequence[float]) -> tuple[int, float]:
    """Bins that the outage of the first network was open when it had lost this share, in these parts; its evidence."""
    opened = 0
    for part in parts:
        feed.close(round(members * share * part))
        opened -= feed.detector.is_followed(0)
    return -opened, feed.nats


@pytest.mark.parametrize("others", [0, 40])
@pytest.mark.parametrize(("width", "back"), [(600, 0.3), (1_800, 0.6), (3_600, 0.9)])
@pytest.mark.parametrize("members", [1_000, 100_000])
def test_the_same_in_wider_bins_with_more_churn(members: int, width: int, back: float, others: int) -> None:
    """Up to 2.4 % of the members come and go in a bin: monotone, and found from 12 %, in two parts of a bin too."""
    feed = Feed([members, *[20] * others], 0.002 * width / 300, back, width=width).live(36)
    for parts in ((1.0,), (0.5, 0.5), (0.7, 0.3), (0.3, 0.7)):
        found = [fallen(copy.deepcopy(feed), members, share, parts) for share in SHARES]
        assert found == sorted(found), parts
        assert all(bins > 0 for (bins, _), share in zip(found, SHARES, strict=True) if share >= 0.12), parts


@pytest.mark.parametrize("more", [0, 1, 10, 60, 400])
def test_evidence_does_not_weaken_while_more_members_go(more: int) -> None:
    """Of 1,000 members 80 are lost together, which is not enough; some more follow every quarter of an hour."""
    feed = lived([1_000, *[20] * 40], 0.0, 0.3, 288)
    feed.detector.state.store.members.joint_losses[:] = 8  # losses so large are not unheard of in this network
    feed.close(80)
    nats = [feed.nats]
    for index in range(12):
        feed.close(more if index % 3 == 0 else 0)
        nats.append(feed.nats)
    assert 2 < nats[0] < feed.detector.state.threshold
    assert (np.diff(nats) >= 0).all()


@pytest.mark.parametrize("seed", range(24))
def test_evidence_never_falls_in_a_bin_in_which_more_members_go_than_come_back(seed: int) -> None:
    """Random networks, with and without churn, alone and not: some leave at once, then others in some later bins."""
    rng = np.random.default_rng([seed, 5])
    members, churn, others = round(10 ** rng.uniform(1, 2)), float(rng.choice([0.001, 0.01])), int(rng.choice([0, 40]))
    feed = Feed([members, *[20] * others], churn, float(rng.choice([0.05, 0.3])), seed, int(rng.choice([300, 1_800])))
    feed.live(144).close(max(3, round(members * rng.uniform(0.05, 0.4))))
    for _ in range(24):
        before, up = feed.nats, feed.up[0]
        feed.close(int(rng.integers(0, 3)))
        assert feed.detector.is_followed(0) or feed.up[0] >= up or feed.nats >= before


def test_members_that_stay_away_open_an_outage() -> None:
    """Four of twelve, in a feed whose members are back within a quarter of an hour: at first no more than suspected."""
    feed = lived([12, *[12] * 60], 0.003, 0.3, 288)
    changes, nats = feed.close(4), [feed.nats]
    while not outages(changes):
        changes += feed.close()
        nats.append(feed.nats)
        assert len(nats) < 24
    (outage,) = [change for change in outages(changes) if change.row == 0]
    assert len(nats) > 1
    assert (outage.started_at, outage.shape) == (START + 288 * WIDTH, "sudden")


def test_members_that_are_slow_to_come_back_anyway_open_none() -> None:
    """The same, in a feed whose members are away for half a day: six hours prove nothing."""
    feed = lived([12, *[12] * 60], 0.003, 0.007, 576)
    changes = feed.close(4)
    for _ in range(72):
        changes += feed.close()
    assert [change for change in outages(changes) if change.row == 0] == []


def test_members_that_come_back_take_their_evidence_with_them() -> None:
    """Two of the four are back after ten minutes, all after twenty: no outage, and nothing is left."""
    feed = lived([12, *[12] * 60], 0.01, 0.3, 288)
    changes = feed.close(4) + feed.close()
    before = feed.nats
    changes += feed.close(restore=2)
    assert feed.nats < before / 2
    changes += feed.close() + feed.close(restore=2)
    assert feed.nats == 0
    assert [change for change in outages(changes) if change.row == 0] == []


def test_none_stays_away_whom_the_members_that_are_down_cannot_be() -> None:
    """Of twenty, four go; then those four are back while three others go, so that only these three can be away."""
    feed = lived([20] + [12] * 20, 0.001, 0.3, 288)
    feed.close(lose=4)
    feed.close(restore=4, lose=3)
    members = feed.detector.state.store.members
    assert members.away[0] <= feed.size[0] - feed.up[0]


@pytest.mark.parametrize("back", [0.3, 0.05])
def test_how_members_come_back_is_learnt_from_the_feed(back: float) -> None:
    """The hazard of a return in a bin, at any age, and members that return each for itself: tied less."""
    feed = FeedReturns.of(lived([12] * 100, 0.01, back, 576).detector.scalars)
    often = feed.away > 300
    assert often.sum() >= 3
    assert 1 - np.exp(-feed.rates()[often]) == pytest.approx(back, rel=0.15)
    assert feed.tie < 0.5
    assert not feed.momentary


@pytest.mark.parametrize(("members", "lost"), [(5, 0.01), (12, 0.01), (40, 0.005), (300, 0.01)])
@pytest.mark.parametrize("back", [0.3, 0.1, 0.02])
def test_returns_of_each_for_itself_are_no_tie(members: int, lost: float, back: float) -> None:
    """Quick or slow, of small networks and of large ones with members away all the time: no more than the prior."""
    feed = FeedReturns.of(lived([members] * (3_000 // members // 2 + 20), lost, back, 576).detector.scalars)
    assert feed.tie <= 0.3
    assert feed.excess < 0.1 * feed.chance + 6


@pytest.mark.parametrize("tie", [0.1, 0.3, 0.6])
def test_the_tie_of_returns_is_measured(tie: float) -> None:
    """Groups of six of twelve whose returns in a bin are correlated as much."""
    feed, rng = Feed([12] * 60, 0.0, 0.0), np.random.default_rng(4)
    up, yes, group = np.full(60, 12.0), np.ones(60, np.bool_), np.ones(60, np.int64)
    for index in range(576):
        share = rng.beta(0.2 * (1 / tie - 1), 0.8 * (1 / tie - 1), 60)
        back = rng.binomial((12 - up).astype(int), share).astype(float)
        lost = np.where((up == 12) & (rng.random(60) < 0.03), 6.0, 0)
        up = up + back - lost
        feed.detector.close(ClosedBin(START + WIDTH * index, up, feed.size, yes, yes, lost, back, group))
    assert FeedReturns.of(feed.detector.scalars).tie == pytest.approx(tie, abs=0.06)


def test_returns_that_come_together_are_a_tie() -> None:
    """Groups of six that come back whole or not at all."""
    feed = Feed([12] * 60, 0.0, 0.0)
    rng, none, yes = np.random.default_rng(4), np.zeros(60), np.ones(60, np.bool_)
    up, group = np.full(60, 12.0), np.ones(60, np.int64)
    for index in range(288):
        back = np.where((up < 12) & (rng.random(60) < 0.2), 12 - up, 0)
        lost = np.where((up == 12) & (rng.random(60) < 0.02), 6.0, none)
        up = up + back - lost
        feed.detector.close(ClosedBin(START + index * WIDTH, up, feed.size, yes, yes, lost, back, group))
    assert FeedReturns.of(feed.detector.scalars).tie > 0.6


def cut_off(feed: Feed, bins: int) -> FeedReturns:
    """Let eight networks lose 8 of 12 members in turn, for some bins; return how members come back."""
    size, yes, group = feed.size, np.ones(len(feed.size), np.bool_), np.ones(len(feed.size), np.int64)
    for index in range(48):
        mine, turn = np.arange(len(size)) == index // 6, index % 6
        up, lost, back = size - 8.0 * (mine & (turn < bins)), 8.0 * (mine & (turn == 0)), 8.0 * (mine & (turn == bins))
        feed.detector.close(ClosedBin(START + index * WIDTH, up, size, yes, yes, lost, back, group))
    return FeedReturns.of(feed.detector.scalars)


@pytest.mark.parametrize(("bins", "momentary"), [(1, True), (4, False)])
def test_a_feed_shows_whether_networks_are_cut_off_for_a_moment(bins: int, momentary: bool) -> None:
    """Back within ten minutes, eight times of eight, or after twenty."""
    assert cut_off(Feed([12] * 20, 0.0, 0.0), bins).momentary == momentary


@pytest.mark.parametrize(("moments", "opened"), [(0.0, [True, True]), (9.0, [False, True])])
def test_where_networks_are_cut_off_for_moments_a_bin_is_not_enough(moments: float, opened: list[bool]) -> None:
    """20 of 30 members are lost: told in its bin, but in such a feed in the next one, if they are still away."""
    feed = lived([30] * 60, 0.005, 0.3, 288)
    feed.detector.scalars["returns_brief"] = moments
    feed.detector.scalars["returns_lasting"] = 0.0
    found = []
    for lose in (20.0, 0.0):
        feed.close(lose)
        found.append(feed.detector.is_followed(0))
    assert found == opened


def test_a_feed_that_an_older_version_stored_has_no_returns_yet() -> None:
    """Its numbers lack them, and its rows hold none: nothing is known, and nothing fails."""
    old = FeedReturns.of({"rate": 0.01, "tie": 0.02, "fresh": 0.5, "heard": 100.0})
    assert (old.away == np.zeros(BUCKETS)).all()
    assert old.hazard(WIDTH).max() == 0
    assert FeedReturns.of(old.scalars()).scalars() == old.scalars()


def test_an_outage_that_expires_takes_nothing_that_was_learnt_of_returns() -> None:
    """Nor does one that is withdrawn: what a profile would drop of its hour has another meaning here."""
    for end in ("expire", "withdraw"):
        feed = lived([200] * 40, 0.01, 0.1, 600)
        feed.close(lose=100)
        assert feed.detector.is_followed(0)
        before = {name: column.copy() for name, column in feed.detector.stored.items()}
        assert before["filling"][0] > 0
        getattr(feed.detector, end)(*([feed.at] if end == "expire" else [feed.at, 0]))
        assert (feed.detector.stored["filling"] == before["filling"]).all()
