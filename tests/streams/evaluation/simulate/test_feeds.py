"""One fall as each kind of feed sees it: the first night of the examinations, two days of data."""

from __future__ import annotations

from functools import cache

import pytest

from schemas.measurement import Measurement
from streams.evaluation.simulate.series import series_of
from streams.evaluation.simulate.situations import SCENARIOS
from streams.evaluation.simulate.world import HOUR
from tests.streams.evaluation.simulate.excerpts import DAY, decoded

EXAMS = SCENARIOS["exam-nights"]
NIGHT = EXAMS.incidents[0].events[0]


@cache
def found() -> list[Measurement]:
    """The day of the first night, and the day before."""
    return decoded(EXAMS._replace(start="2019-06-19T00:00:00Z", end="2019-06-21T00:00:00Z"))


def seen(feed: str, start: float, end: float) -> list[Measurement]:
    """What a feed measures of the country in a span."""
    return [m for m in found() if m.feed == feed and m.country == NIGHT.where.country and start <= float(m.ts) < end]


@pytest.mark.parametrize("feed", ["traffic", "probing", "telescope", "bgp"])
def test_values_and_sources_fall_by_the_share_that_the_feed_sees(feed: str) -> None:
    """Sums of values, and numbers of sources, against the same hours of the day before."""
    before, during = (
        sum(measurement.value for measurement in seen(feed, NIGHT.start - ago, NIGHT.start - ago + 4 * HOUR))
        for ago in (DAY, 0)
    )
    assert 1 - during / before == pytest.approx(NIGHT.drops[feed], abs=0.01)


def test_members_leave_and_come_back() -> None:
    """That share of the members of each network leaves within two minutes; within five of the end they are back."""
    atlas = next(feed for feed in EXAMS.feeds if feed.name == "atlas")
    left = {
        measurement.member for measurement in seen("atlas", NIGHT.start, NIGHT.start + 120) if measurement.up is False
    }
    assert NIGHT.end is not None
    back = {measurement.member for measurement in seen("atlas", NIGHT.end, NIGHT.end + 300) if measurement.up}
    networks = [
        network for network in series_of(atlas, EXAMS.lines) if network.fields["country"] == NIGHT.where.country
    ]
    members = sum(max(atlas.least, min(atlas.most, atlas.scale * network.size)) for network in networks)
    assert len(left) >= 0.9 * NIGHT.drops["atlas"] * members
    assert len(left & back) >= 0.95 * len(left)


def test_a_member_comes_and_goes_in_turn() -> None:
    """In the order of the stream no member leaves twice without coming back."""
    last: dict[str | None, bool | None] = {}
    for measurement in found():
        if measurement.feed == "atlas":
            assert last.get(measurement.member) is not measurement.up
            last[measurement.member] = measurement.up
    assert len(last) > 50


def test_a_gauge_lacks_bins_and_a_counter_does_not() -> None:
    """Half a per cent and some hours of a gauge are missing; what counts is there in every bin, or counted none."""
    bins = 2 * DAY / (HOUR / 2)
    there = {
        feed.name: sum(measurement.feed == feed.name for measurement in found())
        / bins
        / len(series_of(feed, EXAMS.lines))
        for feed in EXAMS.feeds
    }
    assert 0.95 < there["probing"] < 0.999
    assert 0.95 < there["bgp"] < 0.999
    assert there["traffic"] == pytest.approx(1, abs=0.005)
