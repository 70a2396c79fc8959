"""The HTML pages: the overview, lists, one outage or incident, and the series of an entity."""

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
from streams.worker.web.overview import overview
from streams.worker.web.page_models import MAX_ITEMS, ItemBuilder
from streams.worker.web.query import BadQueryError, query_of
from streams.worker.web.responses import as_html, conditional
from streams.worker.web.series_page import EntityQuery, series_items
from streams.worker.web.sparkline import LARGE
from streams.worker.web.templates import render, static
from streams.worker.web.worker_view import WorkerView

Q = TypeVar("Q", bound=Query)
Handler = Callable[[WorkerView, Request], Response]
_NORMALISED: Mapping[str, Callable[[str], str]] = {
    "country": str.upper,
    "asn": lambda text: text.upper().removeprefix("AS"),
}
_TYPES = {"style.css": "text/css", "page.js": "text/javascript"}


def html_pages(view: WorkerView) -> dict[str, Callable[[Request], Response]]:
    """Return a handler for each HTML page, and for the files that the pages load."""
    handlers: dict[str, Handler] = {
        "/": _overview,
        "/outages": _outages,
        "/incidents": _incidents,
        "/outages/{id}": _outage,
        "/incidents/{id}": _incident,
        "/series": _series,
    }
    files = {f"/{name}": partial(_file, static(name), kind) for name, kind in _TYPES.items()}
    return {**files, **{path: partial(_respond, handler, view) for path, handler in handlers.items()}}


def _file(content: bytes, kind: str, request: Request) -> Response:
    return conditional(request, Response(body=content, content_type=kind, charset="utf-8"))


def _respond(handler: Handler, view: WorkerView, request: Request) -> Response:
    try:
        return conditional(request, handler(view, request))
    except BadQueryError as error:
        return _error(view, request, 400, "Bad request", str(error))


def _page(view: WorkerView, request: Request, template: str, **values: object) -> Response:
    web, watch = view.settings.web, view.settings.metrics.watch
    return as_html(render(template, request.path, grafana=web.grafana, watch=watch, **values))


def _error(view: WorkerView, request: Request, status: int, heading: str, detail: str) -> Response:
    response = _page(view, request, "error", heading=heading, detail=detail)
    response.set_status(status)
    return response


def _overview(view: WorkerView, request: Request) -> Response:
    signals = {name: feed.signal for name, feed in view.settings.feeds.items()}
    return _page(view, request, "overview", overview=overview(view), signals=signals)


def _given(request: Request) -> Mapping[str, list[str]]:
    """Return the parameters that are not empty, normalised. A form also sends the fields that nobody filled in."""
    typed = {name: [text.strip() for text in request.query.getall(name)] for name in request.query}
    given = {name: [_NORMALISED.get(name, str)(text) for text in texts if text] for name, texts in typed.items()}
    return {name: texts for name, texts in given.items() if texts}


def _bounded(query: Q) -> Q:
    """Return the query with a limit for HTML pages, since each item found gets a chart."""
    return msgspec.structs.replace(query, limit=min(query.limit, MAX_ITEMS))


def _outages(view: WorkerView, request: Request) -> Response:
    query = _bounded(query_of(OutageQuery, _given(request)))
    return _list(view, request, "outages", query, outages_of(view.outages(), query))


def _incidents(view: WorkerView, request: Request) -> Response:
    query = _bounded(query_of(IncidentQuery, _given(request)))
    return _list(view, request, "incidents", query, incidents_of(view.incidents(), query))


def _list(view: WorkerView, request: Request, kind: str, query: Query, page: Page[Outage] | Page[Incident]) -> Response:
    return _page(
        view,
        request,
        "list",
        kind=kind,
        query=query,
        states=get_args(outage.State if kind == "outages" else incident.State),
        found=ItemBuilder(view).items(page.found),
        same=reference(query),
        next=None if page.next is None else reference(query, page.next),
    )


def _outage(view: WorkerView, request: Request) -> Response:
    builder = ItemBuilder(view)
    found = builder.outages.get(request.match_info["id"])
    if found is None:
        return _missing(view, request, "outage")
    history = view.history_of_outage(found)
    series = series_bins(view.settings, [history] if history else [], SeriesQuery())
    return _page(
        view,
        request,
        "outage",
        item=builder.items([found], LARGE)[0],
        incident=next((incident for incident in view.incidents() if found.outage_id in incident.outage_ids), None),
        unit=view.settings.feeds[found.feed].unit,
        bins=list(reversed(series[0].bins)) if series else [],
        elsewhere=view.elsewhere(found.entity),
    )


def _incident(view: WorkerView, request: Request) -> Response:
    builder, name = ItemBuilder(view), request.match_info["id"]
    found = next((incident for incident in view.incidents() if incident.incident_id == name), None)
    if found is None:
        return _missing(view, request, "incident")
    members = [builder.outages[member] for member in found.outage_ids if member in builder.outages]
    newest = builder.items(sorted(members, key=key, reverse=True)[:MAX_ITEMS])
    return _page(view, request, "incident", item=builder.items([found], LARGE)[0], members=newest, limit=MAX_ITEMS)


def _series(view: WorkerView, request: Request) -> Response:
    query = query_of(EntityQuery, _given(request))
    entity = entity_named(query.entity)
    outages = [outage for outage in view.outages() if outage.entity == entity]
    return _page(
        view,
        request,
        "series",
        entity=entity,
        name=view.name_of(entity),
        series=series_items(view, entity)[:MAX_ITEMS],
        elsewhere=view.elsewhere(entity),
        outages=ItemBuilder(view).items(sorted(outages, key=key, reverse=True)[:MAX_ITEMS]),
    )


def _missing(view: WorkerView, request: Request, kind: str) -> Response:
    name = one_line(request.match_info["id"])
    unread = view.unread()
    detail = f"No worker has the {kind} {name}, or it ended long ago." if unread is None else f"Not known: {unread}."
    return _error(view, request, 404, f"No such {kind}", detail)
