"""The pages for people: what goes on, lists of all that is known, and one outage or incident."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar, get_args

import msgspec
from aiohttp.web import Request, Response

from schemas import incident, outage
from schemas.api import IncidentQuery, OutageQuery, Query, SeriesQuery
from schemas.incident import Incident
from schemas.measurement import entity_named
from schemas.outage import Outage
from schemas.rejections import one_line
from streams.worker.web.bins import series_bins
from streams.worker.web.filters import Page, incidents_of, key, outages_of, reference
from streams.worker.web.page_models import NEWEST, Drawer, overview
from streams.worker.web.query import BadQueryError, query_of
from streams.worker.web.responses import as_html, conditional
from streams.worker.web.series_page import EntityQuery, series_shown
from streams.worker.web.sparkline import LARGE
from streams.worker.web.templates import render, static
from streams.worker.web.worker_view import Known

Q = TypeVar("Q", bound=Query)
Answer = Callable[[Known, Request], Response]
_TYPED: Mapping[str, Callable[[str], str]] = {
    "country": str.upper,
    "asn": lambda text: text.upper().removeprefix("AS"),
}
_TYPES = {"style.css": "text/css", "page.js": "text/javascript"}


def people_pages(known: Known) -> dict[str, Callable[[Request], Response]]:
    """Return the page of each path that people look at, and of the files that these need."""
    pages: dict[str, Answer] = {
        "/": _overview,
        "/outages": _outages,
        "/incidents": _incidents,
        "/outages/{id}": _outage,
        "/incidents/{id}": _incident,
        "/series": _series,
    }
    files = {f"/{name}": partial(_file, static(name), kind) for name, kind in _TYPES.items()}
    return {**files, **{path: partial(_answer, page, known) for path, page in pages.items()}}


def _file(content: bytes, kind: str, request: Request) -> Response:
    return conditional(request, Response(body=content, content_type=kind, charset="utf-8"))


def _answer(page: Answer, known: Known, request: Request) -> Response:
    try:
        return conditional(request, page(known, request))
    except BadQueryError as error:
        return _error(known, request, 400, "That cannot be asked", str(error))


def _page(known: Known, request: Request, template: str, **values: object) -> Response:
    its = known.settings
    return as_html(render(template, request.path, grafana=its.web.grafana, watch=its.metrics.watch, **values))


def _error(known: Known, request: Request, status: int, heading: str, detail: str) -> Response:
    answer = _page(known, request, "error", heading=heading, detail=detail)
    answer.set_status(status)
    return answer


def _overview(known: Known, request: Request) -> Response:
    signals = {name: feed.signal for name, feed in known.settings.feeds.items()}
    return _page(known, request, "overview", view=overview(known), signals=signals)


def _given(request: Request) -> Mapping[str, list[str]]:
    """Return the parameters that say anything, as people mean them: a form sends its empty fields too."""
    typed = {name: [text.strip() for text in request.query.getall(name)] for name in request.query}
    given = {name: [_TYPED.get(name, str)(text) for text in texts if text] for name, texts in typed.items()}
    return {name: texts for name, texts in given.items() if texts}


def _bounded(query: Q) -> Q:
    """Return the question with a limit that a page bears, since each one found is drawn."""
    return msgspec.structs.replace(query, limit=min(query.limit, NEWEST))


def _outages(known: Known, request: Request) -> Response:
    query = _bounded(query_of(OutageQuery, _given(request)))
    return _list(known, request, "outages", query, outages_of(known.outages(), query))


def _incidents(known: Known, request: Request) -> Response:
    query = _bounded(query_of(IncidentQuery, _given(request)))
    return _list(known, request, "incidents", query, incidents_of(known.incidents(), query))


def _list(known: Known, request: Request, kind: str, query: Query, page: Page[Outage] | Page[Incident]) -> Response:
    return _page(
        known,
        request,
        "list",
        kind=kind,
        query=query,
        states=get_args(outage.State if kind == "outages" else incident.State),
        found=Drawer(known).show(page.found),
        asked=reference(query),
        next=None if page.next is None else reference(query, page.next),
    )


def _outage(known: Known, request: Request) -> Response:
    drawer = Drawer(known)
    it = drawer.outages.get(request.match_info["id"])
    if it is None:
        return _missing(known, request, "outage")
    strip = known.strip(it)
    series = series_bins(known.settings, [strip] if strip else [], SeriesQuery())
    return _page(
        known,
        request,
        "outage",
        shown=drawer.show([it], LARGE)[0],
        incident=next((one for one in known.incidents() if it.outage_id in one.outage_ids), None),
        unit=known.settings.feeds[it.feed].unit,
        bins=list(reversed(series[0].bins)) if series else [],
    )


def _incident(known: Known, request: Request) -> Response:
    drawer = Drawer(known)
    it = next((one for one in known.incidents() if one.incident_id == request.match_info["id"]), None)
    if it is None:
        return _missing(known, request, "incident")
    members = [drawer.outages[name] for name in it.outage_ids if name in drawer.outages]
    newest = sorted(members, key=key, reverse=True)[:NEWEST]
    return _page(
        known, request, "incident", shown=drawer.show([it], LARGE)[0], members=drawer.show(newest), newest=NEWEST
    )


def _series(known: Known, request: Request) -> Response:
    query = query_of(EntityQuery, _given(request))
    entity = entity_named(query.entity)
    its = [one for one in known.outages() if one.entity == entity]
    return _page(
        known,
        request,
        "series",
        entity=entity,
        name=known.name_of(entity),
        series=series_shown(known, entity)[:NEWEST],
        outages=Drawer(known).show(sorted(its, key=key, reverse=True)[:NEWEST]),
    )


def _missing(known: Known, request: Request, kind: str) -> Response:
    name = one_line(request.match_info["id"])
    detail = f"This worker knows no {kind} {name}: it is over for long, or another worker has it."
    return _error(known, request, 404, f"There is no such {kind}", detail)
