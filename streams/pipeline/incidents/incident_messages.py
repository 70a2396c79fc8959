"""From outages as messages to what is grouped, and from what is told of incidents to messages."""

from __future__ import annotations

from collections.abc import Mapping

from detectors.incidents.model import Fall, Told
from schemas.incident import Confidence, Incident, Joined, Scope, incident_id
from schemas.outage import Drop, Outage, rounded
from schemas.times import format_time, parse_time
from streams.ingest.series_index import FACETS
from streams.pipeline.incidents.headline import headline
from streams.pipeline.outage_messages import suppression_of


def fall_of(outage: Outage) -> Fall:
    """Return an outage as grouping sees it."""
    return Fall(
        outage_id=outage.outage_id,
        revision=outage.revision,
        state=outage.state,
        entity=outage.entity,
        country=outage.country,
        region=outage.region,
        facets=tuple((name, outage.facets[name]) for name in FACETS if name in outage.facets),
        feed=outage.feed,
        started_at=parse_time(outage.started_at),
        detected_at=parse_time(outage.detected_at),
        updated_at=parse_time(outage.updated_at),
        ended_at=None if outage.ended_at is None else parse_time(outage.ended_at),
        expected=float(outage.expected),
        max_drop=float(outage.max_drop),
        drops=tuple((parse_time(drop.at), float(drop.drop)) for drop in outage.drops),
        evidence=float(outage.evidence),
        held=bool(outage.explain.get("held")),
        suppressed_by=suppression_of(outage),
    )


def incident_of(told: Told, names: Mapping[str, str]) -> Incident:
    """Return one revision of an incident as a message. Pure: the same revision gives the same bytes."""
    return Incident(
        incident_id=incident_id(told.root),
        revision=told.revision,
        state=told.state,
        scope=Scope(list(told.countries), list(told.regions), list(told.asns)),
        kinds=list(told.kinds),
        severity=told.severity,
        affected_share=None if told.affected_share is None else rounded(told.affected_share),
        services=list(told.services),
        headline=headline(told, names),
        started_at=format_time(told.started_at),
        detected_at=format_time(told.detected_at),
        updated_at=format_time(told.updated_at),
        ended_at=None if told.ended_at is None else format_time(told.ended_at),
        drops=[Drop(format_time(at), rounded(drop)) for at, drop in told.drops],
        spread=[Joined(format_time(at), entity) for at, entity in told.spread],
        feeds=list(told.feeds),
        outage_ids=list(told.outage_ids),
        confidence=_confidence(told),
        suppressed_by=told.suppressed_by.entry_id if told.suppressed_by else None,
        merged_into=None if told.merged_into is None else incident_id(told.merged_into),
        absorbed=[incident_id(root) for root in told.absorbed],
    )


def _confidence(told: Told) -> Confidence:
    return Confidence(
        seen_by=list(told.seen_by),
        against=list(told.against),
        silent=list(told.silent),
        evidence=rounded(told.evidence),
        note=None if told.routes_up is None else _routes(*told.routes_up),
    )


def _routes(up: int, watched: int) -> str:
    """What it means that so many of the networks (or the only one, or the country itself) have their routes."""
    if watched == 1:
        return "its routes are up: it is cut off behind working routes"
    return f"routes of {up} of {watched} networks are up: they are cut off behind working routes"
