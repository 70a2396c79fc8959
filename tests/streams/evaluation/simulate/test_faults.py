"""Faults of the measuring system: what a feed shows of them, and that no other feed does."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from schemas.measurement import Measurement
from schemas.times import parse_time
from streams.evaluation.simulate.situations import SCENARIOS
from tests.streams.evaluation.simulate.excerpts import decoded

BROKEN = SCENARIOS["broken-collector"]


@cache
def found() -> list[Measurement]:
    """The day of each fault and the day before."""
    return decoded(BROKEN._replace(start="2020-03-16T00:00:00Z", end="2020-03-22T00:00:00Z"))


def mean(feed: str, start: str, end: str) -> dict[int | None, float]:
    """The mean value of each network in a span."""
    members: dict[int | None, list[float]] = defaultdict(list)
    for measurement in found():
        if measurement.feed == feed and parse_time(start) <= float(measurement.ts) < parse_time(end):
            members[measurement.asn].append(measurement.value)
    return {asn: sum(values) / len(values) for asn, values in members.items()}


def test_a_collector_stops_for_three_networks_in_five() -> None:
    """Their level of routes falls in all countries, the others' does not; blocks answer as they did."""
    during = ("2020-03-17T09:00:00Z", "2020-03-17T13:00:00Z")
    before = ("2020-03-17T05:00:00Z", "2020-03-17T09:00:00Z")
    levels = mean("bgp", *before)
    fallen = {asn for asn, value in mean("bgp", *during).items() if value < 0.5 * levels[asn]}
    assert 0.5 < len(fallen) / len(levels) < 0.7
    countries = {line.country for line in BROKEN.lines if line.asn in fallen}
    assert countries == {line.country for line in BROKEN.lines}
    answering = mean("probing", *before)
    assert all(value > 0.9 * answering[asn] for asn, value in mean("probing", *during).items())


def test_a_controller_takes_its_members_with_it() -> None:
    """In two minutes most members of every network leave, and all of them are back soon."""
    start, end = parse_time("2020-03-19T15:30:00Z"), parse_time("2020-03-19T16:00:00Z")
    members = [
        measurement for measurement in found() if measurement.feed == "atlas" and start <= float(measurement.ts) < end
    ]
    gone = {
        measurement.member for measurement in members if measurement.up is False and float(measurement.ts) < start + 120
    }
    assert {measurement.asn for measurement in members if measurement.member in gone} == {
        line.asn for line in BROKEN.lines
    }
    assert len(gone - {measurement.member for measurement in members if measurement.up}) <= 0.05 * len(gone)


def test_a_silent_feed_is_silent_everywhere() -> None:
    """One feed sends nothing for six hours, all others do."""
    start, end = parse_time("2020-03-21T04:00:00Z"), parse_time("2020-03-21T10:00:00Z")
    feeds = {measurement.feed for measurement in found() if start <= float(measurement.ts) < end}
    assert feeds == {"bgp", "probing", "atlas"}
