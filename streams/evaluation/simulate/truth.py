"""The expected result of a scenario: its incidents and feed faults, and the falls of single entities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from detectors.outages.outage_lifecycle import material, severity
from detectors.types import Floats
from schemas.times import format_time
from streams.evaluation.simulate.series import gone, line_gone, merged, series_of
from streams.evaluation.simulate.world import Fault, Scenario, SimulatedEvent, SimulatedFeed, SimulatedIncident

LEAST_LOSS = 0.03  # an entity that loses less of its level is not labelled


class SimulatedLabel(NamedTuple):
    """A fall of one entity: times in Unix seconds, and the feeds that see it."""

    entity: str
    start: float
    end: float
    feeds: tuple[str, ...]


def truth(scenario: Scenario) -> list[dict[str, Any]]:
    """Return one object for each incident and feed fault, by start."""
    found = [_incident(scenario, incident) for incident in scenario.incidents]
    found += [_fault(fault) for fault in scenario.faults]
    return sorted(found, key=lambda happening: str(happening["started_at"]))


def _incident(scenario: Scenario, incident: SimulatedIncident) -> dict[str, Any]:
    events = incident.events
    lost = _losses(scenario, incident)
    drop = max(step["drop"] for step in lost.drops)
    ends = [event.end for event in events]
    fields: dict[str, Any] = {
        "scope": _scope(scenario, events),
        "kinds": _kinds(events, severity(drop) == "total"),
        "severity": severity(drop),
        "shape": incident.shape,
        "services": sorted({service for event in events for service in event.where.services}),
        "affected_share": lost.affected,
        "started_at": format_time(min(event.start for event in events)),
        "ended_at": None if None in ends else format_time(max(end for end in ends if end is not None)),
        "drops": lost.drops,
        "spread": _spread(events),
        "feeds": [feed.name for feed in scenario.feeds if any(event.drops.get(feed.name) for event in events)],
    }
    return {**fields, "expected": incident.expected} if incident.expected else fields


def _fault(fault: Fault) -> dict[str, Any]:
    times = {"started_at": format_time(fault.start), "ended_at": format_time(fault.end)}
    return {"scope": {}, "kinds": ["feed-fault"], "feeds": [fault.feed], **times}


def _scope(scenario: Scenario, events: Sequence[SimulatedEvent]) -> dict[str, Any]:
    return {
        "countries": sorted({event.where.country for event in events}),
        "regions": sorted({region for event in events for region in event.where.regions}),
        "asns": sorted({line.asn for line in scenario.lines if any(event.where.has(line) for event in events)}),
    }


def _kinds(events: Sequence[SimulatedEvent], is_total: bool) -> list[str]:
    where = [event.where for event in events]
    kinds = {
        "mobile-only": all(place.access == "mobile" for place in where),
        "fixed-only": all(place.access == "fixed" for place in where),
        "international-only": all(place.direction == "international" for place in where),
        "service-block": all(place.services for place in where),
    }
    return [kind for kind, holds in kinds.items() if holds] + ["total" if is_total else "partial"]


def _spread(events: Sequence[SimulatedEvent]) -> list[dict[str, str]]:
    """Return each region, network or country that an event names, with the time of the first such event."""
    first: dict[str, float] = {}
    for event in sorted(events, key=lambda event: event.start):
        where = event.where
        named = [f"region/{region}" for region in where.regions] or [f"asn/{asn}" for asn in where.asns]
        for entity in named or [f"country/{where.country}"]:
            first.setdefault(entity, event.start)
    return [{"at": format_time(at), "entity": entity} for entity, at in first.items()]


class _Lost(NamedTuple):
    drops: list[dict[str, Any]]
    affected: float


def _losses(scenario: Scenario, incident: SimulatedIncident) -> _Lost:
    """Return the drops and the affected share of whole countries, as the first feed sees them."""
    events = incident.events
    feed = next(feed for feed in scenario.feeds if feed.name == next(iter(events[0].drops)))
    at = np.unique([event.start for event in events])
    countries = {event.where.country for event in events}
    parts = [
        (line.size, line_gone(feed, line, facet, events, at, 1))
        for line in scenario.lines
        if line.country in countries
        for facet in (feed.values or (None,))
    ]
    size = np.array([size for size, _ in parts])
    lost = np.array([share for _, share in parts])
    hit = np.maximum.accumulate(lost, axis=1) > 0
    share = (size[:, None] * lost).sum(axis=0) / (size[:, None] * hit).sum(axis=0)
    return _Lost(_steps(at, share), round(float(((size @ lost) / size.sum()).max()), 3))


def _steps(at: Floats, share: Floats) -> list[dict[str, Any]]:
    drops: list[dict[str, Any]] = []
    for time, drop in zip(at.tolist(), share.tolist(), strict=True):
        if not drops or drop >= drops[-1]["drop"] + material(drops[-1]["drop"]):
            drops.append({"at": format_time(time), "drop": round(drop, 3)})
    return drops


def labels(scenario: Scenario) -> list[SimulatedLabel]:
    """Return when each measured entity, or a part with its own series, loses at least `LEAST_LOSS` of its level."""
    seen: dict[tuple[str, float, float], list[str]] = {}
    for feed in scenario.feeds:
        falls: dict[str, list[tuple[float, float]]] = {}
        for entity, start, end in _falls(scenario, feed):
            falls.setdefault(entity, []).append((start, end))
        for entity, spans in falls.items():
            for span in merged(spans):
                seen.setdefault((entity, *span), []).append(feed.name)
    return [SimulatedLabel(*span, tuple(feeds)) for span, feeds in sorted(seen.items())]


def _falls(scenario: Scenario, feed: SimulatedFeed) -> Iterator[tuple[str, float, float]]:
    first, last = scenario.span
    events = [event for event in scenario.events if feed.name in event.drops]
    edges = np.unique([first, last, *(edge for event in events for edge in (event.start, event.end or last))])
    for simulated in series_of(feed, scenario.lines):
        is_down = gone(feed, simulated, events, edges, 1) >= LEAST_LOSS
        for down, start, end in zip(is_down.tolist(), edges.tolist(), edges[1:].tolist(), strict=False):
            if down:
                yield simulated.entity, start, end
