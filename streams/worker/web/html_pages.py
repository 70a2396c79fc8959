"""The HTML pages: the overview, lists, one outage or incident, and the series of an entity."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from heapq import nlargest
from typing import Any, TypeVar, get_args

import msgspec
from aiohttp.web import Request, Response

from schemas import incident, outage
from schemas.api import Cursor, IncidentQuery, OutageQuery, Query, SeriesQuery
from schemas.incident import Incident
from schemas.outage import Outage
from schemas.rejections import one_line
from streams.worker.exposition.membership import incidents_by_outage
from streams.worker.web.api_page import bodies, endpoints
from streams.worker.web.aside import aside
from streams.worker.web.bins import series_bins
from streams.worker.web.card import why_no_png
from streams.worker.web.entity_series import page_of_series
from streams.worker.web.filters import Page, incidents_of, key, newest_first, outages_of, reference
from streams.worker.web.overview import overview
from streams.worker.web.page_models import MAX_ITEMS, Item, drawn
from streams.worker.web.page_state import PageState, copied
from streams.worker.web.query import BadQueryError, query_of
from streams.worker.web.responses import as_html, conditional
from streams.worker.web.series_page import SHOWN, EntityQuery, series_items
from streams.worker.web.sparkline import LARGE
from streams.worker.web.templates import render, static
from streams.worker.web.worker_view import WorkerView

Q = TypeVar("Q", bound=Query)
Handler = Callable[[WorkerView, Request], Awaitable[Response]]
_NORMALISED: Mapping[str, Callable[[str], str]] = {
    "country": str.upper,
    "asn": lambda text: text.upper().removeprefix("AS"),
}
_TYPES = {"style.css": "text/css", "page.js": "text/javascript"}


class MemberQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of the outages of an incident is asked for."""

    cursor: Cursor | None = None

    @property
    def limit(self) -> int:
        """Most outages on a page."""
        return MAX_ITEMS


def html_pages(view: WorkerView) -> dict[str, Callable[[Request], Awaitable[Response]]]:
    """Return a handler for each HTML page, and for the files that the pages load."""
    handlers: dict[str, Handler] = {
        "/": _overview,
        "/outages": _outages,
        "/incidents": _incidents,
        "/outages/{id}": _outage,
        "/incidents/{id}": _incident,
        "/series": _series,
        "/api": _api,
    }
    files = {f"/{name}": partial(_file, static(name), kind) for name, kind in _TYPES.items()}
    return {**files, **{path: partial(_respond, handler, view) for path, handler in handlers.items()}}


async def _file(content: bytes, kind: str, request: Request) -> Response:
    return conditional(request, Response(body=content, content_type=kind, charset="utf-8"))


async def _respond(handler: Handler, view: WorkerView, request: Request) -> Response:
    try:
        return await aside(conditional, request, await handler(view, request))
    except BadQueryError as error:
        return await _error(view, request, 400, "Bad request", str(error))


async def _page(view: WorkerView, request: Request, template: str, **values: object) -> Response:
    web, watch = view.settings.web, view.settings.metrics.watch
    return await aside(lambda: as_html(render(template, request.path, grafana=web.grafana, watch=watch, **values)))


async def _error(view: WorkerView, request: Request, status: int, heading: str, detail: str) -> Response:
    response = await _page(view, request, "error", heading=heading, detail=detail)
    response.set_status(status)
    return response


async def _overview(view: WorkerView, request: Request) -> Response:
    signals = {name: feed.signal for name, feed in view.settings.feeds.items()}
    return await _page(view, request, "overview", overview=await overview(view), signals=signals)


def _given(request: Request) -> Mapping[str, list[str]]:
    """Return the parameters that are not empty, normalised. A form also sends the fields that nobody filled in."""
    typed = {name: [text.strip() for text in request.query.getall(name)] for name in request.query}
    given = {name: [_NORMALISED.get(name, str)(text) for text in texts if text] for name, texts in typed.items()}
    return {name: texts for name, texts in given.items() if texts}


def _bounded(query: Q) -> Q:
    """Return the query with a limit for HTML pages, since each item found gets a chart."""
    return msgspec.structs.replace(query, limit=min(query.limit, MAX_ITEMS))


async def _outages(view: WorkerView, request: Request) -> Response:
    query, state = _bounded(query_of(OutageQuery, _given(request))), await aside(PageState, copied(view))
    page = await aside(outages_of, state.outages.values(), query)
    return await _list(view, request, "outages", query, page, await drawn(view, state, page.found))


