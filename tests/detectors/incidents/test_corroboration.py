"""What outages show together: shares, drops, kinds, and which feeds agree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detectors.incidents.model import Coverage, Facets, IncidentRevision, OutageRevision
from tests.detectors.timeline import FIXED, HOUR, MOBILE, START, Timeline, coverage, down, networks, revised

ABROAD: Facets = (("direction", "international"),)
HOME: Facets = (("direction", "domestic"),)
SKYPE: Facets = (("service", "skype"),)
VIBER: Facets = (("service", "viber"),)


def last(coverage: Coverage, *outages: OutageRevision) -> IncidentRevision:
    """Return the last revision of the only incident of these outages."""
    (incident,) = Timeline(coverage).run(outages).last
    return incident


@pytest.mark.parametrize(
    ("facets", "measured", "kinds"),
    [
        (MOBILE, (MOBILE, FIXED), ("mobile-only", "total")),
        (FIXED, (MOBILE, FIXED), ("fixed-only", "total")),
        (ABROAD, (ABROAD, HOME), ("international-only", "total")),
        (SKYPE, (SKYPE, VIBER), ("service-block", "total")),
        (MOBILE, (MOBILE,), ("total",)),
        (ABROAD, (ABROAD,), ("total",)),
        (SKYPE, (SKYPE,), ("total",)),
        (HOME, (ABROAD, HOME), ("total",)),
    ],
)
def test_kinds_are_claimed_only_where_the_rest_is_measured(
    facets: Facets, measured: tuple[Facets, ...], kinds: tuple[str, ...]
) -> None:
    """One facet falls and the others do not: that is its kind. The others are not measured: nothing is claimed."""
    assert last(coverage(["asn/1"], facets=measured), down("asn/1", 0, facets=facets)).kinds == kinds


def test_both_accesses_down_are_no_kind() -> None:
    """Mobile and fixed lines of a network fall: it is simply down."""
    covered = coverage(["asn/1"], facets=(MOBILE, FIXED))
    assert last(covered, down("asn/1", 0, facets=MOBILE), down("asn/1", 0, facets=FIXED)).kinds == ("total",)


def test_a_fall_that_says_no_access_contradicts_no_kind_where_the_access_is_known() -> None:
    """A feed without the facet shows half of the network down: it is still mobile only."""
    covered = coverage(["asn/1"], feeds=("probing", "bgp"), facets=((), MOBILE, FIXED))
    incident = last(covered, down("asn/1", 0, facets=MOBILE), down("asn/1", 0, feed="bgp", drop=0.5))
    assert incident.kinds == ("mobile-only", "total")


def test_shares_of_what_fell_and_of_the_country() -> None:
    """Three of four networks lose 80 %: that is 80 % of what fell, and 60 % of what is measured."""
    outages = [down(entity, 0, drop=0.8) for entity in networks(3)]
    incident = last(coverage(networks(4)), *outages)
    assert (incident.drop, incident.affected_share, incident.severity, incident.kinds) == (
        0.8,
        0.6,
        "major",
        ("partial",),
    )


def test_the_largest_share_stays() -> None:
    """The share affected is the largest so far, also when outages are withdrawn."""
    outages = [down(entity, 0) for entity in networks(3)]
    timeline = Timeline(coverage(networks(4))).run([*outages, revised(outages[0], 1, "retracted")])
    assert timeline.last[0].affected_share == 0.75


def test_a_further_fall_is_a_drop_and_a_place_that_joins_is_none() -> None:
    """Two drops of the same networks are two; a third network that falls later adds none."""
    at = START
    outages = [down(entity, 0, drop=0.4) for entity in networks(3)]
    deeper = [revised(outage, 2, "open", max_drop=0.9, drops=((at, 0.4), (at + 2 * HOUR, 0.9))) for outage in outages]
    incident = last(coverage(networks(5)), *outages, *deeper, down("asn/4", 4))
    assert [(when - at) / HOUR for when, _ in incident.drops] == [0, 2]
    assert [drop for _, drop in incident.drops] == [0.4, 0.9]
    assert len(incident.spread) == 4


def test_a_region_says_more_than_the_networks_it_is_a_part_of() -> None:
    """A dark region is total, though nationwide networks lose a little of theirs."""
    covered = coverage(["asn/1", "region/IR-30", "region/IR-12"])
    incident = last(covered, down("region/IR-30", 0), down("asn/1", 0, drop=0.06))
    assert (incident.drop, incident.affected_share) == (1.0, 0.5)


def test_feeds_for_against_and_silent() -> None:
    """A feed that measures the network and shows nothing is against; one that does not measure it is silent."""
    covered = coverage(["asn/1"], feeds=("probing", "bgp"))
    covered = replace(covered, feeds={**covered.feeds, "telescope": HOUR})
    incident = last(covered, down("asn/1", 0))
    assert (incident.seen_by, incident.against, incident.silent) == (("probing",), ("bgp",), ("telescope",))
    assert last(replace(covered, mute=("bgp",)), down("asn/1", 0)).silent == ("bgp", "telescope")


def test_a_feed_in_whose_noise_it_would_drown_is_silent() -> None:
    """Bins that stray by 2 % cannot speak against a fall by 6 %, and do against one by 9 %."""
    covered = coverage(["asn/1"], feeds=("probing", "traffic"))
    assert last(covered, down("asn/1", 0, drop=0.06)).silent == ("traffic",)
    assert last(covered, down("asn/1", 0, drop=0.09)).against == ("traffic",)


def test_a_feed_whose_bin_is_not_over_is_silent() -> None:
    """A feed of hourly bins speaks against it once a bin that began after the fall has ended."""
    covered = coverage(["asn/1"], feeds=("probing", "bgp"))
    covered = replace(covered, feeds={"probing": HOUR / 20, "bgp": HOUR})
    early, late = down("asn/1", 0.5), down("asn/1", 0.5, late=1.4)
    assert last(covered, early).silent == last(covered, replace(late, updated_at=START + 1.9 * HOUR)).silent == ("bgp",)
    assert last(covered, late).against == ("bgp",)


def test_a_blocked_service_says_nothing_against_routes() -> None:
    """Feeds that do not measure the service are silent."""
    covered = coverage(["asn/1"], feeds=("probing", "bgp"), facets=((), VIBER))
    assert last(covered, down("asn/1", 0, facets=SKYPE)).silent == ("bgp",)


def test_routes_that_are_up_while_all_else_is_down_are_counted() -> None:
    """Two feeds see networks down and most of them have their routes: cut off behind working routes."""
    covered = coverage(networks(4), feeds=("probing", "traffic", "bgp"))
    outages = [down(entity, 0, feed=feed) for entity in networks(4) for feed in ("probing", "traffic")]
    assert last(covered, *outages).routes_up == (4, 4)
    assert last(covered, *outages, down("asn/1", 0, feed="bgp")).routes_up == (3, 4)
    all_down = [down(entity, 0, feed="bgp") for entity in networks(4)]
    assert last(covered, *outages, *all_down).routes_up is None
    assert last(covered, *outages[::2], *all_down[:1]).routes_up is None


@pytest.mark.parametrize(("drop", "facets", "routes_up"), [(0.9, (), (1, 1)), (0.3, (), None), (0.9, MOBILE, None)])
def test_routes_of_a_country_that_is_measured_as_such(
    drop: float, facets: Facets, routes_up: tuple[int, int] | None
) -> None:
    """Two feeds show most of a country gone that a third watches the routes of; a part of it says nothing of them."""
    covered = coverage(["country/IR"], feeds=("probing", "traffic", "bgp"), facets=((), MOBILE))
    outages = [down("country/IR", 0, feed=feed, drop=drop, facets=facets) for feed in ("probing", "traffic")]
    assert last(covered, *outages).routes_up == routes_up
    assert last(covered, *outages, down("country/IR", 0, feed="bgp")).routes_up is None


def test_steps_within_an_hour_are_one_drop() -> None:
    """The first bins show part of a fall; what they lead to is one drop."""
    first = down("asn/1", 0, drop=0.3)
    deeper = revised(first, 1, "open", max_drop=0.9, drops=((START, 0.3), (START + 0.9 * HOUR, 0.9)))
    assert last(coverage(["asn/1"]), first, deeper).drops == ((START, 0.9),)


def test_what_a_step_leads_to_within_an_hour_is_its_depth_however_little_it_adds() -> None:
    """The first bin of a second step shows most of it: the rest is no step, and belongs to it."""
    first, at = down("asn/1", 0, drop=0.3), START + 2 * HOUR
    drops = ((START, 0.3), (at, 0.78), (at + 0.4 * HOUR, 0.85))
    deeper = revised(first, 3, "open", max_drop=0.85, drops=drops)
    assert last(coverage(["asn/1"]), first, deeper).drops == ((START, 0.3), (at, 0.85))


def test_one_feed_of_three_does_not_date_the_fall() -> None:
    """Noise before the fall is taken for its beginning in one feed: the two others say when it began."""
    outages = [down("asn/1", -1.5, feed="telescope"), *(down("asn/1", 0, feed=feed) for feed in ("probing", "bgp"))]
    incident = last(coverage(["asn/1"], feeds=("telescope", "probing", "bgp")), *outages)
    assert (incident.started_at, incident.drops) == (START, ((START, 1.0),))


@pytest.mark.parametrize(
    ("fallen", "facets", "drop", "is_wide"),
    [(1, (), 0.1, False), (6, (), 0.5, True), (1, (), 0.6, True), (2, MOBILE, 0.2, False), (3, MOBILE, 0.3, True)],
)
def test_a_country_is_named_when_half_of_it_is_down(fallen: int, facets: Facets, drop: float, is_wide: bool) -> None:
    """One network of twelve takes the country's sum down a little: the incident is the network's; not so for half of
    those that are measured like that, nor a country that has itself lost half.
    """
    every, mobile = coverage([*networks(12), "country/IR"]), coverage([*networks(6), "country/IR"], facets=(MOBILE,))
    covered = replace(every, series={"IR": [*every.of("IR"), *mobile.of("IR")]})
    outages = [down("country/IR", 0, facets=facets, drop=drop), *(down(n, 0, facets=facets) for n in networks(fallen))]
    incident = last(covered, *outages)
    assert (incident.is_wide, incident.asns) == (is_wide, tuple(range(1, fallen + 1)))


def test_a_country_that_is_deeply_down_speaks_for_itself() -> None:
    """Its own feed shows nothing left, and then one of its regions loses 60 % in another: the country is still out."""
    covered = coverage(["country/IR", "region/IR-30", "region/IR-12", "region/IR-16"], feeds=("probing", "traffic"))
    incident = last(covered, down("country/IR", 0), down("region/IR-30", 1, drop=0.6, feed="traffic"))
    assert (incident.kinds, incident.drop, incident.started_at, incident.regions) == (
        ("total",),
        1.0,
        START,
        ("IR-30",),
    )


def test_of_an_unknown_country_no_share_is_known() -> None:
    """Nothing shows what else there is beside the network: the share is None, not all of it."""
    assert last(coverage(networks(4)), down("asn/1", 0, country=None)).affected_share is None


def test_facets_are_those_of_all_outages() -> None:
    """Values of a facet that each of them has; one that does not say the access leaves it open."""
    skype, viber = (down("asn/1", 0, facets=(*MOBILE, *facets)) for facets in (SKYPE, VIBER))
    covered = coverage(["asn/1"], facets=((*MOBILE, *SKYPE), (*MOBILE, *VIBER)))
    assert last(covered, skype, viber).facets == (("access", "mobile"), ("service", "skype"), ("service", "viber"))
    assert last(covered, down("asn/1", 0, facets=MOBILE), down("asn/1", 0)).facets == ()
