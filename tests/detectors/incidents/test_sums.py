"""Sums over facets: what falls is what some of their parts lost; the whole falls only where that is measured."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import pytest

from detectors.incidents.model import Coverage, Facets, IncidentRevision, MeasuredSeries, OutageRevision
from detectors.incidents.sums import is_sum_of, with_summed_facets
from streams.pipeline.incidents.headline import headline
from tests.detectors.timeline import BIN, HOUR, START, Timeline, down, revised

VALUES = {
    "access": ("fixed", "mobile"),
    "direction": ("domestic", "international"),
    "service": ("chat", "mail", "video", "web"),
}
ASNS = range(1, 6)
AREAS = ("country", "region", "asn")
NARROW = ("Access to", "Mobile", "Fixed")


@dataclass
class World:
    """Random feeds of one country: what each measures, its areas, and which cells are dark (feed, network, facets)."""

    feeds: dict[str, tuple[str, ...]]
    areas: dict[str, list[tuple[str, tuple[str, ...]]]]
    measured: dict[str, list[tuple[int, Facets]]]
    dark: Facets

    def is_dark(self, facets: Facets) -> bool:
        """Whether a cell of these facets is dark."""
        return set(self.dark) <= set(facets)

    def series(self, feed: str) -> Iterator[tuple[str, Facets, float, float]]:
        """Yield each series and each area of a feed: entity, facets, level, and the share of it that is lost."""
        for asn, facets in self.measured[feed]:
            yield f"asn/{asn}", facets, 100.0, float(self.is_dark(facets))
        for place, names in self.areas[feed]:
            sums: dict[tuple[str, Facets], list[float]] = {}
            for asn, facets in self.measured[feed]:
                entity = {"country": "country/IR", "region": f"region/IR-{asn % 2}", "asn": f"asn/{asn}"}[place]
                side = tuple((name, value) for name, value in facets if name in names)
                sums.setdefault((entity, side), []).append(float(self.is_dark(facets)))
            for (entity, side), lost in sums.items():
                yield entity, side, 100.0 * len(lost), sum(lost) / len(lost)

    def coverage(self) -> Coverage:
        """Return what the feeds can show."""
        series = [
            MeasuredSeries(feed, entity, facets, level, level / 50)
            for feed in self.feeds
            for entity, facets, level, _ in self.series(feed)
        ]
        sums = {(feed, place, names) for feed, areas in self.areas.items() for place, names in areas}
        return Coverage(dict.fromkeys(self.feeds, BIN), (), (), {"IR": series}, sums=sums)

    def outages(self, rng: random.Random) -> list[OutageRevision]:
        """Return an outage of each series that has lost a tenth; the smaller the loss, the later it is found."""
        slow = rng.choice([0, 0.05, 0.5])
        return [
            replace(
                down(entity, 0, facets=facets, feed=feed, drop=lost, late=slow * (1 / lost - 1)),
                expected=level,
            )
            for feed in self.feeds
            for entity, facets, level, lost in self.series(feed)
            if lost >= 0.1
        ]

    def shows_whole(self) -> bool:
        """Whether a feed shows networks as a whole dark, or others the rest of what it does not measure."""
        dark = [feed for feed in self.feeds if all(self.is_dark(facets) for _, facets in self.measured[feed])]
        dark = [feed for feed in dark if "service" not in self.feeds[feed]]
        values = {facet for feed in dark for _, facets in self.measured[feed] for facet in facets}
        counts = Counter(name for name, _ in values)
        return any(all(counts[name] > 1 for name in self.feeds[feed]) for feed in dark)


def world(rng: random.Random, dark: Facets) -> World:
    """Draw feeds; each measures all combinations of some facets, with random areas."""
    feeds, areas, measured = dict[str, tuple[str, ...]](), {}, {}
    for number in range(rng.randint(1, 3)):
        feed = f"feed-{number}"
        names = feeds[feed] = tuple(name for name in VALUES if rng.random() < 0.5)
        values = {name: rng.sample(VALUES[name], rng.randint(1, len(VALUES[name]))) for name in names}
        cells = [tuple(zip(names, cell, strict=True)) for cell in product(*(sorted(values[name]) for name in names))]
        measured[feed] = [(asn, cell) for asn in ASNS for cell in cells]
        areas[feed] = [
            (place, part)
            for place in AREAS
            for part in ((), *((name,) for name in names), names)
            if rng.random() < 0.5 and (place, part) != ("asn", names)
        ]
        areas[feed] = list(dict.fromkeys(areas[feed]))
    return World(feeds, areas, measured, dark)


def subject(incident: IncidentRevision) -> str:
    """Return the headline of an incident."""
    return headline(incident, {})


DARK: list[Facets] = [
    *(((name, value),) for name, values in VALUES.items() for value in values),
    (("access", "mobile"), ("direction", "international")),
    (("access", "mobile"), ("service", "chat")),
    (),
]


@pytest.mark.parametrize("dark", DARK, ids=str)
def test_the_internet_is_down_only_where_networks_are_measured_as_a_whole(dark: Facets) -> None:
    """Random feeds measure random facets and sum them in random areas. Whatever fails: a sum is in the incident of a
    part of it, and no headline, from the first revision to the last, says more than is measured.
    """
    for seed in range(20):
        rng = random.Random(seed)
        drawn = world(rng, dark)
        falls = drawn.outages(rng)
        ends = [revised(outage, 30 + rng.random()) for outage in falls]
        timeline = Timeline(drawn.coverage()).run([*falls, *ends], until=40)
        homes = {name: incident.root for incident in timeline.last for name in incident.outage_ids}
        for whole in (with_summed_facets(outage, timeline.coverage) for outage in falls):
            parts = {homes[part.outage_id] for part in falls if is_sum_of(whole, part)}
            assert not parts or homes[whole.outage_id] in parts, (seed, whole)
        for incident in timeline.revisions:
            is_whole = not subject(incident).startswith(NARROW) and " to the outside" not in subject(incident)
            is_whole &= " within the country" not in subject(incident)
            assert not is_whole or drawn.shows_whole(), (seed, subject(incident))


def two_services(*names: str, hours: float = 0) -> tuple[Coverage, list[OutageRevision]]:
    """Return coverage of four services and their sum, and the fall of some of them; `hours`: until the sum falls."""
    sides: list[Facets] = [(("service", name),) for name in ("chat", "mail", "video", "web")]
    series = [MeasuredSeries("calls", f"asn/{asn}", side, 100.0, 2.0) for asn in ASNS for side in sides]
    series += [MeasuredSeries("reach", f"asn/{asn}", (), 100.0, 2.0) for asn in ASNS]
    series += [MeasuredSeries(feed, "country/IR", (), 500.0, 5.0) for feed in ("calls", "reach")]
    sums = {(feed, "country", ()) for feed in ("calls", "reach")}
    covered = Coverage({"calls": BIN, "reach": BIN}, (), (), {"IR": series}, sums=sums)
    falls = [down(f"asn/{asn}", 0, feed="calls", facets=(("service", name),)) for asn in ASNS for name in names]
    return covered, [down("country/IR", hours, feed="calls", drop=len(names) / 4), *falls]


@pytest.mark.parametrize("hours", [0, 1, 30])
def test_two_of_four_services_fail(hours: float) -> None:
    """Their sum is a member of their incident, also when it is found to fall a day later; no other feed shows it."""
    covered, falls = two_services("chat", "mail", hours=hours)
    timeline = Timeline(covered).run(falls)
    (incident,) = timeline.last
    assert subject(incident).startswith("Access to chat and mail is down in Iran")
    assert (incident.kinds, incident.against) == (("service-block", "total"), ())


def test_a_sum_that_falls_alone_is_one_of_services() -> None:
    """No part has fallen by itself: which of them fail is unknown, and a network as a whole was not measured."""
    covered, falls = two_services()
    (incident,) = Timeline(covered).run([replace(falls[0], max_drop=0.2)]).last
    assert subject(incident).startswith("Access to chat, mail, video and web is partly down in Iran")
    assert incident.services == ()


def test_a_shutdown_within_a_block_of_services_is_an_incident_of_its_own() -> None:
    """The country goes dark in another feed while two services are blocked: the sum of services explains it not."""
    covered, falls = two_services("chat", "mail")
    dark = [down(f"asn/{asn}", 50, feed="reach") for asn in ASNS] + [down("country/IR", 50, feed="reach")]
    timeline = Timeline(covered).run([*falls, *dark])
    assert sorted(subject(incident).partition(" is down")[0] for incident in timeline.last) == [
        "Access to chat and mail",
        "The Internet",
    ]
    assert {incident.started_at for incident in timeline.last} == {START, START + 50 * HOUR}
