"""Which outages are one incident and which are two."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest

from detectors.incidents import rules, tracker
from detectors.incidents.model import Coverage, IncidentRevision, IncidentState, OutageRevision
from detectors.types import Suppression
from tests.detectors.timeline import (
    BIN,
    DAY,
    FIXED,
    HOUR,
    IRAN,
    MOBILE,
    START,
    Timeline,
    country_falls,
    coverage,
    down,
    networks,
    revised,
)


def test_a_country_that_falls_network_by_network_is_one_incident() -> None:
    """Six hours of falls end in one incident under the id of the first; those announced before say where they went."""
    timeline = Timeline(coverage(IRAN)).run(country_falls())
    assert [(incident.root, incident.asns, incident.state) for incident in timeline.last] == [
        (country_falls()[0].outage_id, tuple(range(1, 18)), "spreading")
    ]
    merged = [incident for incident in timeline.revisions if incident.merged_into]
    assert {incident.root for incident in merged} == set(timeline.last[0].absorbed) != set()
    assert {(incident.merged_into, incident.state) for incident in merged} == {(timeline.last[0].root, "ended")}


def test_revisions_grow_by_one_and_never_repeat_an_instant() -> None:
    """However many outages come at once, an incident has one revision for the instant."""
    ends = [revised(outage, 200 + number / 20) for number, outage in enumerate(country_falls())]
    timeline = Timeline(coverage(IRAN)).run([*country_falls(), *ends], until=300)
    for root in {incident.root for incident in timeline.revisions}:
        revisions = [incident for incident in timeline.revisions if incident.root == root]
        assert [incident.revision for incident in revisions] == list(range(1, len(revisions) + 1))
        assert all(a.updated_at < b.updated_at for a, b in pairwise(revisions))


def test_two_unrelated_outages_in_a_country_stay_two() -> None:
    """Two networks of seventeen within an hour are what chance does now and then."""
    timeline = Timeline(coverage(IRAN)).run([down("asn/1", 0), down("asn/2", 0.7)])
    assert [incident.asns for incident in timeline.last] == [(1,), (2,)]


def test_many_small_outages_of_a_big_country_stay_apart() -> None:
    """500 of 500 networks within two months, at random times, are 500 incidents: nothing is merged."""
    rng = random.Random(1)
    falls = [down(entity, rng.uniform(0, 1440)) for entity in networks(500)]
    ends = [revised(outage, (outage.started_at - START) / HOUR + rng.uniform(1, 8)) for outage in falls]
    timeline = Timeline(coverage(networks(500))).run([*falls, *ends], until=1500)
    assert len(timeline.last) == 500
    assert not any(incident.merged_into for incident in timeline.revisions)


def test_outages_of_many_countries_stay_apart() -> None:
    """Neighbours that fall at once are not one incident, whatever their number."""
    falls = [down(f"asn/{n}", n / 60, country=code) for n, code in enumerate(["IR", "TR", "PK", "IQ", "AM", "GE"], 1)]
    assert len(Timeline(coverage(IRAN)).run(falls).last) == 6


def test_networks_of_one_operator_are_one_incident() -> None:
    """Seven networks of one operator within minutes are one; without knowing the operator, so few of many are not."""
    many = networks(400)
    falls = [down(entity, number / 60) for number, entity in enumerate(many[:2])]
    covered = coverage(many, operators=dict.fromkeys(many[:7], "Telecom"))
    assert [incident.asns for incident in Timeline(covered).run(falls).last] == [(1, 2)]
    assert len(Timeline(coverage(many)).run(falls).last) == 2


def test_seven_networks_of_one_operator_are_one_incident_of_seven() -> None:
    """A cable company's seven networks within ten minutes; another network, down at the same time, stays apart."""
    many = networks(400)
    covered = coverage(many, "US", operators=dict.fromkeys(many[:7], "Cable"))
    falls = [down(entity, number / 36, country="US") for number, entity in enumerate([*many[:7], many[50]])]
    assert [incident.asns for incident in Timeline(covered).run(falls).last] == [tuple(range(1, 8)), (51,)]


