"""Feeds that show one entity's outage together, though none shows it by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from detectors.incidents.doubts import DoubtState, EndedRun, Moment, step
from detectors.incidents.fusion import Doubt, Ties, learn_tie, tie_of, together
from detectors.incidents.model import Coverage, MeasuredSeries
from tests.calibration.feeds import feeds
from tests.calibration.fused import NAMES, fused

HOUR = 3600


def untied(first: str, second: str) -> float:
    """Two feeds that share nothing."""
    return 0.0


def test_evidence_adds_up_and_what_is_shared_does_not() -> None:
    """Two of 8 nats are 16, less the choice of two; one that is always in doubt with the other adds nothing."""
    assert together({"a": 8, "b": 8}, {}, untied).nats == pytest.approx(16 - np.log(2))
    assert together({"a": 8, "b": 7}, {}, lambda *_: 1.0).by_feed == (("a", 8.0), ("b", 0.0))
    assert together({"a": 8, "b": 7}, {}, lambda *_: 0.1).by_feed[1][1] == pytest.approx(2.3, abs=0.1)


def test_a_feed_that_could_have_seen_it_speaks_against_it() -> None:
    """As far as it is not blind: at most what the chance of that is worth, and nothing where it has no power."""
    nats = [together({"a": 9, "b": 9}, {"c": power}, untied).nats for power in (0, 1, 50)]
    assert nats[0] == together({"a": 9, "b": 9}, {}, untied).nats
    assert nats[0] > nats[1] > nats[2] == pytest.approx(nats[0] + np.log(0.2))


def test_a_tie_is_the_share_of_doubtful_runs_that_are_common() -> None:
    """From one in ten before any run was seen, to what is seen."""
    ties: Ties = {}
    assert tie_of(ties, "a", "b") == 0.1
    for run in range(400):
        learn_tie(ties, "b", "a", shared=run % 4 == 0)
    assert tie_of(ties, "a", "b") == pytest.approx(0.25, abs=0.01)


def doubt(feed: str, evidence: float, entity: str = "asn/1") -> Doubt:
    """A doubt about a network, since ten hours."""
    return Doubt(feed, entity, "KZ", (), evidence, 0.15, 10.0 * HOUR)


def moment(hour: int, down: Sequence[str] = (), measured: Sequence[str] = NAMES) -> Moment:
    """An hour at which these feeds measure two networks."""
    series = [MeasuredSeries(feed, f"asn/{asn}", (), 100.0, 5.0) for feed in measured for asn in (1, 2)]
    coverage = Coverage(dict.fromkeys(NAMES, float(HOUR)), series={"KZ": series})
    return Moment(float(hour * HOUR), dict.fromkeys(NAMES, 12.5), coverage, down)


def test_an_outage_of_several_feeds_opens_and_closes() -> None:
    """Three feeds of 9 nats open one, each with what it gives; it closes when they have no doubt any more."""
    state, news = DoubtState(), {("shard/0", feed): [doubt(feed, 9)] for feed in "abc"}
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
        ({"a": 9.0, "b": 9.0}, moment(20, down=["asn/1"])),
        ({"a": 10.5, "b": 10.5}, moment(20, measured="abcde")),
    ],
    ids=["one feed", "too little", "an outage already", "three feeds that see nothing"],
)
def test_what_opens_nothing(given: dict[str, float], now: Moment) -> None:
    """Feeds whose evidence is not enough together, or not needed."""
    news = {("shard/0", feed): [doubt(feed, nats)] for feed, nats in given.items()}
    assert list(step(DoubtState(), news, now)) == []


def test_ties_are_learnt_once_a_day_from_runs_that_were_no_outage() -> None:
    """A run of one feed, and one of two at once: one of three was common to the two."""
    state = DoubtState()
    alone = {("shard/0", "a"): [doubt("a", 4)]}
    both = {("shard/0", feed): [doubt(feed, 4, "asn/2")] for feed in "ab"}
    none: dict[tuple[str, str], list[Doubt]] = {("shard/0", feed): [] for feed in "ab"}
    for hour, news in enumerate((alone, none, both, none), 1):
        assert list(step(state, news, moment(hour, measured="ab"))) == []
    assert state.ended == [
        EndedRun("KZ", "asn/1", "a", ()),
        EndedRun("KZ", "asn/2", "a", ("b",)),
        EndedRun("KZ", "asn/2", "b", ("a",)),
    ]
    list(step(state, {}, moment(25, measured="ab")))
    assert (state.ties, state.ended) == ({("a", "b"): (3.0, 2.0)}, [])


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
