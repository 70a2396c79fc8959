"""Who may ask the worker's web server, and how much: reading only, no bodies, and a token if one is set."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp.web import Request, Response, StreamResponse, middleware

from streams.secret import Secret, one_of
from streams.settings import Web

OPEN = ("/healthz", "/readyz")  # they say yes or no, and whoever restarts a worker has no token
MAX_BODY = 1024  # bytes; no page reads one
LOOPBACK = ("127.0.0.1", "::1", "localhost")
Handler = Callable[[Request], Awaitable[StreamResponse]]


def token_of(web: Web) -> Secret | None:
    """Return the token that the pages ask for, out of the settings or its file. Raises SettingsError."""
    return one_of(web.token, web.token_file, "web.token_file")


def application_options(web: Web) -> dict[str, Any]:
    """Return how aiohttp's application is made. Raises SettingsError."""
    return {"middlewares": [_guard(token_of(web))], "client_max_size": MAX_BODY}


def exposed(web: Web) -> str | None:
    """Return a warning when the pages can be read from elsewhere without a token."""
    if web.bind in LOOPBACK or token_of(web) is not None:
        return None
    return f"web.bind {web.bind} without web.token: whoever reaches port {web.port} can read all pages"


def _guard(token: Secret | None) -> Any:  # noqa: ANN401
    @middleware
    async def guard(request: Request, handler: Handler) -> StreamResponse:
        refusal = _refusal(request, token)
        return await handler(request) if refusal is None else refusal

    return guard


def _refusal(request: Request, token: Secret | None) -> Response | None:
    if request.method not in ("GET", "HEAD"):
        return Response(status=405, text="read only\n", headers={"Allow": "GET, HEAD"})
    if request.body_exists:
        return Response(status=413, text="no page takes a body\n")
    if token is None or request.path in OPEN or _knows(request, token):
        return None
    return Response(status=401, text="a token is needed\n", headers={"WWW-Authenticate": 'Bearer realm="ebbtide"'})


def _knows(request: Request, token: Secret) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    found, wanted = given.strip().encode(errors="surrogateescape"), token.reveal().encode()
    return scheme.lower() == "bearer" and hmac.compare_digest(found, wanted)
