"""An incident that comes back: from which share on it recovers, and that a further fall is no return."""

from __future__ import annotations

from dataclasses import replace

from tests.detectors.timeline import HOUR, START, Timeline, coverage, down, networks, revised


def test_an_incident_follows_its_country_back() -> None:
    """Of 41 networks one comes back an hour: it recovers once a fifth is back, and says how much, in steps of 5 %."""
    falls = [down(entity, number / 60) for number, entity in enumerate(networks(41))]
    ends = [revised(outage, 10 + number) for number, outage in enumerate(falls)]
    timeline = Timeline(coverage(networks(41))).run([*falls, *ends], until=60)
    revisions = [incident for incident in timeline.revisions if incident.root == timeline.last[0].root]
    back = [(incident.state, incident.back) for incident in revisions if incident.updated_at >= START + 10 * HOUR]
    assert back.pop() == ("ended", 0.0)
    assert {state for state, share in back if share < 0.2} == {"ongoing"}
    assert {state for state, share in back if share >= 0.2} == {"recovering"}
    shares = [share for _, share in back]
    assert shares == sorted(shares)
    assert len(shares) >= 12
    assert shares[-1] > 0.9


def test_a_country_that_eases_is_coming_back() -> None:
    """Its own series is 40 % down of what was 100 %: no network of it is measured."""
    fall = down("country/IR", 0)
    timeline = Timeline(coverage(["country/IR"])).run([fall, revised(fall, 5, "open", drop=0.4)])
    assert [(incident.state, incident.back) for incident in timeline.revisions] == [("ongoing", 0), ("recovering", 0.6)]


def test_a_further_fall_is_no_return() -> None:
    """A country of which a third was back falls again: the incident goes on."""
    falls = [down(entity, number / 60) for number, entity in enumerate(networks(9))]
    back = [revised(outage, 5) for outage in falls[:3]]
    again = [replace(down(outage.entity, 7), outage_id=f"again {outage.entity}") for outage in falls[:3]]
    timeline = Timeline(coverage(networks(9))).run([*falls, *back, *again])
    last = [incident for incident in timeline.revisions if incident.root == timeline.last[0].root][-2:]
    assert [(incident.state, round(incident.back, 2)) for incident in last] == [("recovering", 0.33), ("ongoing", 0)]
