"""Incidents out of outages on a time line: what is one, what is two, and its course from the first sign to its end."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest

from detectors.incidents import rules, tracker
from detectors.incidents.model import Coverage, IncidentRevision, IncidentState, OutageRevision
from detectors.types import Suppression
from tests.detectors.timeline import BIN, DAY, HOUR, MINUTE, MOBILE, START, Line, coverage, fall, networks, then

IRAN = networks(17)
APART = 0.375


def country_falls() -> list[OutageRevision]:
    """Seventeen networks, one after another, `APART` hours apart."""
    return [fall(entity, number * APART) for number, entity in enumerate(IRAN)]


def test_a_country_that_falls_network_by_network_is_one_incident() -> None:
    """Six hours of falls end in one incident under the id of the first; those told before say where they went."""
    line = Line(coverage(IRAN)).run(country_falls())
    assert [(one.root, one.asns, one.state) for one in line.last] == [
        (country_falls()[0].outage_id, tuple(range(1, 18)), "spreading")
    ]
    merged = [one for one in line.told if one.merged_into]
    assert {one.root for one in merged} == set(line.last[0].absorbed) != set()
    assert {(one.merged_into, one.state) for one in merged} == {(line.last[0].root, "ended")}


def test_revisions_grow_by_one_and_never_repeat_an_instant() -> None:
    """However many outages come at once, an incident has one revision for it."""
    ends = [then(one, 200 + number / 20) for number, one in enumerate(country_falls())]
    line = Line(coverage(IRAN)).run([*country_falls(), *ends], until=300)
    for root in {one.root for one in line.told}:
        its = [one for one in line.told if one.root == root]
        assert [one.revision for one in its] == list(range(1, len(its) + 1))
        assert all(a.updated_at < b.updated_at for a, b in pairwise(its))


def test_two_unrelated_outages_in_a_country_stay_two() -> None:
    """Two networks of seventeen within an hour are what chance does now and then."""
    line = Line(coverage(IRAN)).run([fall("asn/1", 0), fall("asn/2", 0.7)])
    assert [one.asns for one in line.last] == [(1,), (2,)]


def test_many_small_outages_of_a_big_country_stay_apart() -> None:
    """500 of 500 networks within two months, at random times, are 500 incidents: nothing is merged."""
    rng = random.Random(1)
    falls = [fall(entity, rng.uniform(0, 1440)) for entity in networks(500)]
    ends = [then(one, (one.started_at - START) / HOUR + rng.uniform(1, 8)) for one in falls]
    line = Line(coverage(networks(500))).run([*falls, *ends], until=1500)
    assert len(line.last) == 500
    assert not any(one.merged_into for one in line.told)


def test_outages_of_many_countries_stay_apart() -> None:
    """Neighbours that fall at once are not one incident, whatever their number."""
    falls = [fall(f"asn/{n}", n / 60, country=code) for n, code in enumerate(["IR", "TR", "PK", "IQ", "AM", "GE"], 1)]
    assert len(Line(coverage(IRAN)).run(falls).last) == 6


def test_networks_of_one_operator_are_one_incident() -> None:
    """Seven networks of one operator within minutes are one; without knowing the operator, so few of many are not."""
    many = networks(400)
    falls = [fall(entity, number / 60) for number, entity in enumerate(many[:2])]
    known = coverage(many, operators=dict.fromkeys(many[:7], "Telecom"))
    assert [one.asns for one in Line(known).run(falls).last] == [(1, 2)]
    assert len(Line(coverage(many)).run(falls).last) == 2


def test_seven_networks_of_one_operator_are_one_incident_of_seven() -> None:
    """A cable company's seven networks within ten minutes; another network, down at the same time, stays apart."""
    many = networks(400)
    known = coverage(many, "US", operators=dict.fromkeys(many[:7], "Cable"))
    falls = [fall(entity, number / 36, country="US") for number, entity in enumerate([*many[:7], many[50]])]
    assert [one.asns for one in Line(known).run(falls).last] == [tuple(range(1, 8)), (51,)]


def test_a_country_takes_in_its_networks() -> None:
    """A country's own series that falls takes in what fell just before and what falls after, not what fell long ago."""
    falls = [fall("asn/9", -40), fall("asn/1", 0), fall("country/IR", 0.2), fall("asn/2", 5)]
    line = Line(coverage(IRAN)).run(falls)
    assert [one.asns for one in line.last] == [(9,), (1, 2)]
    assert line.last[1].is_wide


