"""Presence: members lost at the same time, and members that come back."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from detectors.outages import recovery
from detectors.outages.detector import Detector
from detectors.outages.log_gamma import log_gamma
from detectors.outages.member_losses import (
    FeedChurn,
    MemberBin,
    NormalLosses,
    evidence,
    hidden,
    others,
    shallow,
    usual,
    weigh,
)
from detectors.types import Change, ClosedBin, Floats, Rule
from tests.detectors.series import START, members, outages, run


def up(bins: int, count: int) -> np.ndarray:
    """Everybody is up."""
    return np.ones((bins, count), np.bool_)


def watched(story: np.ndarray) -> list[Change]:
    """All revisions of one network in a presence feed of five-minute bins."""
    return run(Detector(Rule("presence", 300)), members(story, 300))


def feed(lost: Floats, size: Floats, at: int, group: int = 0) -> ClosedBin:
    """A bin of many networks, all members of which are back in the next; half of the networks may be of group 2."""
    yes, group_of = np.ones(len(size), np.bool_), np.full(len(size), group)
    group_of[len(size) // 2 :] *= 2
    return ClosedBin(at, size - lost, size, yes, yes, lost, np.zeros(len(size)), group_of)


def lived(
    size: Floats, bins: int, tie: float = 0.0, group: int = 0, width: int = 300, chance: float = 0.005
) -> Detector:
    """A detector after bins in which members are lost with this chance, alone or with correlation `tie`; seed 5."""
    detector, rng = Detector(Rule("presence", width)), np.random.default_rng(5)
    share = np.full((bins, len(size)), chance)
    if tie:
        share = rng.beta(chance * (1 / tie - 1), (1 - chance) * (1 / tie - 1), share.shape)
    drawn = rng.binomial(size.astype(int), share).astype(float)
    run(detector, (feed(lost, size, START + width * i, group) for i, lost in enumerate(drawn)))
    return detector


def test_the_gamma_function_is_the_standard_librarys() -> None:
    """Within what evidence is stored to."""
    x = np.array([0.02, 0.5, 7.0, 40.0, 5e4])
    assert log_gamma(x) == pytest.approx([math.lgamma(number) for number in x], abs=1e-5)


@pytest.mark.parametrize(
    ("lost", "stayed", "chance", "tie"),
    [(8, 0, 0.003, 0.001), (5, 20, 0.1, 0.2), (45, 45, 1e-4, 0.03), (350, 650, 1e-4, 1e-3), (3, 97, 0.01, 0.02)],
)
def test_the_evidence_compares_two_beta_binomials(lost: int, stayed: int, chance: float, tie: float) -> None:
    """Against the ratio of the chances of this very set of losses, with the beta function of the standard library."""
    weight = 1 / tie - 1
    null = _log_beta_binomial(lost, stayed, chance * weight, (1 - chance) * weight)
    rhos = (0.95, 0.85, 0.6, 0.3, 0.02)
    wanted = [_log_beta_binomial(lost, stayed, 4 * (1 - rho), 4 * rho) - null for rho in rhos]
    normal = NormalLosses(np.array([chance]), np.array([tie]))
    found = evidence(np.array([float(lost)]), np.array([float(stayed)]), normal)
    assert found[0] == pytest.approx(wanted, rel=1e-5)


def _log_beta_binomial(lost: int, stayed: int, first: float, second: float) -> float:
    return _log_beta(first + lost, second + stayed) - _log_beta(first, second)


@pytest.mark.parametrize("tie", [1e-4, 3e-3, 0.03, 0.2])
@pytest.mark.parametrize("members", [8, 60, 1_000, 30_000, 100_000])
def test_a_larger_share_lost_is_never_weaker_evidence(members: int, tie: float) -> None:
    """From twice the chance of a loss on, to all members."""
    lost = np.unique(np.linspace(members * 0.02, members, 200).round())
    normal = NormalLosses(np.full(len(lost), 0.01), np.full(len(lost), tie))
    assert (np.diff(evidence(lost, members - lost, normal).max(axis=1)) >= 0).all()


def test_few_losses_speak_against_a_fall_as_in_a_normal_law_of_that_mean() -> None:
    """Of 1,000 members each for itself, or tied; from a twentieth on nothing, and of more tied members no more."""
    lost, members = np.array([20.0, 20.0, 50.0, 400.0]), np.array([1e3, 1e3, 1e3, 1e3])
    tie = np.array([0.0, 0.01, 0.0, 0.0])
    variance = 0.05 * 0.95 * (1 / 1e3 + tie * (1 - 1 / 1e3))
    assert shallow(lost, members, tie) == pytest.approx(
        np.maximum(0.05 - lost / 1e3, 0) ** 2 / (2 * variance), rel=1e-5, abs=1e-9
    )
    size = np.array([1e4, 1e6])
    assert np.diff(shallow(0.02 * size, size, np.full(2, 1e-3))) < 1


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


@pytest.mark.parametrize("chance", [0.3, 0.05, 2e-4])
def test_a_bin_that_loses_fewer_than_usual_speaks_for_no_fall(chance: float) -> None:
    """So few are unlikely as a normal bin; they are no more likely as an outage."""
    detector = lived(np.full(40, 300.0), 20, width=86_400, chance=chance)
    lost = np.round(np.linspace(0.02, 1.0, 40) * chance * 300)
    state, churn = detector.state, FeedChurn.of(detector.scalars)
    quiet = feed(lost, np.full(40, 300.0), START)
    closed = MemberBin.of(state.store.members, quiet, churn)
    found = weigh(state.store.members, np.arange(40), closed, churn).max(axis=1)
    assert (found <= 0).all()


@pytest.mark.parametrize(("named", "fresh"), [(8, 0.4), (3, 0.1), (30, 0.7)])
def test_hidden_members_weigh_what_all_their_possible_numbers_do(named: int, fresh: float) -> None:
    """Against the sum over each number of them that there may be; never in favour of a fall."""
    numbers = [math.comb(named + k, k) * fresh**k * (1 - fresh) ** (named + 1) for k in range(600)]
    stay = sum(p * (1 - 0.01) ** k for k, p in enumerate(numbers))
    wanted = [math.log(sum(p * rho**k for k, p in enumerate(numbers)) / stay) for rho in (0.95, 0.85, 0.6, 0.3, 0.02)]
    fallen, each = np.array([[0.05, 0.15, 0.4, 0.7, 0.98]]), np.array([float(named)])
    assert hidden(each, fresh, np.array([0.01]), fallen)[0] == pytest.approx(wanted, rel=1e-5)
    assert (hidden(each, fresh, np.array([0.5]), fallen) <= 0).all()


def test_a_likely_loss_is_weak_evidence() -> None:
    """Nine of ten lost says less the likelier a single loss is, and less when members fall together anyway."""
    lost, stayed = np.array([9.0]), np.array([1.0])
    calm, busy, tied = (
        evidence(lost, stayed, NormalLosses(np.array([chance]), np.array([tie]))).max()
        for chance, tie in ((0.003, 0.05), (0.1, 0.05), (0.003, 0.2))
    )
    assert calm > busy + 5
    assert calm > tied + 5


@pytest.mark.parametrize("tie", [0.0, 0.02, 0.1])
def test_the_tie_of_a_feed_is_measured(tie: float) -> None:
    """Beta-binomial losses of networks of many sizes, two days: within a quarter of the correlation they have."""
    size = np.repeat([4.0, 10.0, 40.0], 60)
    assert lived(size, 576, tie).scalars["tie"] == pytest.approx(tie, rel=0.25, abs=0.002)


def test_the_tie_of_a_feed_stands_bins_that_lose_more_than_it_remembers() -> None:
    """30,000 members of 200 large networks are lost each hour: the tie is found as in small ones, and stays."""
    size = np.full(200, 5_000.0)
    detector, found = lived(size, 24, 0.01, width=3_600, chance=0.03), []
    for index in range(24, 36):
        share = np.random.default_rng(index).beta(0.03 * 99, 0.97 * 99, 200)
        run(detector, iter([feed((size * share).round(), size, START + 3_600 * index)]))
        found.append(detector.scalars["tie"])
    assert found == pytest.approx([0.01] * 12, rel=0.35)


def test_what_is_known_of_a_network_is_drawn_towards_the_feed() -> None:
    """Without a past, the feed's rate, and its tie and half a deviation; with one, both; of a larger network less."""
    detector, rows = Detector(Rule("presence", 300)), np.arange(2)
    detector.grow(2)
    c = detector.state.store.members
    c.member_bins[1], c.losses[1], c.joint_losses[1] = 10_000, 400, 15
    calm = feed(np.zeros(2), np.full(2, 20.0), START)
    churn = replace(FeedChurn.of({}), rate=0.01, tie=0.02, fresh=0.0)
    normal, shape = usual(c, rows, MemberBin.of(c, calm, churn), churn), churn.tie_of(np.array([20.0]))[0] / churn.tie
    assert 0.3 < shape < 0.8
    assert normal.chance == pytest.approx([0.01, 401 / 10_100])
    assert normal.tie == pytest.approx(
        [(pairs + math.sqrt(pairs) / 2) / losses for pairs, losses in ((shape, 50), (shape + 15, 450))]
    )


