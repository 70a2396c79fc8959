"""The API: what the worker knows, as JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec
from aiohttp.web import Request, Response

from schemas.api import IncidentPage, IncidentQuery, OutagePage, OutageQuery, Query, SeriesAnswer, SeriesQuery
from schemas.documents.openapi import document
from schemas.rejections import one_line
from streams.worker.web.annotations import spans
from streams.worker.web.bins import series_bins
from streams.worker.web.filters import Page, incidents_of, outages_of, reference
from streams.worker.web.query import BadQueryError, query_of
from streams.worker.web.responses import as_json, conditional, problem
from streams.worker.web.worker_view import Known

Answer = Callable[[Known, Request], Response]
Q = TypeVar("Q", bound=msgspec.Struct)


def api_pages(known: Known) -> dict[str, Callable[[Request], Response]]:
    """Return the page of each path of the API."""
    pages: dict[str, Answer] = {
        "/api/v1/outages": _outages,
        "/api/v1/outages/{id}": _outage,
        "/api/v1/incidents": _incidents,
        "/api/v1/incidents/{id}": _incident,
        "/api/v1/annotations/outages": _outage_annotations,
        "/api/v1/annotations/incidents": _incident_annotations,
        "/api/v1/series/{kind:asn|region|country}/{name:.+}": _series,
        "/api/v1/status": lambda known, request: as_json(known.status()),
        "/api/v1/openapi.json": lambda known, request: as_json(document()),
    }
    return {path: partial(_answer, page, known) for path, page in pages.items()}


def _answer(page: Answer, known: Known, request: Request) -> Response:
    try:
        return conditional(request, page(known, request))
    except BadQueryError as error:
        return problem(400, str(error))


def asked(request: Request, kind: type[Q]) -> Q:
    """Return what a request asks for. Raises BadQueryError."""
    given: Mapping[str, list[str]] = {name: request.query.getall(name) for name in request.query}
    return query_of(kind, given)


def _outages(known: Known, request: Request) -> Response:
    query = asked(request, OutageQuery)
    page = outages_of(known.outages(), query)
    return as_json(OutagePage(page.found, _next(query, page)))


def _incidents(known: Known, request: Request) -> Response:
    query = asked(request, IncidentQuery)
    page = incidents_of(known.incidents(), query)
    return as_json(IncidentPage(page.found, _next(query, page)))


def _next(query: Query, page: Page[Any]) -> str | None:
    return None if page.next is None else reference(query, page.next)


def _outage(known: Known, request: Request) -> Response:
    name = request.match_info["id"]
    found = [one for one in known.outages() if one.outage_id == name]
    return as_json(found[0]) if found else problem(404, f"no outage {one_line(name)} here")


def _incident(known: Known, request: Request) -> Response:
    name = request.match_info["id"]
    found = [one for one in known.incidents() if one.incident_id == name]
    return as_json(found[0]) if found else problem(404, f"no incident {one_line(name)} here")


def _outage_annotations(known: Known, request: Request) -> Response:
    return as_json(spans(outages_of(known.outages(), asked(request, OutageQuery)).found))


def _incident_annotations(known: Known, request: Request) -> Response:
    return as_json(spans(incidents_of(known.incidents(), asked(request, IncidentQuery)).found))


def _series(known: Known, request: Request) -> Response:
    query = asked(request, SeriesQuery)
    entity = f"{request.match_info['kind']}/{request.match_info['name']}"
    strips = known.strips(entity)
    if not strips:
        return problem(404, f"nothing of {one_line(entity)} is measured here")
    return as_json(SeriesAnswer(entity, series_bins(known.settings, strips, query)))