def test_what_a_country_loses_by_one_facet_takes_in_the_networks_that_follow() -> None:
    """Mobile networks that are cut back one after another over weeks belong to the fall of all mobile networks."""
    falls = [fall("country/IR", 0, facets=MOBILE, drop=0.07), fall("asn/1", 72, facets=MOBILE, drop=0.08)]
    assert len(Line(coverage(IRAN, facets=((), MOBILE))).run(falls).last) == 1
    falls[1] = fall("asn/1", 72, drop=0.08)
    assert len(Line(coverage(IRAN, facets=((), MOBILE))).run(falls).last) == 2


def test_a_region_takes_in_networks_that_fall_with_it() -> None:
    """A network that has lost a part when a region went dark belongs to it; one that falls hours later does not."""
    falls = [fall("region/IR-30", 0), fall("asn/1", 0, drop=0.06), fall("asn/2", 4)]
    line = Line(coverage([*IRAN, "region/IR-30"])).run(falls)
    assert [(one.regions, one.asns, one.kinds) for one in line.last] == [
        (("IR-30",), (1,), ("total",)),
        ((), (2,), ("total",)),
    ]


def test_two_regions_stay_two() -> None:
    """Power cuts of two regions on one day are two incidents."""
    line = Line(coverage([*IRAN, "region/IR-30", "region/IR-12"])).run(
        [fall("region/IR-30", 0), fall("region/IR-12", 3)]
    )
    assert [one.regions for one in line.last] == [("IR-30",), ("IR-12",)]


def test_feeds_of_one_network_are_one_incident() -> None:
    """Two feeds that see the same network down tell of one incident, which both bear out."""
    line = Line(coverage(IRAN, feeds=("probing", "atlas", "bgp"))).run(
        [fall("asn/1", 0), fall("asn/1", 0.5, feed="atlas")]
    )
    assert [(one.seen_by, one.against) for one in line.last] == [(("atlas", "probing"), ("bgp",))]


def test_a_network_that_falls_again_in_a_long_incident_belongs_to_it() -> None:
    """One network heals early and falls again days later: the incident stays open all the while, and stays one."""
    falls = country_falls()
    early = then(falls[3], 30)
    again = fall(falls[3].entity, 70)
    line = Line(coverage(IRAN)).run([*falls, early, again])
    assert len(line.last) == 1
    assert line.last[0].state == "ongoing"
    assert again.outage_id in line.last[0].outage_ids


def test_the_course_of_an_incident() -> None:
    """Suspected, ongoing, recovering, and ended once it was quiet for a while; it ended when its last outage did."""
    first = fall("asn/1", 0, "suspected")
    falls = [first, then(first, 1, "open"), then(first, 5, "recovering"), replaced(first, 6)]
    line = Line(coverage(IRAN)).run(falls, until=8)
    assert line.states(first.outage_id) == ["suspected", "ongoing", "recovering", "ended"]
    assert (line.last[0].ended_at, line.last[0].updated_at) == (START + 6 * HOUR, START + 6 * HOUR + 30 * MINUTE)
    assert line.state.incidents == {}
    assert line.state.roots == {}


def test_an_incident_is_over_when_most_feeds_of_its_network_say_so() -> None:
    """Two of three feeds see it back: that is its end, and what the third says later is no incident of its own."""
    falls = [fall("asn/1", 0, feed=feed) for feed in ("probing", "atlas", "bgp")]
    ends = [then(one, 4, drops=one.drops) for one in falls[:2]]
    late = then(falls[2], 30, "open", max_drop=0.9)
    line = Line(coverage(IRAN, feeds=("probing", "atlas", "bgp"))).run([*falls, *ends, late], until=40)
    assert [(one.state, one.ended_at) for one in line.last] == [("ended", START + 4 * HOUR)]
    line.run([then(late, 50)])
    assert (len(line.last), line.state.incidents, line.state.roots) == (1, {}, {})


def replaced(first: OutageRevision, at: float) -> OutageRevision:
    """The last revision of an outage that had two more."""
    return then(first, at, revision=4)


def test_spreading_ends_two_hours_after_the_newest_network_fell() -> None:
    """Time alone ends it, at its own instant, whenever somebody looks."""
    line = Line(coverage(IRAN)).run(country_falls(), until=12)
    root = line.last[0].root
    assert line.states(root) == ["ongoing", "spreading", "ongoing"]
    assert line.last[0].updated_at == START + (16 * APART + 2) * HOUR


