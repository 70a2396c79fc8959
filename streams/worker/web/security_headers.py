"""Adds security headers to every response, and turns exceptions into problems (RFC 9457), for people into pages."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp.web import BaseRequest, HTTPException, Response, StreamResponse

from schemas.api import Problem
from schemas.rejections import one_line
from streams.worker.web.responses import PROBLEM, problem
from streams.worker.web.templates import render

Handler = Callable[[Any], Awaitable[StreamResponse]]
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Server": "ebbtide",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_DETAILS = {404: "there is no such page", 405: "read only"}
log = logging.getLogger(__name__)


async def answered(request: BaseRequest, handler: Handler) -> StreamResponse:
    """Return the response of a handler with the headers. An exception becomes a problem; the log has its cause.

    A browser gets a problem as an HTML page.
    """
    try:
        response = await handler(request)
    except HTTPException as error:
        response = problem(error.status, _DETAILS.get(error.status, HTTPStatus(error.status).phrase.lower()))
    except Exception:
        log.exception("the page %s failed", one_line(request.path))
        response = problem(500, "this page failed; the worker's log says why")
    return _with_headers(_for_people(request, response) if response.content_type == PROBLEM else response)


def _for_people(request: BaseRequest, response: StreamResponse) -> StreamResponse:
    """Return a problem as an HTML page where the client names HTML as what it takes, as browsers do."""
    if "text/html" not in request.headers.get("Accept", "").lower() or not isinstance(response, Response):
        return response
    assert isinstance(response.body, bytes)
    fault = msgspec.json.decode(response.body, type=Problem)
    response.text = render("error", request.path, grafana=None, heading=fault.title, detail=f"{fault.detail}.")
    response.content_type, response.charset = "text/html", "utf-8"
    return response


def refused(request: BaseRequest, status: int, reason: object) -> StreamResponse:
    """Return the response to what is no HTTP request: it has the headers of all others and repeats nothing."""
    level = logging.DEBUG if status < 500 else logging.ERROR  # strangers can cause the former as often as they like
    log.log(level, "a request from %s fails: %s", request.remote, one_line(str(reason)))
    if request.writer.output_size > 0:
        raise ConnectionError("the response has begun already")
    response = problem(status, "this request is not understood" if status < 500 else "this request failed")
    response.force_close()
    return _with_headers(response)


def _with_headers(response: StreamResponse) -> StreamResponse:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
