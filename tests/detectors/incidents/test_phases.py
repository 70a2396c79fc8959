"""An incident's phases, from the first sign to its end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detectors.incidents.model import OutageRevision
from detectors.types import State
from tests.detectors.timeline import (
    APART,
    HOUR,
    IRAN,
    MINUTE,
    START,
    Timeline,
    country_falls,
    coverage,
    down,
    revised,
)


def test_the_course_of_an_incident() -> None:
    """Suspected, ongoing, recovering, and ended once it was quiet for a while; it ended when its last outage did."""
    first = down("asn/1", 0, "suspected")
    falls = [first, revised(first, 1, "open"), revised(first, 5, "recovering"), last_revision(first, 6)]
    timeline = Timeline(coverage(IRAN)).run(falls, until=8)
    assert timeline.states(first.outage_id) == ["suspected", "ongoing", "recovering", "ended"]
    assert (timeline.last[0].ended_at, timeline.last[0].updated_at) == (
        START + 6 * HOUR,
        START + 6 * HOUR + 30 * MINUTE,
    )
    assert timeline.state.incidents == {}
    assert timeline.state.roots == {}


def test_an_incident_knows_what_it_has_lost_on_average() -> None:
    """Two thirds for an hour, then half for eleven; what came back before its end does not count."""
    first = replace(down("asn/1", -0.1, drop=0.67), drop=0.67)
    half = revised(first, 1, "open", drop=0.5)
    back = revised(half, 12, "recovering", drop=0.02)
    timeline = Timeline(coverage(IRAN)).run([first, half, back, revised(back, 16, drop=0.0)], until=18)
    assert [(incident.drop, incident.mean_drop) for incident in timeline.revisions][1:] == [
        (0.67, 0.67),
        (0.67, 0.5142),
        (0.67, 0.5142),
    ]


def test_what_is_back_when_first_seen_has_no_average() -> None:
    """As after a restart with the state of an older version: only its worst is known."""
    back = revised(down("asn/1", 0, drop=0.67), 1, "recovering", drop=0.02)
    timeline = Timeline(coverage(IRAN)).run([back, revised(back, 2, drop=0.0)], until=4)
    assert {(incident.drop, incident.mean_drop) for incident in timeline.revisions} == {(0.67, None)}


def test_an_incident_is_over_when_most_feeds_of_its_network_say_so() -> None:
    """Two of three feeds see it back: that is its end, and what the third says later is no incident of its own."""
    falls = [down("asn/1", 0, feed=feed) for feed in ("probing", "atlas", "bgp")]
    ends = [revised(outage, 4, drops=outage.drops) for outage in falls[:2]]
    late = revised(falls[2], 30, "open", max_drop=0.9)
    timeline = Timeline(coverage(IRAN, feeds=("probing", "atlas", "bgp"))).run([*falls, *ends, late], until=40)
    assert [(incident.state, incident.ended_at) for incident in timeline.last] == [("ended", START + 4 * HOUR)]
    timeline.run([revised(late, 50)])
    assert (len(timeline.last), timeline.state.incidents, timeline.state.roots) == (1, {}, {})


@pytest.mark.parametrize(("state", "left", "over"), [("suspected", 1.0, 4.5), ("open", 0.3, 4.5), ("open", 0.8, 9.5)])
def test_a_feed_on_its_first_day_holds_an_incident_open_only_while_it_is_plainly_dark(
    state: State, left: float, over: float
) -> None:
    """An older feed is back after four hours; a young one stays in doubt, or a little down, or dark until the ninth."""
    old, young = down("asn/1", 0), replace(down("asn/1", 0, feed="atlas"), is_young=True, state=state)
    course = [old, young, replace(revised(young, 3, state), drop=left), revised(old, 4)]
    end = revised(young, 9, "retracted" if state == "suspected" else "closed", revision=4)
    timeline = Timeline(coverage(IRAN, feeds=("probing", "atlas"))).run([*course, end], until=12)
    (incident,) = timeline.last
    assert (incident.state, incident.updated_at) == ("ended", START + over * HOUR)
    assert incident.ended_at == START + (over - 0.5) * HOUR
    assert (timeline.state.incidents, timeline.state.roots) == ({}, {})


def test_a_feed_on_its_first_day_decides_where_no_older_one_shows_an_outage() -> None:
    """A little down is enough then; a suspicion of an older feed is nothing to compare with."""
    young = replace(down("asn/1", 0, feed="atlas", drop=0.3), is_young=True)
    old = down("asn/1", 0, "suspected")
    course = [young, old, revised(old, 2, "retracted"), revised(young, 9)]
    timeline = Timeline(coverage(IRAN, feeds=("probing", "atlas"))).run(course, until=12)
    assert [(incident.state, incident.ended_at) for incident in timeline.last] == [("ended", START + 9 * HOUR)]


def last_revision(first: OutageRevision, at: float) -> OutageRevision:
    """The last revision of an outage that had two more."""
    return revised(first, at, revision=4)


def test_spreading_ends_two_hours_after_the_newest_network_fell() -> None:
    """Time alone ends it, at its own instant, whenever somebody looks."""
    timeline = Timeline(coverage(IRAN)).run(country_falls(), until=12)
    root = timeline.last[0].root
    assert timeline.states(root) == ["ongoing", "spreading", "ongoing"]
    assert timeline.last[0].updated_at == START + (16 * APART + 2) * HOUR


def test_a_suspicion_that_fades() -> None:
    """It is retracted at once and was never confirmed."""
    first = down("asn/1", 0, "suspected")
    timeline = Timeline(coverage(IRAN)).run([first, revised(first, 1, "retracted")])
    assert [(incident.state, incident.is_sure, incident.confirmed_at) for incident in timeline.last] == [
        ("retracted", False, None)
    ]


def test_a_suspicion_that_is_confirmed_says_when() -> None:
    """It is null until then, and stays as it is to the end, also when the incident is merged."""
    first = down("asn/1", 0, "suspected")
    falls = [first, revised(first, 1, "open"), revised(first, 5, "recovering"), last_revision(first, 6)]
    timeline = Timeline(coverage(IRAN)).run(falls, until=8)
    confirmed = [(incident.state, incident.confirmed_at) for incident in timeline.revisions]
    at = START + HOUR
    assert confirmed == [("suspected", None), ("ongoing", at), ("recovering", at), ("ended", at)]
    old, young = down("region/IR-30", 0, "suspected"), down("asn/1", 0.5)
    timeline = Timeline(coverage([*IRAN, "region/IR-30"])).run([old, young, revised(old, 0.7, "open")])
    (whole,) = (incident for incident in timeline.last if not incident.merged_into)
    assert (whole.regions, whole.confirmed_at) == (("IR-30",), young.detected_at)


def test_an_incident_whose_feed_stops_expires() -> None:
    """Unknown is not recovered: it has no end."""
    first = down("asn/1", 0)
    timeline = Timeline(coverage(IRAN)).run([first, revised(first, 30, "expired")], until=31)
    assert [(incident.state, incident.ended_at) for incident in timeline.revisions] == [
        ("ongoing", None),
        ("expired", None),
    ]