def test_a_suspicion_that_fades() -> None:
    """It ends at once and was never sure."""
    first = fall("asn/1", 0, "suspected")
    line = Line(coverage(IRAN)).run([first, then(first, 1, "retracted")])
    assert [(one.state, one.is_sure) for one in line.last] == [("ended", False)]


def test_an_incident_whose_feed_stops_expires() -> None:
    """Unknown is not recovered: it has no end."""
    first = fall("asn/1", 0)
    line = Line(coverage(IRAN)).run([first, then(first, 30, "expired")], until=31)
    assert [(one.state, one.ended_at) for one in line.told] == [("ongoing", None), ("expired", None)]


def test_a_feed_at_fault_is_an_incident_without_a_place() -> None:
    """Outages that are held for a feed's fault are one incident; what another feed then confirms leaves it."""
    held = [fall(entity, 0, "suspected", feed="bgp", suspected_fault=True) for entity in IRAN[:5]]
    line = Line(coverage(IRAN, feeds=("bgp", "probing"))).run(held)
    assert [(one.kinds, one.feeds, one.countries, one.asns) for one in line.last] == [
        (("feed-fault",), ("bgp",), (), ())
    ]
    line.run(
        [then(one, 1, "retracted") for one in held[1:]] + [then(held[0], 1, "open", suspected_fault=False)], until=2
    )
    assert [(one.kinds[-1], one.state, one.asns) for one in line.last] == [
        ("feed-fault", "ended", ()),
        ("total", "ongoing", (1,)),
    ]


def doubted(feed: str, at: float, count: int) -> list[OutageRevision]:
    """A feed in doubt, and outages of networks in two countries that are held for it."""
    doubt = fall(f"doubt/{feed}", at, "suspected", country=None, feed=feed, suspected_fault=True)
    lands = ["IR" if number % 2 else "TR" for number in range(count)]
    return [
        doubt,
        *(
            fall(entity, at, "suspected", country=land, feed=feed, suspected_fault=True)
            for entity, land in zip(networks(count), lands, strict=True)
        ),
    ]


def two_lands() -> Coverage:
    """Two feeds that both measure twenty networks of each of two countries."""
    some = [coverage(networks(20), land, feeds=("bgp", "probing")) for land in ("IR", "TR")]
    return replace(some[0], series={**some[0].series, **some[1].series})


def test_a_feed_that_another_bears_out_is_not_at_fault() -> None:
    """Half of two countries falls, and two feeds show it: what was held for either is an outage of its country, and
    stays one, although the shard still holds it and takes it back as a whole when all is well.
    """
    first, second = doubted("bgp", 0, 12), doubted("probing", 0.5, 12)
    line = Line(two_lands()).run(first)
    assert [one.kinds for one in line.last] == [("feed-fault",)]
    line.run(second)
    course = {one.countries or one.feeds: (one.state, one.is_refuted, one.seen_by) for one in line.last}
    assert course == {
        ("bgp",): ("ended", True, ("bgp",)),
        ("probing",): ("ended", True, ("probing",)),
        ("IR",): ("ongoing", False, ("bgp", "probing")),
        ("TR",): ("ongoing", False, ("bgp", "probing")),
    }
    late = fall("asn/14", 1, "suspected", country="TR", feed="bgp", suspected_fault=True)
    again = then(first[1], 2, "suspected", max_drop=0.9)
    ends = [then(one, 3, "retracted") for one in (first[0], again, *first[2:], *second, late)]
    line.run([late, again, *ends], until=4)
    assert {one.countries: one.state for one in line.last if one.countries} == {("IR",): "ended", ("TR",): "ended"}
    assert {one.countries: len(one.outage_ids) for one in line.last if one.countries} == {("IR",): 12, ("TR",): 13}
    assert line.state.incidents == {}


def test_one_network_that_is_down_beside_a_fault_is_told() -> None:
    """Another feed shows one of those that are held: that one is an outage at once, and the feed is at fault."""
    line = Line(two_lands()).run([*doubted("bgp", 0, 12), fall("asn/2", 0.2, feed="probing", country="IR")])
    assert [(one.kinds[-1], one.asns, one.seen_by, one.state) for one in line.last] == [
        ("feed-fault", (), ("bgp",), "ongoing"),
        ("total", (2,), ("bgp", "probing"), "ongoing"),
    ]