@pytest.mark.parametrize("falls", [(4,), (8,), (5, 3)])
def test_a_small_network_that_vanishes_in_one_bin_or_two_is_told(falls: tuple[int, ...]) -> None:
    """Four or eight probes, in a feed of networks whose members come and go alone: told by the last bin of the fall."""
    size = np.array([float(sum(falls)), *[12.0] * 60])
    detector = lived(size, 288)
    up, changes = size.copy(), []
    for index, gone in enumerate(falls):
        seen = feed(np.array([float(gone), *[0.0] * 60]), up, START + 300 * (288 + index))
        changes += detector.close(replace(seen, size=size))
        up[0] -= gone
    assert [(c.row, c.state, c.drop) for c in changes][-1] == (0, "open", 1.0)
    assert changes[-1].started_at == START + 300 * 288


def test_members_that_flap_alone_are_no_outage() -> None:
    """Each of five is away for ten minutes in turn, every half hour, for two days; at times two are."""
    story = up(576, 5)
    for index in range(0, 570, 6):
        story[index + 1 : index + 3, index // 6 % 5] = False
        story[index + 2 : index + 3, index // 18 % 5] = False
    assert watched(story) == []


def test_nine_of_ten_at_once_are_told_in_their_bin_and_until_they_are_back() -> None:
    """Down at 2:00 for two hours: one outage with both ends exact; members that stay away add nothing."""
    story = up(72, 10)
    story[24:48, 1:] = False
    changes = watched(story)
    (outage,) = outages(changes)
    assert (outage.started_at, outage.detected_at) == (START + 24 * 300, START + 25 * 300)
    assert (outage.state, outage.ended_at) == ("closed", START + 48 * 300)
    assert (outage.max_drop, outage.severity) == (0.9, "total")
    assert len(changes) <= 3


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_members_never_alarm(count: int) -> None:
    """They flap for reasons of their own."""
    story = up(300, count)
    story[50:90] = False
    story[200:] = False
    assert watched(story) == []


def test_a_shake_of_the_whole_feed_explains_itself() -> None:
    """A controller drops a third of every network's members: no outage. The same in one network alone is one."""
    size, at = np.full(60, 30.0), START + 300 * 24
    assert lived(size, 24).close(feed(np.full(60, 12.0), size, at)) == []
    alone = np.where(np.arange(60) == 7, 28.0, 0.0)
    assert [(c.row, c.state) for c in lived(size, 24).close(feed(alone, size, at))] == [(7, "open")]


def test_a_controller_that_has_some_networks_to_itself_explains_them() -> None:
    """It drops a tenth of the networks whole: no outage, and neither rates nor tie take it for what networks do."""
    size = np.full(200, 12.0)
    detector = lived(size, 288)
    before = dict(detector.scalars)
    whole = np.where(np.arange(200) % 10 == 0, 12.0, 0.0)
    assert outages(detector.close(feed(whole, size, START + 300 * 288))) == []
    assert detector.scalars["tie"] < before["tie"] + 0.015
    lone = np.where(np.arange(200) == 7, 12.0, 0.0)
    assert [c.row for c in outages(detector.close(feed(lone, size, START + 300 * 300)))] == [7]


@pytest.mark.parametrize(("width", "chance"), [(600, 0.03), (1_800, 0.09), (3_600, 0.15)])
def test_a_restless_feed_does_not_hide_a_network_that_vanishes(width: int, chance: float) -> None:
    """Each member is lost four times a day, so that some of each network are in any long bin: eight of eight
    lost at once are told, however wide the bins.
    """
    size = np.array([8.0, *[12.0] * 60])
    detector = lived(size, 3 * 86_400 // width, width=width, chance=chance)
    losing = np.random.default_rng(6).binomial(12, chance, 60).astype(float)
    changes = detector.close(feed(np.array([8.0, *losing]), size, START + 3 * 86_400))
    assert [(c.row, c.state) for c in changes] == [(0, "open")]


def test_losses_that_chance_puts_together_are_no_tie() -> None:
    """A tenth of all members of twelve are lost, each alone: two of a network at times, which ties nobody's."""
    size, losing = np.full(60, 12.0), np.random.default_rng(6).binomial(12, 0.1, 60).astype(float)
    c = lived(size, 288, chance=0.1).state.store.members
    churn = replace(FeedChurn.of({}), rate=0.1, tie=0.001, fresh=0.0)
    alone, tied = (
        others(np.arange(1), MemberBin.of(c, feed(lost, size, START), churn), churn, churn.tie_of(size[:1])).tie[0]
        for lost in (losing, np.where(np.arange(60) % 10 == 1, 12.0, 0.0))
    )
    assert alone < 0.01
    assert tied > 0.1


def test_a_country_is_judged_by_what_others_lose() -> None:
    """All networks of one country lose all members at once, those of the other none: each is told."""
    size = np.full(40, 8.0)
    detector = lived(size, 288, group=1)
    country = np.where(np.arange(40) < 20, 8.0, 0.0)
    changes = detector.close(feed(country, size, START + 300 * 288, group=1))
    assert [(c.row, c.state) for c in changes] == [(row, "open") for row in range(20)]


def test_members_that_come_back_one_by_one_are_revisions_until_four_fifths_are() -> None:
    """Half of ten are back after an hour, eight after two: one outage, open at a half in between, ended at eight."""
    story = up(100, 10)
    story[24:36], story[36:48, 5:], story[48:60, 8:] = False, False, False
    changes = watched(story)
    (outage,) = outages(changes)
    at = [(c.state, (c.updated_at - START) // 300, c.drop) for c in changes if c.updated_at >= START + 36 * 300]
    assert at[0] == ("open", 37, 0.5)
    assert (outage.state, outage.ended_at, outage.max_drop) == ("closed", START + 48 * 300, 1.0)


@pytest.mark.parametrize(("up", "whole", "back"), [(2, 3, True), (1, 3, False), (7, 10, False), (8, 10, True)])
def test_a_network_is_back_at_four_fifths_or_when_one_alone_is_away(up: int, whole: int, back: bool) -> None:
    """One probe of three that never returns is its owner's business, and ends no later than the others."""
    store = lived(np.full(1, 10.0), 1).state.store
    recovery.start(store, 0, 0.0)
    course = recovery.members(store.courses, *(np.full(1, number, np.float32) for number in (up, whole, 0)))
    assert course.back.tolist() == [back]


def test_a_shallow_fall_is_over_when_half_of_it_is_back() -> None:
    """A sixth of ninety are away for two hours: five sixths up are not back."""
    size = np.full(20, 90.0)
    detector = lived(size, 288)
    gone = np.where(np.arange(20) == 3, 15.0, 0.0)
    none = np.zeros(20)
    changes = detector.close(feed(gone, size, START + 300 * 288))
    for index in range(289, 313):
        changes += detector.close(replace(feed(none, size - gone, START + 300 * index), size=size))
    assert outages(changes)[0].state == "open"
    back = replace(feed(none, size, START + 300 * 313), back=gone)
    assert [(c.state, c.ended_at) for c in detector.close(back)] == [("closed", START + 300 * 313)]


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


def test_fewer_members_are_the_new_normal_when_the_operator_wants_it() -> None:
    """Nine of ten never return: after two hours the outage is over, for one member is expected now."""
    story = up(60, 10)
    story[24:, :9] = False
    changes = run(Detector(Rule("presence", 300, rebaseline_after=7_200)), members(story, 300))
    assert [(c.state, c.updated_at) for c in changes if c.ended_at] == [("rebaselined", START + (24 + 25) * 300)]
