"""The incidents of an entity in `ebbtide explain`: which feed gave how much evidence, and which did not see it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import UNSET

from schemas.incident import OVER, Incident
from schemas.rejections import one_line
from schemas.times import parse_time
from streams.evaluation.explain_clock import clock
from streams.pipeline.incidents.incident_messages import LEAST

TOGETHER = (
    "Several feeds together opened it before any of them did by itself.",
    "Each gives, less what it shares with the others and what it costs to have chosen these:",
)

UNABLE = "nothing then: it had measured too little of the fall, or its noise would hide it"
SILENT = "it says nothing: it is silent, measures less than half of this, or its noise would hide it"


def of_entity(incidents: Iterable[Incident], entity: str, feed: str | None) -> list[Incident]:
    """Return the incidents that an entity is a part of, and that a feed (None: any) shows, by their start."""
    found = [incident for incident in incidents if any(joined.entity == entity for joined in incident.spread)]
    shown = [incident for incident in found if feed is None or feed in _feeds(incident)]
    return sorted(shown, key=lambda incident: (parse_time(incident.started_at), incident.incident_id))


def _feeds(incident: Incident) -> set[str]:
    """Return the feeds that say anything for or against an incident."""
    return {*incident.feeds, *_nats(incident), *incident.confidence.against}


def _nats(incident: Incident) -> dict[str, float]:
    given = incident.confidence.by_feed
    return {} if given is UNSET or not given else given


def span_of(incident: Incident, end: float) -> tuple[float, float]:
    """Return when an incident lasted (Unix s); up to `end` while it does."""
    over = incident.ended_at or (incident.updated_at if incident.state in OVER else None)
    return parse_time(incident.started_at), end if over is None else parse_time(over)


def lasts(incident: Incident, start: float, end: float) -> bool:
    """Return whether an incident lasts at any time from `start` to `end` (Unix s)."""
    first, last = span_of(incident, end)
    return first <= end and last >= start


def incident_sentences(incident: Incident) -> Iterator[str]:
    """Yield the lines about an incident: its state, and the feeds for and against it."""
    since = f"since {clock(parse_time(incident.started_at))}"
    until = f" until {clock(parse_time(incident.ended_at))}" if incident.ended_at else ""
    found = f", found {clock(parse_time(incident.detected_at))}"
    yield f"Incident {incident.incident_id} ({incident.state}, {since}{until}{found}): {one_line(incident.headline)}"
    nats, confidence = _nats(incident), incident.confidence
    if nats:
        yield from TOGETHER
    else:
        yield f"Evidence {confidence.evidence:.1f} nats; shown by {_names(confidence.seen_by)}."
    shown = confidence.seen_by
    yield from (f"  {one_line(feed)}: {_given(given, shows=feed in shown)}" for feed, given in nats.items())
    if nats:
        yield f"  together: {sum(nats.values()):.1f} nats"
    for feed in confidence.against:
        if feed not in nats:
            yield f"  {one_line(feed)}: it could have seen the fall and shows none"
    for feed in confidence.silent:
        if feed not in nats:
            yield f"  {one_line(feed)}: {SILENT}"


def _given(nats: float, *, shows: bool) -> str:
    """Return what a feed gave when the incident opened. `shows`: it has shown an outage since."""
    if nats >= 0:
        return f"{nats:.1f} nats for an outage"
    if nats > -LEAST:
        return UNABLE
    none = "showed none then" if shows else "shows none"
    return f"{-nats:.1f} nats against an outage: it could have seen the fall and {none}"


def _names(feeds: Iterable[str]) -> str:
    return ", ".join(map(one_line, feeds)) or "no feed"