def test_a_country_takes_in_its_networks() -> None:
    """A country's own series that falls takes in what fell just before and what falls after, not what fell long ago."""
    falls = [down("asn/9", -40), down("asn/1", 0), down("country/IR", 0.2), down("asn/2", 5)]
    timeline = Timeline(coverage(IRAN)).run(falls)
    assert [incident.asns for incident in timeline.last] == [(9,), (1, 2)]
    assert timeline.last[1].is_wide


def test_what_a_country_loses_by_one_facet_takes_in_the_networks_that_follow() -> None:
    """Mobile networks that are cut back one after another over weeks belong to the fall of all mobile networks."""
    falls = [down("country/IR", 0, facets=MOBILE, drop=0.07), down("asn/1", 72, facets=MOBILE, drop=0.08)]
    assert len(Timeline(coverage(IRAN, facets=((), MOBILE))).run(falls).last) == 1
    falls[1] = down("asn/1", 72, drop=0.08)
    assert len(Timeline(coverage(IRAN, facets=((), MOBILE))).run(falls).last) == 2


def test_a_region_takes_in_networks_that_fall_with_it() -> None:
    """A network that has lost a part when a region went dark belongs to it; one that falls hours later does not."""
    falls = [down("region/IR-30", 0), down("asn/1", 0, drop=0.06), down("asn/2", 4)]
    timeline = Timeline(coverage([*IRAN, "region/IR-30"])).run(falls)
    assert [(incident.regions, incident.asns, incident.kinds) for incident in timeline.last] == [
        (("IR-30",), (1,), ("total",)),
        ((), (2,), ("total",)),
    ]


def test_two_regions_stay_two() -> None:
    """Power cuts of two regions on one day are two incidents."""
    timeline = Timeline(coverage([*IRAN, "region/IR-30", "region/IR-12"])).run(
        [down("region/IR-30", 0), down("region/IR-12", 3)]
    )
    assert [incident.regions for incident in timeline.last] == [("IR-30",), ("IR-12",)]


def test_feeds_of_one_network_are_one_incident() -> None:
    """Two feeds that see the same network down tell of one incident, which both bear out."""
    timeline = Timeline(coverage(IRAN, feeds=("probing", "atlas", "bgp"))).run(
        [down("asn/1", 0), down("asn/1", 0.5, feed="atlas")]
    )
    assert [(incident.seen_by, incident.against) for incident in timeline.last] == [(("atlas", "probing"), ("bgp",))]


def test_a_network_that_falls_again_in_a_long_incident_belongs_to_it() -> None:
    """One network heals early and falls again days later: the incident stays open all the while, and stays one."""
    falls = country_falls()
    early = revised(falls[3], 30)
    again = down(falls[3].entity, 70)
    timeline = Timeline(coverage(IRAN)).run([*falls, early, again])
    assert len(timeline.last) == 1
    assert timeline.last[0].state == "ongoing"
    assert again.outage_id in timeline.last[0].outage_ids


def test_what_a_network_loses_while_a_part_of_it_is_down_belongs_to_that() -> None:
    """A feed of the whole network shows hours later what its mobile side shows at once: one incident.

    Its fixed side, which falls by itself, is another one, and so is the network once its mobile side is back.
    """
    mobile, whole = down("asn/1", 0, facets=MOBILE, feed="atlas"), down("asn/1", 10, drop=0.3)
    fixed = down("asn/1", 10, facets=FIXED, feed="atlas")
    covered = coverage(IRAN, feeds=("probing", "atlas"), facets=((), MOBILE, FIXED))
    cases = [([mobile, whole], 1), ([mobile, fixed], 2), ([mobile, revised(mobile, 1), whole], 2)]
    assert [len(Timeline(covered).run(outages, until=20).last) for outages, _ in cases] == [count for _, count in cases]


def test_a_feed_at_fault_is_an_incident_without_a_place() -> None:
    """Outages under a suspected fault of their feed are one incident; an outage that is real leaves it."""
    suspected = [down(entity, 0, "suspected", feed="bgp", suspected_fault=True) for entity in IRAN[:5]]
    timeline = Timeline(coverage(IRAN, feeds=("bgp", "probing"))).run(suspected)
    assert [(incident.kinds, incident.seen_by, incident.countries, incident.asns) for incident in timeline.last] == [
        (("feed-fault",), ("bgp",), (), ())
    ]
    timeline.run(
        [revised(outage, 1, "retracted") for outage in suspected[1:]]
        + [revised(suspected[0], 1, "open", suspected_fault=False)],
        until=2,
    )
    assert [(incident.kinds[-1], incident.state, incident.asns) for incident in timeline.last] == [
        ("feed-fault", "ended", ()),
        ("total", "ongoing", (1,)),
    ]


