"""Feeds that show one entity's outage together, though none shows it by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from detectors.incidents.doubt_rates import DoubtRate, DoubtRates
from detectors.incidents.doubts import DoubtState, EndedRun, Moment, step
from detectors.incidents.fusion import Doubt, together
from detectors.incidents.model import Coverage, MeasuredSeries
from tests.calibration.feeds import feeds
from tests.calibration.fused import NAMES, fused

HOUR = 3600


RARE = DoubtRate(tried=1_000_000.0, bins=5_000.0, runs=4_000.0, beyond=4_000.0)  # in doubt in one bin of 200


def habits(tie: float) -> DoubtRates:
    """What is known of three feeds that are rarely in doubt, and with a chance of `tie` when another one is."""
    ties = {(a, b): (5_000.0, 5_000.0 * tie) for a in "abc" for b in "abc" if a != b}
    return DoubtRates(dict.fromkeys("abc", RARE), ties)


def test_a_doubt_is_worth_as_much_as_it_is_rare() -> None:
    """One bin in 200 is 5.3 nats, and what comes beyond 3 nats 1.25 each, as its mean is 0.8; unknown feeds are not."""
    assert habits(0.005).worth("a", 3.0) == pytest.approx(np.log(200), abs=0.01)
    assert habits(0.005).worth("a", 7.0) == pytest.approx(np.log(200) + 4 / 0.8, abs=0.02)
    assert DoubtRates().worth("a", 7.0) == 7.0


def test_evidence_adds_up_and_what_is_shared_does_not() -> None:
    """Two doubts of 7 nats count in full where chance alone brings them together, and once where they always are."""
    rates = habits(0.005)
    alone, both = rates.worth("a", 7.0), together({"a": 7.0, "b": 7.0}, {}, rates)
    assert both.nats == pytest.approx(2 * alone - np.log1p(10.0) - 1, abs=0.1)
    assert sum(nats for _, nats in both.by_feed) == pytest.approx(both.nats)
    assert [feed for feed, nats in both.by_feed if nats > 0] == ["a", "b"]
    tied = together({"a": 7.0, "b": 7.0}, {}, habits(1.0))
    assert dict(tied.by_feed)["b"] == pytest.approx(0.0, abs=0.05)
    assert tied.nats < alone


def test_a_third_feed_adds_less_where_all_share_their_noise() -> None:
    """One in ten of the doubts are common: the second feed adds 43 % of its own, the third 24 %."""
    gained = [together(dict.fromkeys("abc"[:n], 3.0), {}, habits(0.1)).by_feed for n in (2, 3)]
    assert gained[0][1][1] / gained[0][0][1] == pytest.approx(0.43, abs=0.01)
    assert gained[1][2][1] / gained[1][0][1] == pytest.approx(0.24, abs=0.01)


def test_a_feed_that_could_have_seen_it_speaks_against_it() -> None:
    """As far as it is not blind: at most what the chance of that is worth, and nothing where it has no power."""
    nats = [together({"a": 9, "b": 9}, {"c": power}, habits(0.005)) for power in (0, 3, 50)]
    assert [of.by_feed[-1][1] for of in nats] == pytest.approx([0.0, np.log(0.6), np.log(0.2)], abs=0.01)
    assert nats[0].nats > nats[1].nats > nats[2].nats


def test_the_choice_of_feeds_costs_less_where_others_would_show_the_fall() -> None:
    """Of five feeds that see nothing yet two are one pair in ten and more; where all would show it, it is plain."""
    blind, able = (together({"a": 9, "b": 9}, dict.fromkeys("abcde", power), habits(0.005)) for power in (0.0, 50.0))
    for_it = [sum(nats for feed, nats in found.by_feed if feed in "ab") for found in (blind, able)]
    assert for_it[1] - for_it[0] == pytest.approx(np.log(26 / 2.48), abs=0.05)


def test_a_tie_is_the_share_of_bins_in_doubt_that_are_common() -> None:
    """From one in ten before any run was seen, to what is seen."""
    rates = DoubtRates()
    assert rates.tie("a", "b") == 0.1
    for run in range(400):
        rates.learn_tie("a", "b", 1, int(run % 4 == 0))
    assert rates.tie("a", "b") == pytest.approx(0.25, abs=0.01)
    assert rates.tie("b", "a") == 0.1


def doubt(feed: str, evidence: float, entity: str = "asn/1") -> Doubt:
    """A doubt about a network, since ten hours."""
    return Doubt(feed, entity, "KZ", (), evidence, 0.15, 10.0 * HOUR)


def moment(hour: int, down: Sequence[str] = (), measured: Sequence[str] = NAMES) -> Moment:
    """An hour at which these feeds measure two networks."""
    series = [MeasuredSeries(feed, f"asn/{asn}", (), 100.0, 5.0) for feed in measured for asn in (1, 2)]
    coverage = Coverage(dict.fromkeys(NAMES, float(HOUR)), series={"KZ": series})
    return Moment(float(hour * HOUR), dict.fromkeys(NAMES, 12.5), coverage, down)


def rated() -> DoubtState:
    """No doubts yet, of feeds whose bins have been counted."""
    return DoubtState(habits=DoubtRates(dict.fromkeys(NAMES, DoubtRate(tried=1.0))))


def test_an_outage_of_several_feeds_opens_and_closes() -> None:
    """Three feeds of 9 nats open one, each with what it gives; it closes when they have no doubt any more."""
    state, news = rated(), {("shard/0", feed): [doubt(feed, 9)] for feed in "abc"}
    opened = list(step(state, news, moment(20, measured="abc")))
    assert [(outage.feed, outage.state, outage.max_drop) for outage in opened] == [(f, "open", 0.15) for f in "abc"]
    assert [feed for feed, _ in opened[0].by_feed] == ["a", "b", "c"]
    assert list(step(state, news, moment(21, measured="abc"))) == []
    closed = list(step(state, {("shard/0", feed): [] for feed in "abc"}, moment(22, measured="abc")))
    assert [(outage.revision, outage.state, outage.ended_at) for outage in closed] == [(2, "closed", 22.0 * HOUR)] * 3
    assert (state.doubts, state.runs, state.opened, state.ended) == ({}, {}, {}, [])


@pytest.mark.parametrize(
    ("given", "now"),
    [
        ({"a": 9.0}, moment(20)),
        ({"a": 5.0, "b": 5.0}, moment(20, measured="ab")),
        ({"a": 9.0, "b": 9.0, "c": 9.0}, moment(20, down=["asn/1"])),
        ({"a": 10.5, "b": 10.5}, moment(20, measured="abcde")),
    ],
    ids=["one feed", "too little", "an outage already", "three feeds that see nothing"],
)
def test_what_opens_nothing(given: dict[str, float], now: Moment) -> None:
    """Feeds whose evidence is not enough together, or not needed."""
    news = {("shard/0", feed): [doubt(feed, nats)] for feed, nats in given.items()}
    assert list(step(rated(), news, now)) == []


def test_a_feed_whose_bins_come_late_does_not_speak_against_it_yet() -> None:
    """Of ten hours of a fall that two feeds show the third has closed none, or eight: 9.6 nats are due by then."""
    news = {("shard/0", feed): [doubt(feed, 12)] for feed in "ab"}
    against = []
    for newest in (10, 18):
        now = moment(20, measured="abc")._replace(newest={"a": 20.0 * HOUR, "b": 20.0 * HOUR, "c": newest * HOUR})
        against.append(dict(next(step(rated(), news, now)).by_feed)["c"])
    assert against == pytest.approx([0.0, -1.51], abs=0.01)


def test_feeds_show_nothing_together_before_a_day_of_their_doubts_is_known() -> None:
    """Young series are in doubt often and together. The day in which a feed is measured first is not counted."""
    state, shown = DoubtState(), []
    for day in (1, 2, 3):
        for hour, nats in ((20, 12), (21, 1)):
            news = {("shard/0", feed): [doubt(feed, nats)] if nats > 3 else [] for feed in "abc"}
            shown.append(len(list(step(state, news, moment(24 * day + hour, measured="abc")))))
        state.closed.update(["a", "b", "c"] * 24)
    assert shown == [0, 0, 3, 3, 3, 3]
    state, news = DoubtState(), {("shard/0", feed): [doubt(feed, 12)] for feed in "abc"}
    for day in (1, 2):
        state.closed.update(list("abcd") * 24)
        list(step(state, {}, moment(24 * day, measured="abc" if day == 1 else "abcd")))
    assert (state.habits.is_rated("a"), state.habits.is_rated("d")) == (True, False)


def test_days_that_go_back_unlearn_nothing() -> None:
    """Time of incidents goes back where a feed's time was false: no bin was tried less."""
    state, news = DoubtState(), {("shard/0", "a"): [doubt("a", 4)]}
    tried = []
    for hour, bins in ((25, 24), (49, 24), (25, 0), (25, 0)):
        state.closed["a"] += bins
        list(step(state, news, moment(hour, measured="ab")))
        tried.append(state.habits.rate("a").tried)
    assert tried == [0.0, 48.0, 48.0, 48.0]


