"""Access control of the worker's web server: GET and HEAD only, no bodies, and a token if one is set."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp.web import Request, Response, StreamResponse, middleware

from streams.config.secret import Secret
from streams.config.settings import WebSettings, token_of
from streams.worker.web.responses import problem

OPEN = ("/healthz", "/readyz")  # without a token: an orchestrator has none, and they only say yes or no
MAX_BODY = 1024  # bytes; no page reads one
LOOPBACK = ("127.0.0.1", "::1", "localhost")
Handler = Callable[[Request], Awaitable[StreamResponse]]


def application_options(web: WebSettings) -> dict[str, Any]:
    """Return the arguments of aiohttp's `Application`. Raises SettingsError."""
    return {
        "middlewares": [_access(token_of(web), web.bind in LOOPBACK)],
        "client_max_size": MAX_BODY,
    }


def exposed(web: WebSettings) -> str | None:
    """Return a warning when other machines can read the pages without a token, else None."""
    if web.bind in LOOPBACK or token_of(web) is not None:
        return None
    return f"web.bind {web.bind} without web.token: anyone who can reach port {web.port} can read all pages"


def _access(token: Secret | None, on_loopback: bool) -> Any:  # noqa: ANN401
    @middleware
    async def check_access(request: Request, handler: Handler) -> StreamResponse:
        refusal = _refusal(request, token)
        if refusal is None and token is None and on_loopback and not _names_loopback(request):
            refusal = problem(421, "without web.token only requests to localhost, 127.0.0.1 or [::1] are answered")
        return await handler(request) if refusal is None else refusal

    return check_access


def _names_loopback(request: Request) -> bool:
    """Return whether the header `Host` names this machine: else a page from elsewhere had its name resolve to us."""
    host = request.headers.get("Host", "")
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower().rstrip(".") in LOOPBACK


def _refusal(request: Request, token: Secret | None) -> Response | None:
    if request.method not in ("GET", "HEAD"):
        return _problem(405, "read only", ("Allow", "GET, HEAD"))
    if request.body_exists:
        return problem(413, "no page takes a body")
    if token is None or request.path in OPEN or _has_token(request, token):
        return None
    return _problem(
        401,
        "a token is needed",
        ("WWW-Authenticate", 'Bearer realm="ebbtide"'),
        ("WWW-Authenticate", 'Basic realm="ebbtide"'),
    )


def _problem(status: int, detail: str, *headers: tuple[str, str]) -> Response:
    response = problem(status, detail)
    response.headers.extend(headers)
    return response


def _has_token(request: Request, token: Secret) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    credentials = given.strip().encode(errors="surrogateescape")
    kind = scheme.lower()
    found = credentials if kind == "bearer" else _password(credentials) if kind == "basic" else None
    return found is not None and hmac.compare_digest(found, token.reveal().encode())


def _password(given: bytes) -> bytes | None:
    """Return the password of Basic credentials, whatever the user name; None when they are malformed."""
    try:
        _, colon, password = base64.b64decode(given, validate=True).partition(b":")
    except ValueError:
        return None
    return password if colon else None
