"""Adds security headers to every response, and turns exceptions into problems (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp.web import HTTPException, Request, StreamResponse, middleware

from schemas.rejections import one_line
from streams.worker.web.responses import problem

Handler = Callable[[Request], Awaitable[StreamResponse]]
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


@middleware
async def security_headers(request: Request, handler: Handler) -> StreamResponse:
    """Add the headers to the response of a handler. An exception becomes a problem; the log has its cause."""
    try:
        response = await handler(request)
    except HTTPException as error:
        response = problem(error.status, _DETAILS.get(error.status, error.reason))
    except Exception:
        log.exception("the page %s failed", one_line(request.path))
        response = problem(500, "this page failed; the worker's log says why")
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
