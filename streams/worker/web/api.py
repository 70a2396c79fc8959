"""The JSON API. `schemas.api` has its types, `schemas/json/openapi.json` its document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec
from aiohttp.web import Request, Response

from schemas.api import IncidentPage, IncidentQuery, OutagePage, OutageQuery, Query, SeriesAnswer, SeriesQuery
from schemas.documents.openapi import document
from schemas.rejections import one_line
from streams.worker.web.annotations import annotations_of
from streams.worker.web.bins import series_bins
from streams.worker.web.filters import Page, incidents_of, outages_of, reference
from streams.worker.web.query import BadQueryError, query_of
from streams.worker.web.responses import as_json, conditional, problem
from streams.worker.web.worker_view import WorkerView

Handler = Callable[[WorkerView, Request], Response]
Q = TypeVar("Q", bound=msgspec.Struct)


def api_pages(view: WorkerView) -> dict[str, Callable[[Request], Response]]:
    """Return a handler for each path of the API."""
    handlers: dict[str, Handler] = {
        "/api/v1/outages": _whole(_outages),
        "/api/v1/outages/{id}": _whole(_outage),
        "/api/v1/incidents": _whole(_incidents),
        "/api/v1/incidents/{id}": _whole(_incident),
        "/api/v1/annotations/outages": _whole(_outage_annotations),
        "/api/v1/annotations/incidents": _whole(_incident_annotations),
        "/api/v1/series/{kind:asn|region|country}/{name:.+}": _series,
        "/api/v1/status": lambda view, request: as_json(view.status()),
        "/api/v1/openapi.json": lambda view, request: as_json(document()),
    }
    return {path: partial(_respond, handler, view) for path, handler in handlers.items()}


def _whole(handler: Handler) -> Handler:
    """Return a handler that answers only when all outages and incidents are there: an empty list would be a claim."""

    def respond(view: WorkerView, request: Request) -> Response:
        unread = view.unread()
        return handler(view, request) if unread is None else problem(503, unread)

    return respond


def _respond(handler: Handler, view: WorkerView, request: Request) -> Response:
    try:
        return conditional(request, handler(view, request))
    except BadQueryError as error:
        return problem(400, str(error))


def _query(request: Request, kind: type[Q]) -> Q:
    """Return the query parameters of a request as a value of that type. Raises BadQueryError."""
    given: Mapping[str, list[str]] = {name: request.query.getall(name) for name in request.query}
    return query_of(kind, given)


def _outages(view: WorkerView, request: Request) -> Response:
    query = _query(request, OutageQuery)
    page = outages_of(view.outages(), query)
    return as_json(OutagePage(page.found, _next(query, page)))


def _incidents(view: WorkerView, request: Request) -> Response:
    query = _query(request, IncidentQuery)
    page = incidents_of(view.incidents(), query)
    return as_json(IncidentPage(page.found, _next(query, page)))


def _next(query: Query, page: Page[Any]) -> str | None:
    return None if page.next is None else reference(query, page.next)


def _outage(view: WorkerView, request: Request) -> Response:
    name = request.match_info["id"]
    found = [outage for outage in view.outages() if outage.outage_id == name]
    return as_json(found[0]) if found else problem(404, f"no outage {one_line(name)} here")


def _incident(view: WorkerView, request: Request) -> Response:
    name = request.match_info["id"]
    found = [incident for incident in view.incidents() if incident.incident_id == name]
    return as_json(found[0]) if found else problem(404, f"no incident {one_line(name)} here")


def _outage_annotations(view: WorkerView, request: Request) -> Response:
    return as_json(annotations_of(outages_of(view.outages(), _query(request, OutageQuery)).found))


def _incident_annotations(view: WorkerView, request: Request) -> Response:
    return as_json(annotations_of(incidents_of(view.incidents(), _query(request, IncidentQuery)).found))


def _series(view: WorkerView, request: Request) -> Response:
    query = _query(request, SeriesQuery)
    entity = f"{request.match_info['kind']}/{request.match_info['name']}"
    histories = view.history_of_entity(entity)
    if not histories:
        return problem(404, f"nothing of {one_line(entity)} is measured here. {view.elsewhere(entity)}".rstrip())
    return as_json(SeriesAnswer(entity, series_bins(view.settings, histories, query)))