def test_what_fell_long_before_bears_nothing_out() -> None:
    """Three networks that are down in another feed since yesterday say nothing of a feed that falls today."""
    old = [fall(entity, -24, feed="probing") for entity in networks(3)]
    line = Line(two_lands()).run([*old, *doubted("bgp", 0, 4)])
    assert [one.is_refuted for one in line.last if one.feeds == ("bgp",)] == [False]


def test_a_blocked_service_is_not_part_of_a_later_outage() -> None:
    """A network that is down for an hour during a month of a service's block is an incident of its own."""
    block = fall("asn/1", 0, facets=(("service", "skype"),))
    down = fall("asn/1", 240)
    known = coverage(["asn/1"], facets=((), (("service", "skype"),), (("service", "viber"),)))
    line = Line(known).run([block, down])
    assert [one.kinds for one in line.last] == [("service-block", "total"), ("total",)]


def test_the_same_outages_give_the_same_incidents_however_often_time_is_told() -> None:
    """Ticks in between, and a book that was packed and unpacked at each step, change nothing."""
    falls = country_falls() + [then(one, 100) for one in country_falls()]
    whole = Line(coverage(IRAN)).run(falls, until=200)
    pieces = Line(coverage(IRAN))
    for one in sorted(falls, key=lambda one: one.updated_at):
        if one.updated_at < START + 100 * HOUR:
            pieces.state = msgspec.json.decode(msgspec.json.encode(pieces.state), type=IncidentState)
            pieces.run([one], until=(one.updated_at - START) / HOUR)
    pieces.run([one for one in falls if one.updated_at >= START + 100 * HOUR], until=200)
    assert pieces.told == whole.told


def test_a_revision_that_is_told_again_changes_nothing() -> None:
    """What was sent again after a crash is known by its revision."""
    first = fall("asn/1", 0)
    line = Line(coverage(IRAN)).run([first, then(first, 1, "recovering")])
    before: list[IncidentRevision] = list(line.told)
    line.run([then(first, 2, "open", revision=1)])
    assert line.told == before


def test_networks_that_fall_together_by_one_facet_are_one() -> None:
    """Three mobile networks at once are few of all networks, but all that are mobile."""
    known = Coverage(
        {"probing": BIN},
        series={
            "IR": [
                *coverage(IRAN, facets=((("access", "fixed"),),)).of("IR"),
                *coverage(IRAN[:3], facets=(MOBILE,)).of("IR"),
            ]
        },
    )
    line = Line(known).run([fall(entity, 0, facets=MOBILE, drop=0.3) for entity in IRAN[:3]])
    assert [(one.asns, one.kinds) for one in line.last] == [((1, 2, 3), ("mobile-only", "partial"))]


def test_a_network_is_compared_only_with_what_it_may_belong_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand that fall at once are one incident, and none is held against all the others."""
    compared = []

    def together(*given: object) -> bool:
        compared.append(given)
        return rules.belong_together(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(tracker, "belong_together", together)
    line = Line(coverage(networks(2000))).run([fall(entity, 0) for entity in networks(2000)])
    assert [len(one.asns) for one in line.last] == [2000]
    assert len(compared) < 10


def test_memory_is_bounded() -> None:
    """What is remembered of a country's past is forgotten after two months."""
    falls = [fall("asn/1", day * 24) for day in range(0, 200, 10)]
    ends = [then(one, (one.started_at - START) / HOUR + 1) for one in falls]
    line = Line(coverage(IRAN)).run([*falls, *ends], until=5000)
    assert len(line.state.starts["IR"]) <= 60 * DAY / (10 * DAY) + 1


def test_an_incident_is_expected_when_all_of_it_is() -> None:
    """One suppressed network of two: it pages; when the last is announced as well, it no longer does, and says so."""
    why = Suppression("fcf9d5a69dc3782d", "works")
    one, two = fall("asn/1", 1), fall("asn/2", 1.1)
    line = Line(coverage(networks(20), operators={"asn/1": "KT", "asn/2": "KT"}))
    line.run([replace(one, suppressed_by=why), two, then(two, 2, "open", suppressed_by=why)])
    assert [(told.suppressed_by, told.asns) for told in line.told][-2:] == [(None, (1, 2)), (why, (1, 2))]