def doubted(feed: str, at: float, count: int) -> list[OutageRevision]:
    """Return a feed in doubt, and outages of networks in two countries under suspicion."""
    doubt = down(f"doubt/{feed}", at, "suspected", country=None, feed=feed, suspected_fault=True)
    lands = ["IR" if number % 2 else "TR" for number in range(count)]
    return [
        doubt,
        *(
            down(entity, at, "suspected", country=land, feed=feed, suspected_fault=True)
            for entity, land in zip(networks(count), lands, strict=True)
        ),
    ]


def two_lands() -> Coverage:
    """Two feeds that both measure twenty networks of each of two countries."""
    lands = [coverage(networks(20), land, feeds=("bgp", "probing")) for land in ("IR", "TR")]
    return replace(lands[0], series={**lands[0].series, **lands[1].series})


def test_a_feed_that_another_agrees_with_is_not_at_fault() -> None:
    """Half of two countries falls, and two feeds show it: the outages under suspicion are real and belong to their
    country, although the shard still suspects the feed and retracts them all when all is well.
    """
    first, second = doubted("bgp", 0, 12), doubted("probing", 0.5, 12)
    timeline = Timeline(two_lands()).run(first)
    assert [incident.kinds for incident in timeline.last] == [("feed-fault",)]
    timeline.run(second)
    course = {
        incident.countries or incident.seen_by: (incident.state, incident.is_refuted, incident.seen_by)
        for incident in timeline.last
    }
    assert course == {
        ("bgp",): ("retracted", True, ("bgp",)),
        ("probing",): ("retracted", True, ("probing",)),
        ("IR",): ("ongoing", False, ("bgp", "probing")),
        ("TR",): ("ongoing", False, ("bgp", "probing")),
    }
    late = down("asn/14", 1, "suspected", country="TR", feed="bgp", suspected_fault=True)
    again = revised(first[1], 2, "suspected", max_drop=0.9)
    ends = [revised(outage, 3, "retracted") for outage in (first[0], again, *first[2:], *second, late)]
    timeline.run([late, again, *ends], until=4)
    assert {incident.countries: incident.state for incident in timeline.last if incident.countries} == {
        ("IR",): "ended",
        ("TR",): "ended",
    }
    assert {incident.countries: len(incident.outage_ids) for incident in timeline.last if incident.countries} == {
        ("IR",): 12,
        ("TR",): 13,
    }
    assert timeline.state.incidents == {}


def test_one_network_that_is_down_beside_a_fault_is_an_incident() -> None:
    """Another feed shows one of the outages under suspicion: this outage is real at once, and the feed is at fault."""
    timeline = Timeline(two_lands()).run([*doubted("bgp", 0, 12), down("asn/2", 0.2, feed="probing", country="IR")])
    assert [(incident.kinds[-1], incident.asns, incident.seen_by, incident.state) for incident in timeline.last] == [
        ("feed-fault", (), ("bgp",), "ongoing"),
        ("total", (2,), ("bgp", "probing"), "ongoing"),
    ]


def test_what_fell_long_before_refutes_no_fault() -> None:
    """Three networks that are down in another feed since yesterday say nothing of a feed that falls today."""
    old = [down(entity, -24, feed="probing") for entity in networks(3)]
    timeline = Timeline(two_lands()).run([*old, *doubted("bgp", 0, 4)])
    assert [incident.is_refuted for incident in timeline.last if incident.seen_by == ("bgp",)] == [False]


def test_a_blocked_service_is_not_part_of_a_later_outage() -> None:
    """A network that is down for an hour during a month of a service's block is an incident of its own."""
    block = down("asn/1", 0, facets=(("service", "skype"),))
    whole = down("asn/1", 240)
    covered = coverage(["asn/1"], facets=((), (("service", "skype"),), (("service", "viber"),)))
    timeline = Timeline(covered).run([block, whole])
    assert [incident.kinds for incident in timeline.last] == [("service-block", "total"), ("total",)]


