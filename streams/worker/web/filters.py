"""Which outages and incidents were asked for: filters, order and pages, as pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec

from schemas.api import IncidentQuery, OutageQuery, Query
from schemas.incident import Incident
from schemas.outage import Outage
from schemas.times import parse_time
from streams.worker.web.query import time_of

T = TypeVar("T", Outage, Incident)
Key = tuple[int, str]


class Page(NamedTuple, Generic[T]):
    """Some of what was asked for, newest beginning first. `next`: the cursor of the page after it, None on the last."""

    found: Sequence[T]
    next: str | None


def outages_of(known: Iterable[Outage], query: OutageQuery) -> Page[Outage]:
    """Return a page of the outages asked for."""
    asns = {f"asn/{number}" for number in query.asn}

    def matches(one: Outage) -> bool:
        return (
            _any(query.state, one.state)
            and _any(query.severity, one.severity)
            and _any(query.feed, one.feed)
            and _any(query.country, one.country)
            and (not asns or one.entity in asns)
            and _any(query.entity, one.entity)
        )

    return _page(known, query, matches)


def incidents_of(known: Iterable[Incident], query: IncidentQuery) -> Page[Incident]:
    """Return a page of the incidents asked for: one has a place when any part of it lies there."""

    def matches(one: Incident) -> bool:
        return (
            _any(query.state, one.state)
            and _any(query.severity, one.severity)
            and _any(query.kind, *one.kinds)
            and _any(query.feed, *one.feeds)
            and _any(query.country, *one.scope.countries)
            and _any(query.asn, *one.scope.asns)
            and (not query.entity or _any(query.entity, *entities(one)))
        )

    return _page(known, query, matches)


def entities(incident: Incident) -> list[str]:
    """Return all entities that an incident names."""
    scope = incident.scope
    places = [f"country/{code}" for code in scope.countries] + [f"region/{name}" for name in scope.regions]
    return [*places, *(f"asn/{number}" for number in scope.asns), *(joined.entity for joined in incident.spread)]


def key(one: Outage | Incident) -> Key:
    """Return what lists are ordered by: when it began, then its id."""
    return int(parse_time(one.started_at)), one.outage_id if isinstance(one, Outage) else one.incident_id


def reference(query: Query, cursor: str | None = None) -> str:
    """Return a relative reference to the same question, or to another page of it."""
    fields = {field.encode_name: getattr(query, field.name) for field in msgspec.structs.fields(query)}
    given = {name: value for name, value in fields.items() if value not in ((), None)}
    return "?" + urlencode({**given, **({"cursor": cursor} if cursor else {})}, doseq=True)


def _any(asked: Sequence[object], *values: object) -> bool:
    return not asked or any(value in asked for value in values)


def _page(known: Iterable[T], query: Query, matches: Callable[[T], bool]) -> Page[T]:
    after = _cursor(query.cursor) if query.cursor else None
    since = time_of(query.since) if query.since else None
    until = time_of(query.until) if query.until else None
    mine = [(key(one), one) for one in known if matches(one) and _overlaps(one, since, until)]
    mine = sorted((pair for pair in mine if after is None or pair[0] < after), key=lambda pair: pair[0], reverse=True)
    shown = mine[: query.limit]
    at, name = shown[-1][0] if shown else (0, "")
    return Page([one for _, one in shown], f"{at}-{name}" if len(mine) > len(shown) else None)


def _cursor(text: str) -> Key:
    at, _, name = text.partition("-")
    return int(at), name


def _overlaps(one: Outage | Incident, since: float | None, until: float | None) -> bool:
    """Whether it went on at some time in the half-open interval, as far as is known."""
    if until is not None and parse_time(one.started_at) >= until:
        return False
    over = ended(one)
    return since is None or over is None or over > since


def ended(one: Outage | Incident) -> float | None:
    """Return when it ended, or since when nothing more is known of it; None while it goes on."""
    if one.ended_at is not None:
        return parse_time(one.ended_at)
    is_over = one.state in ("closed", "retracted", "rebaselined", "expired", "ended")
    return parse_time(one.updated_at) if is_over else None