def test_what_feeds_do_is_learnt_once_a_day_from_runs_that_were_no_outage() -> None:
    """A run of one feed, and one of two at once, in the 48 bins of two networks."""
    state = DoubtState()
    alone = {("shard/0", "a"): [doubt("a", 4)]}
    both = {("shard/0", feed): [doubt(feed, 5, "asn/2")] for feed in "ab"}
    none: dict[tuple[str, str], list[Doubt]] = {("shard/0", feed): [] for feed in "ab"}
    for hour, news in enumerate((none, alone, none, both, none), 25):
        assert list(step(state, news, moment(hour, measured="ab"))) == []
    assert state.ended == [
        EndedRun("KZ", "asn/1", "a", 1, ()),
        EndedRun("KZ", "asn/2", "a", 1, (("b", 1),)),
        EndedRun("KZ", "asn/2", "b", 1, (("a", 1),)),
    ]
    state.closed.update(["a", "b"] * 24)
    list(step(state, {}, moment(49, measured="ab")))
    assert state.habits.rates == {"a": DoubtRate(48.0, 2.0, 2.0, 3.0), "b": DoubtRate(48.0, 1.0, 1.0, 2.0)}
    assert state.habits.ties == {("a", "b"): (2.0, 1.0), ("b", "a"): (1.0, 1.0)}
    assert (state.ended, state.habits.today) == ([], {})