async def _incidents(view: WorkerView, request: Request) -> Response:
    query, state = _bounded(query_of(IncidentQuery, _given(request))), await aside(PageState, copied(view))
    page = await aside(incidents_of, state.incidents.values(), query)
    return await _list(view, request, "incidents", query, page, await drawn(view, state, page.found))


async def _list(
    view: WorkerView, request: Request, kind: str, query: Query, page: Page[Any], items: Sequence[Item]
) -> Response:
    return await _page(
        view,
        request,
        "list",
        kind=kind,
        query=query,
        states=get_args(outage.State if kind == "outages" else incident.State),
        found=items,
        same=reference(query),
        next=None if page.next is None else reference(query, page.next),
    )


async def _outage(view: WorkerView, request: Request) -> Response:
    state = await aside(PageState, copied(view))
    found = state.outages.get(request.match_info["id"])
    if found is None:
        return await _missing(view, request, "outage")
    (read,), (item,) = view.histories([found]), await drawn(view, state, [found], LARGE)
    history = await aside(read)
    return await _page(
        view,
        request,
        "outage",
        item=item,
        incident=await aside(_incident_with, state, found.outage_id),
        unit=view.settings.feeds[found.feed].unit,
        bins=list(reversed(series_bins(view.settings, history).bins)) if history else [],
        elsewhere=view.elsewhere(found.entity),
    )


def _incident_with(state: PageState, name: str) -> Incident | None:
    """Return the incident of an outage, one that goes on if there is one."""
    found = [incident for incident in state.incidents.values() if name in incident.outage_ids]
    return incidents_by_outage(found).get(name) or next(iter(found), None)


async def _incident(view: WorkerView, request: Request) -> Response:
    query, state = query_of(MemberQuery, _given(request)), await aside(PageState, copied(view))
    found = state.incidents.get(request.match_info["id"])
    if found is None:
        return await _missing(view, request, "incident")
    page = await aside(_members, state, found, query)
    (item,), members = await drawn(view, state, [found], LARGE), await drawn(view, state, page.found)
    following = None if page.next is None else reference(query, page.next)
    gone = await aside(lambda: sum(name not in state.outages for name in found.outage_ids))
    return await _page(
        view,
        request,
        "incident",
        item=item,
        members=members,
        next=following,
        gone=gone,
        remarks=await aside(view.remarks_of, found.incident_id),
        limit=MAX_ITEMS,
        address=view.settings.web.address,
        has_png=why_no_png() is None,
    )


def _members(state: PageState, found: Incident, query: MemberQuery) -> Page[Outage]:
    return newest_first((state.outages[name] for name in found.outage_ids if name in state.outages), query)


async def _series(view: WorkerView, request: Request) -> Response:
    query = query_of(EntityQuery, _given(request))
    entity = query.entity
    state, found = await aside(PageState, copied(view)), view.rows_of_entity(entity)
    page = await aside(page_of_series, found, entity, SeriesQuery(limit=SHOWN, cursor=query.cursor))
    outages = await aside(_newest_of, state, entity)
    return await _page(
        view,
        request,
        "series",
        entity=entity,
        name=view.name_of(entity),
        series=await aside(series_items, state, page.histories),
        next=None if page.next is None else reference(query, page.next),
        elsewhere=view.elsewhere(entity),
        outages=await drawn(view, state, outages),
    )


def _newest_of(state: PageState, entity: str) -> list[Outage]:
    return nlargest(MAX_ITEMS, (outage for outage in state.outages.values() if outage.entity == entity), key=key)


async def _api(view: WorkerView, request: Request) -> Response:
    ids = [("outage_id", found.outage_id) for found in view.outages()[:1]]
    ids += [("incident_id", found.incident_id) for found in view.incidents()[:1]]
    address = view.settings.web.address
    return await _page(view, request, "api", endpoints=endpoints(dict(ids)), bodies=bodies(), address=address)


async def _missing(view: WorkerView, request: Request, kind: str) -> Response:
    name = one_line(request.match_info["id"])
    unread = view.unread()
    detail = f"No worker has the {kind} {name}, or it ended long ago." if unread is None else f"Not known: {unread}."
    return await _error(view, request, 404, f"No such {kind}", detail)
