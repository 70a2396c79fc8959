"""Access control of the worker's web server: GET and HEAD only, no bodies, and a token if one is set."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable, Collection
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
        "middlewares": [_access(token_of(web), _hosts(web))],
        "client_max_size": MAX_BODY,
    }


def exposed(web: WebSettings) -> str | None:
    """Return a warning when other machines can read the pages without a token, else None."""
    if web.bind in LOOPBACK or token_of(web) is not None:
        return None
    return f"web.bind {web.bind} without web.token: anyone who can reach port {web.port} can read all pages"


def _hosts(web: WebSettings) -> Collection[str]:
    """Return the names under which pages without a token answer; none for any name."""
    return [name.lower().strip("[]") for name in web.hosts] or (LOOPBACK if web.bind in LOOPBACK else ())


def _access(token: Secret | None, hosts: Collection[str]) -> Any:  # noqa: ANN401
    @middleware
    async def check_access(request: Request, handler: Handler) -> StreamResponse:
        refusal = _refusal(request, token)
        if refusal is None and token is None and hosts and _host(request) not in hosts:
            refusal = problem(421, f"without web.token only requests to {', '.join(hosts)} are answered")
        return await handler(request) if refusal is None else refusal

    return check_access


def _host(request: Request) -> str:
    """Return the name in the header `Host`: a page from elsewhere may have had its own name resolve to us."""
    host = request.headers.get("Host", "")
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower().rstrip(".")


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
