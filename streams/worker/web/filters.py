"""Selects the outages and incidents that match a query, in order and page by page, as pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import nlargest
from itertools import accumulate, takewhile
from operator import itemgetter
from typing import Final, Generic, NamedTuple, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from schemas.api import IncidentQuery, OutageQuery, Query
from schemas.incident import Incident
from schemas.outage import Outage
from schemas.times import parse_time, time_named

T = TypeVar("T", Outage, Incident)
Key = tuple[int, str]
MAX_BYTES: Final = 4 * 1024 * 1024  # of a page as JSON, unless its only element is larger


class Paged(Protocol):
    """What says which page of a list is asked for."""

    @property
    def limit(self) -> int:
        """Most elements."""

    @property
    def cursor(self) -> str | None:
        """End of the previous page."""


class Page(NamedTuple, Generic[T]):
    """One page of a list, newest start first. `next`: the cursor of the following page, None on the last page."""

    found: Sequence[T]
    next: str | None


def outages_of(outages: Iterable[Outage], query: OutageQuery) -> Page[Outage]:
    """Return a page of the outages that match a query."""
    asns = {f"asn/{number}" for number in query.asn}

    def matches(outage: Outage) -> bool:
        return (
            _any(query.state, outage.state)
            and _any(query.severity, outage.severity)
            and _any(query.feed, outage.feed)
            and _any(query.country, outage.country)
            and (not asns or outage.entity in asns)
            and _any(query.entity, outage.entity)
        )

    return _page(outages, query, matches)


def incidents_of(incidents: Iterable[Incident], query: IncidentQuery) -> Page[Incident]:
    """Return a page of the incidents that match a query. A place matches when any part of the incident lies there."""

    def matches(incident: Incident) -> bool:
        return (
            _any(query.state, incident.state)
            and _any(query.severity, incident.severity)
            and _any(query.kind, *incident.kinds)
            and _any(query.feed, *incident.feeds)
            and _any(query.country, *incident.scope.countries)
            and _any(query.asn, *incident.scope.asns)
            and (not query.entity or _any(query.entity, *entities(incident)))
        )

    return _page(incidents, query, matches)


def entities(incident: Incident) -> list[str]:
    """Return all entities that an incident names."""
    scope = incident.scope
    places = [f"country/{code}" for code in scope.countries] + [f"region/{name}" for name in scope.regions]
    return [*places, *(f"asn/{number}" for number in scope.asns), *(joined.entity for joined in incident.spread)]


def key(item: Outage | Incident) -> Key:
    """Return the key that lists are ordered by: the start in Unix seconds, then the id."""
    return int(parse_time(item.started_at)), item.outage_id if isinstance(item, Outage) else item.incident_id


def reference(query: msgspec.Struct, cursor: str | None = None) -> str:
    """Return the relative reference of a query, or of another page of it."""
    fields = {field.encode_name: getattr(query, field.name) for field in msgspec.structs.fields(query)}
    given = {name: value for name, value in fields.items() if value not in ((), None)}
    asked = urlencode({**given, **({"cursor": cursor} if cursor else {})}, doseq=True)
    return f"?{asked}" if asked else ""


def _any(wanted: Sequence[object], *values: object) -> bool:
    return not wanted or any(value in wanted for value in values)


def _page(items: Iterable[T], query: Query, matches: Callable[[T], bool]) -> Page[T]:
    since = time_named(query.since) if query.since else None
    until = time_named(query.until) if query.until else None
    return newest_first((item for item in items if matches(item) and _overlaps(item, since, until)), query)


def newest_first(items: Iterable[T], query: Paged) -> Page[T]:
    """Return a page of the items: those after the cursor of the query, as many as its limit and `MAX_BYTES` allow.

    It never sorts them all at once: the event loop could not run meanwhile, whatever thread does it.
    """
    after = _cursor(query.cursor) if query.cursor else None
    keyed = ((key(item), item) for item in items)
    left = (pair for pair in keyed if after is None or pair[0] < after)
    found = nlargest(query.limit + 1, left, key=itemgetter(0))
    shown = found[: _fitting([item for _, item in found[: query.limit]])]
    start, name = shown[-1][0] if shown else (0, "")
    return Page([item for _, item in shown], f"{start}-{name}" if len(found) > len(shown) else None)


def _fitting(items: Sequence[T]) -> int:
    """Return how many of the items, but at least one, have together at most `MAX_BYTES` as JSON."""
    sizes = accumulate(len(msgspec.json.encode(item)) for item in items)
    return max(1, sum(1 for _ in takewhile(lambda size: size <= MAX_BYTES, sizes)))


def _cursor(text: str) -> Key:
    start, _, name = text.partition("-")
    return int(start), name


def _overlaps(item: Outage | Incident, since: float | None, until: float | None) -> bool:
    """Return whether it lasted at some time in the half-open interval from `since` to `until` (Unix seconds)."""
    if until is not None and parse_time(item.started_at) >= until:
        return False
    ended = ended_at(item)
    return since is None or ended is None or ended > since


def ended_at(item: Outage | Incident) -> float | None:
    """Return its end in Unix seconds, the time of its last revision when its end is unknown, None while it lasts."""
    if item.ended_at is not None:
        return parse_time(item.ended_at)
    is_over = item.state in ("closed", "retracted", "rebaselined", "expired", "ended")
    return parse_time(item.updated_at) if is_over else None