def test_the_same_outages_give_the_same_incidents_however_often_time_advances() -> None:
    """Ticks in between, and a state that is packed and unpacked at each step, change nothing."""
    falls = country_falls() + [revised(outage, 100) for outage in country_falls()]
    whole = Timeline(coverage(IRAN)).run(falls, until=200)
    pieces = Timeline(coverage(IRAN))
    for outage in sorted(falls, key=lambda outage: outage.updated_at):
        if outage.updated_at < START + 100 * HOUR:
            pieces.state = msgspec.json.decode(msgspec.json.encode(pieces.state), type=IncidentState)
            pieces.run([outage], until=(outage.updated_at - START) / HOUR)
    pieces.run([outage for outage in falls if outage.updated_at >= START + 100 * HOUR], until=200)
    assert pieces.revisions == whole.revisions


def test_a_repeated_revision_changes_nothing() -> None:
    """The revision number identifies what is sent again after a crash."""
    first = down("asn/1", 0)
    timeline = Timeline(coverage(IRAN)).run([first, revised(first, 1, "recovering")])
    before: list[IncidentRevision] = list(timeline.revisions)
    timeline.run([revised(first, 2, "open", revision=1)])
    assert timeline.revisions == before


def test_networks_that_fall_together_by_one_facet_are_one() -> None:
    """Three mobile networks at once are few of all networks, but all that are mobile."""
    covered = Coverage(
        {"probing": BIN},
        series={
            "IR": [
                *coverage(IRAN, facets=((("access", "fixed"),),)).of("IR"),
                *coverage(IRAN[:3], facets=(MOBILE,)).of("IR"),
            ]
        },
    )
    timeline = Timeline(covered).run([down(entity, 0, facets=MOBILE, drop=0.3) for entity in IRAN[:3]])
    assert [(incident.asns, incident.kinds) for incident in timeline.last] == [((1, 2, 3), ("mobile-only", "partial"))]


def test_a_network_is_compared_only_with_what_it_may_belong_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand that fall at once are one incident, and none is compared with all the others."""
    compared = []

    def together(*given: object) -> bool:
        compared.append(given)
        return rules.belong_together(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(tracker, "belong_together", together)
    timeline = Timeline(coverage(networks(2000))).run([down(entity, 0) for entity in networks(2000)])
    assert [len(incident.asns) for incident in timeline.last] == [2000]
    assert len(compared) < 10


def test_memory_is_bounded() -> None:
    """What is remembered of a country's past is forgotten after two months."""
    falls = [down("asn/1", day * 24) for day in range(0, 200, 10)]
    ends = [revised(outage, (outage.started_at - START) / HOUR + 1) for outage in falls]
    timeline = Timeline(coverage(IRAN)).run([*falls, *ends], until=5000)
    assert len(timeline.state.starts["IR"]) <= 60 * DAY / (10 * DAY) + 1


def test_an_incident_is_expected_when_all_of_it_is() -> None:
    """One suppressed network of two: it pages; when the last is announced as well, it no longer does, and says so."""
    why = Suppression("fcf9d5a69dc3782d", "works")
    first, second = down("asn/1", 1), down("asn/2", 1.1)
    timeline = Timeline(coverage(networks(20), operators={"asn/1": "KT", "asn/2": "KT"}))
    timeline.run([replace(first, suppressed_by=why), second, revised(second, 2, "open", suppressed_by=why)])
    assert [(incident.suppressed_by, incident.asns) for incident in timeline.revisions][-2:] == [
        (None, (1, 2)),
        (why, (1, 2)),
    ]


def test_an_incident_says_which_feeds_lack_measurements() -> None:
    """An outage of it that was open over deleted measurements is news, and stays part of it."""
    outage = down("asn/1", 0)
    (first, *_, last) = Timeline(coverage(IRAN)).run([outage, revised(outage, 1, "open", missing=2)]).revisions
    assert (first.incomplete, last.incomplete) == ((), ("probing",))
