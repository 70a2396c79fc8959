"""The JSON API. `schemas.api` has its types, `schemas/json/openapi.json` its document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
from aiohttp.web import Request, Response

from schemas.api import (
    FeedQuery,
    IncidentPage,
    IncidentQuery,
    OutagePage,
    OutageQuery,
    Query,
    SeriesAnswer,
    SeriesQuery,
    reported,
)
from schemas.documents.openapi import document
from schemas.entities import entity_named
from schemas.incident import Incident
from schemas.outage import Outage
from schemas.rejections import one_line
from streams.config.settings import Settings
from streams.worker.exposition.membership import incidents_by_outage
from streams.worker.web.annotations import annotations_of
from streams.worker.web.aside import aside
from streams.worker.web.bins import series_bins
from streams.worker.web.entity_series import page_of_series
from streams.worker.web.filters import Page, incidents_of, outages_of, reference
from streams.worker.web.page_state import newest_revisions
from streams.worker.web.public_feed import atom_feed, json_feed, newest
from streams.worker.web.query import BadQueryError, query_of
from streams.worker.web.recent_bins import SeriesHistory
from streams.worker.web.responses import as_json, conditional, problem
from streams.worker.web.worker_view import WorkerView

E = TypeVar("E", Outage, Incident)
outage_id: Callable[[Outage], str] = attrgetter("outage_id")
incident_id: Callable[[Incident], str] = attrgetter("incident_id")
Handler = Callable[[WorkerView, Request], Awaitable[Response]]
Q = TypeVar("Q", bound=msgspec.Struct)


def api_pages(view: WorkerView) -> dict[str, Callable[[Request], Awaitable[Response]]]:
    """Return a handler for each path of the API."""
    handlers: dict[str, Handler] = {
        "/api/v1/outages": _whole(_outages),
        "/api/v1/outages/{id}": _whole(_outage),
        "/api/v1/incidents": _whole(_incidents),
        "/api/v1/incidents/{id}": _whole(_incident),
        "/api/v1/annotations/outages": _whole(_outage_annotations),
        "/api/v1/annotations/incidents": _whole(_incident_annotations),
        "/api/v1/series/{kind:asn|region|country}/{name:.+}": _series,
        "/feed.atom": _whole(_atom_feed),
        "/feed.json": _whole(_json_feed),
        "/api/v1/status": lambda view, request: aside(as_json, view.status()),
        "/api/v1/openapi.json": lambda view, request: aside(lambda: as_json(document())),
    }
    return {path: partial(_respond, handler, view) for path, handler in handlers.items()}


def _whole(handler: Handler) -> Handler:
    """Return a handler that answers only when all outages and incidents are there: an empty list would be a claim."""

    async def respond(view: WorkerView, request: Request) -> Response:
        unread = view.unread()
        return await handler(view, request) if unread is None else problem(503, unread)

    return respond


async def _respond(handler: Handler, view: WorkerView, request: Request) -> Response:
    try:
        return await aside(conditional, request, await handler(view, request))
    except BadQueryError as error:
        return problem(400, str(error))


def _query(request: Request, kind: type[Q]) -> Q:
    """Return the query parameters of a request as a value of that type. Raises BadQueryError."""
    given: Mapping[str, list[str]] = {name: request.query.getall(name) for name in request.query}
    return query_of(kind, given)


async def _outages(view: WorkerView, request: Request) -> Response:
    query = _query(request, OutageQuery)
    return await aside(_outage_page, view.outages(), view.incidents(), query, _warnings(view, query))


def _warnings(view: WorkerView, query: OutageQuery | IncidentQuery) -> Sequence[str]:
    """Return why the answer may be old or lack something; a feed that is misspelt has no outages."""
    feeds = view.settings.feeds
    unknown = (
        f"no feed {one_line(name)} in the settings; they name {', '.join(feeds)}"
        for name in query.feed
        if name not in feeds
    )
    return [*view.warnings(), *unknown]


def _outage_page(
    outages: Sequence[Outage], incidents: Sequence[Incident], query: OutageQuery, warnings: Sequence[str]
) -> Response:
    page = _outages_of(outages, query)
    return as_json(OutagePage(_with_incidents(page.found, incidents), _next(query, page), warnings))


def _with_incidents(outages: Sequence[Outage], incidents: Sequence[Incident]) -> list[Outage]:
    """Return the outages, each with the id of the incident that goes on and has it."""
    homes = incidents_by_outage(newest_revisions(incidents, incident_id).values())
    found = ((outage, homes.get(outage.outage_id)) for outage in outages)
    return [msgspec.structs.replace(outage, incident_id=home.incident_id) if home else outage for outage, home in found]


async def _incidents(view: WorkerView, request: Request) -> Response:
    query = _query(request, IncidentQuery)
    return await aside(_incident_page, view, view.incidents(), query, _warnings(view, query))


def _incident_page(
    view: WorkerView, incidents: Sequence[Incident], query: IncidentQuery, warnings: Sequence[str]
) -> Response:
    page = _incidents_of(incidents, query)
    remarks = [found for incident in page.found for found in view.remarks_of(incident.incident_id)]
    return as_json(IncidentPage(page.found, _next(query, page), warnings, remarks))


def _outages_of(outages: Sequence[Outage], query: OutageQuery) -> Page[Outage]:
    return outages_of(newest_revisions(outages, outage_id).values(), query)


def _incidents_of(incidents: Sequence[Incident], query: IncidentQuery) -> Page[Incident]:
    return incidents_of(newest_revisions(incidents, incident_id).values(), query)


def _next(query: Query, page: Page[Any]) -> str | None:
    return None if page.next is None else reference(query, page.next)


async def _outage(view: WorkerView, request: Request) -> Response:
    return await aside(_single_outage, request.match_info["id"], view.outages(), view.incidents())


def _single_outage(name: str, outages: Sequence[Outage], incidents: Sequence[Incident]) -> Response:
    found = [outage for outage in outages if outage.outage_id == name]
    return _single("outage", name, _with_incidents(found, incidents), outage_id)


def _single_incident(view: WorkerView, name: str, incidents: Sequence[Incident]) -> Response:
    found = [incident for incident in incidents if incident.incident_id == name]
    return _single("incident", name, [reported(incident, view.remarks_of(name)) for incident in found], incident_id)


async def _incident(view: WorkerView, request: Request) -> Response:
    return await aside(_single_incident, view, request.match_info["id"], view.incidents())


def _single(kind: str, name: str, items: Sequence[E], id_of: Callable[[E], str]) -> Response:
    found = newest_revisions((item for item in items if id_of(item) == name), id_of)
    return as_json(found[name]) if found else problem(404, f"no {kind} {one_line(name)} here")


async def _outage_annotations(view: WorkerView, request: Request) -> Response:
    query, outages = _query(request, OutageQuery), view.outages()
    return await aside(lambda: as_json(annotations_of(_outages_of(outages, query).found)))


async def _incident_annotations(view: WorkerView, request: Request) -> Response:
    query, incidents = _query(request, IncidentQuery), view.incidents()
    return await aside(lambda: as_json(annotations_of(_incidents_of(incidents, query).found)))


async def _atom_feed(view: WorkerView, request: Request) -> Response:
    query, incidents, address = _query(request, FeedQuery), view.incidents(), view.settings.web.address
    body = await aside(
        lambda: atom_feed(_feed_of(incidents, query), address, f"/feed.atom{reference(query)}", view.remarks_of)
    )
    return Response(body=body, content_type="application/atom+xml", charset="utf-8")


async def _json_feed(view: WorkerView, request: Request) -> Response:
    query, incidents, address = _query(request, FeedQuery), view.incidents(), view.settings.web.address
    response = await aside(
        lambda: as_json(
            json_feed(_feed_of(incidents, query), address, f"/feed.json{reference(query)}", view.remarks_of)
        )
    )
    response.content_type = "application/feed+json"
    return response


def _feed_of(incidents: Sequence[Incident], query: FeedQuery) -> list[Incident]:
    return newest(newest_revisions(incidents, incident_id).values(), query)


async def _series(view: WorkerView, request: Request) -> Response:
    query = _query(request, SeriesQuery)
    named = f"{request.match_info['kind']}/{request.match_info['name']}"
    try:
        entity = entity_named(named)
    except ValueError as error:
        return problem(404, f"nothing of {one_line(named)} is measured here: {one_line(str(error))}")
    page = await aside(page_of_series, view.rows_of_entity(entity), entity, query)
    if not page.is_measured:
        return problem(404, f"nothing of {one_line(entity)} is measured here. {view.elsewhere(entity)}".rstrip())
    following = None if page.next is None else reference(query, page.next)
    return await aside(_series_answer, view.settings, entity, page.histories, following)


def _series_answer(
    settings: Settings, entity: str, histories: Sequence[SeriesHistory], following: str | None
) -> Response:
    return as_json(SeriesAnswer(entity, [series_bins(settings, history) for history in histories], following))
