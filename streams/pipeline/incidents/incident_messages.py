"""Outage messages as grouping reads them, and incident revisions as messages."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET

from detectors.incidents.model import IncidentRevision, OutageRevision
from detectors.outages.decide import RECENT
from schemas.calendar import demand_entity
from schemas.incident import Confidence, Incident, Joined, Scope, incident_id
from schemas.measurement import FACETS
from schemas.outage import Drop, Outage, rounded
from schemas.rejections import one_line
from schemas.times import format_time, parse_time
from streams.pipeline.incidents.headline import headline
from streams.pipeline.outage_messages import suppression_of

LEAST = 0.05  # nats that a feed gives or takes which are written as more than none


def outage_revision_of(outage: Outage, reporter: str = "", *, has_season: bool = False) -> OutageRevision:
    """Return the fields of an outage that grouping needs. Raises ValueError for an impossible entity or time.

    `reporter`: who found it; empty where that does not matter. `has_season`: its feed learns a profile of the day.
    """
    demand_entity(outage.entity)
    return OutageRevision(
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
        suspected_fault=bool(outage.explain.get("held")),
        suppressed_by=suppression_of(outage),
        drop=float(outage.drop),
        missing=outage.missing_bins or 0,
        reporter=reporter,
        bins=max(int(outage.explain.get("bins", 1)), 1),
        is_young=has_season and outage.explain.get("baseline") == RECENT,
        dated_within=_dated_within(outage) if outage.shape == "gradual" else 0.0,
    )


def _dated_within(outage: Outage) -> float:
    first, last = map(parse_time, outage.started_between)
    return (last - first) / 2


def incident_of(revision: IncidentRevision, names: Mapping[str, str]) -> Incident:
    """Return one revision of an incident as a message. The same revision gives the same bytes.

    `names`: of regions and networks by entity, as far as they are known.
    """
    return Incident(
        incident_id=incident_id(revision.root),
        revision=revision.revision,
        state=revision.state,
        scope=Scope(list(revision.countries), list(revision.regions), list(revision.asns)),
        kinds=list(revision.kinds),
        severity=revision.severity,
        affected_share=None if revision.affected_share is None else rounded(revision.affected_share),
        recovered_share=rounded(revision.back),
        services=list(revision.services),
        headline=headline(revision, names),
        started_at=format_time(revision.started_at),
        detected_at=format_time(revision.detected_at),
        confirmed_at=None if revision.confirmed_at is None else format_time(revision.confirmed_at),
        updated_at=format_time(revision.updated_at),
        ended_at=None if revision.ended_at is None else format_time(revision.ended_at),
        drops=[Drop(format_time(at), rounded(drop)) for at, drop in revision.drops],
        spread=[Joined(format_time(at), entity) for at, entity in revision.spread],
        feeds=list(revision.seen_by),
        outage_ids=list(revision.outage_ids),
        confidence=_confidence(revision),
        suppressed_by=revision.suppressed_by.entry_id if revision.suppressed_by else None,
        merged_into=None if revision.merged_into is None else incident_id(revision.merged_into),
        absorbed=[incident_id(root) for root in revision.absorbed],
        incomplete_feeds=list(revision.incomplete) or UNSET,
    )


def _confidence(revision: IncidentRevision) -> Confidence:
    return Confidence(
        seen_by=list(revision.seen_by),
        against=list(revision.against),
        silent=list(revision.silent),
        evidence=rounded(revision.evidence),
        by_feed={feed: rounded(nats) for feed, nats in revision.by_feed} or UNSET,
        note=_together(revision) if revision.routes_up is None else _routes(*revision.routes_up),
    )


def _together(revision: IncidentRevision) -> str | None:
    """Return which feed gave how much to an outage that none of them shows by itself."""
    given = [f"{one_line(feed)} {nats:.1f}" for feed, nats in revision.by_feed if abs(nats) >= LEAST]
    return f"together: {', '.join(given)} nats" if given else None


def _routes(up: int, watched: int) -> str:
    """Return what it means that `up` of the `watched` networks, or the country itself, have their routes."""
    if watched == 1:
        return "its routes are up: it is cut off behind working routes"
    return f"routes of {up} of {watched} networks are up: they are cut off behind working routes"