def test_bins_in_which_a_feed_sends_nothing_teach_nothing_of_it() -> None:
    """Of four bins of a run the second feed sends in one, and of a day in six bins: no doubt was possible in others."""
    state, news = DoubtState(), {("shard/0", "a"): [doubt("a", 4)]}
    for hour, mute in ((25, ()), (26, ("b",)), (27, ("b",)), (28, ("b",))):
        now = moment(hour, measured="ab")
        list(step(state, news, now._replace(coverage=replace(now.coverage, mute=mute))))
    list(step(state, {("shard/0", "a"): []}, moment(29, measured="ab")))
    assert state.ended == [EndedRun("KZ", "asn/1", "a", 4, (), (("b", 3),))]
    state.closed.update({"a": 24, "b": 6})
    now = moment(49, measured="ab")
    list(step(state, {}, now._replace(coverage=replace(now.coverage, mute=("b",)))))
    assert state.habits.rates == {"a": DoubtRate(48.0, 4.0, 1.0, 4.0), "b": DoubtRate(12.0)}
    assert state.habits.ties == {("a", "b"): (1.0, 0.0)}
    assert state.closed.total() == 0


def test_a_fault_that_feeds_share_opens_nothing_however_rare_it_is() -> None:
    """Two feeds in doubt once in a million bins and always together: 3 nats each are far from the 12.5 of an outage.

    It takes 10 nats of each; of feeds whose doubts never came together before, 3 nats are one.
    """
    rare = DoubtRate(tried=1e9, bins=1e3, runs=1e3, beyond=1e3)
    ties = dict.fromkeys((("a", "b"), ("b", "a")), (1000.0, 1000.0))
    cloned, strange = (DoubtRates({"a": rare, "b": rare}, tied) for tied in (ties, dict.fromkeys(ties, (1e5, 0.0))))
    found = [together({"a": nats, "b": nats}, {}, of).nats for of, nats in ((cloned, 3), (cloned, 10), (strange, 3))]
    assert found == pytest.approx([7.9, 12.9, 16.9], abs=0.1)


def test_quiet_feeds_stay_within_the_budget() -> None:
    """Three feeds of 250 entities whose noise is partly common, 30 days at a budget of 10: 2.5 are allowed."""
    assert len(fused(feeds(3, 250, 30, HOUR, 2, budget=10))[1]) <= 2


def test_several_feeds_find_more_and_sooner() -> None:
    """A loss of 20 % for a day in five feeds of every eighth entity: one in five is found together before by any."""
    drawn, first = feeds(5, 400, 22, HOUR, 7), 20 * 24 + 9
    hit = np.arange(400) % 8 == 0
    for feed in drawn:
        for at in range(first, first + 24):
            seen = feed.seen[at]
            feed.seen[at] = replace(seen, value=np.rint(seen.value * np.where(hit, 0.8, 1) * 1e3) / 1e3)
    since = drawn[0].seen[first].start
    alone, both = fused(drawn)
    sooner = {entity for entity, at in both.items() if since < at < alone.get(entity, np.inf)}
    assert len(sooner) >= hit.sum() / 5
    assert {int(entity.removeprefix("asn/")) % 8 for entity in sooner} == {0}
