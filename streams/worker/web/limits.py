"""The web server of a worker: bounds on connections, on the time of a request's head and on that of an answer.

Every answer passes here, also what aiohttp answers before it looks for a page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

from aiohttp.web import Application, AppRunner, BaseRequest, RequestHandler, Response, Server, StreamResponse

from streams.worker.web.security_headers import answered, refused

Answer = Callable[[Any], Awaitable[StreamResponse]]


class WebLimits(NamedTuple):
    """`connections`: most at a time; `head`: seconds to bring the head of a request; `send`: to take the answer.

    `unsent`: bytes of all answers that are not taken yet.
    """

    connections: int = 256
    head: float = 10.0
    send: float = 60.0
    unsent: int = 64 * 2**20


LIMITS = WebLimits()


class LimitedRunner(AppRunner):
    """Runs an application within limits. `closed`: called with the reason for each connection that is closed."""

    __slots__ = ("closed", "limits")

    def __init__(
        self, app: Application, limits: WebLimits = LIMITS, closed: Callable[[str], None] = lambda reason: None
    ) -> None:
        super().__init__(app)
        self.limits, self.closed = limits, closed

    async def _make_server(self) -> Server:
        made = await super()._make_server()
        return LimitedServer(made, self.limits, self.closed)


class LimitedServer(Server):
    """Closes connections that bring no request or take no answer in time, and in a crowd the slowest."""

    def __init__(self, made: Server, limits: WebLimits, closed: Callable[[str], None]) -> None:
        super().__init__(self._begin, request_factory=made.request_factory)
        self.limits = limits
        self._answer: Answer = made.request_handler
        self._closed = closed
        self._waiting: dict[RequestHandler, asyncio.TimerHandle] = {}
        self._sending: dict[RequestHandler, int] = {}  # bytes of each answer, the oldest first

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection."""
        return _Connection(self, loop=asyncio.get_running_loop(), access_log=None, lingering_time=1.0)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Wait for a request. One connection too many closes the slowest, perhaps itself."""
        super().connection_made(handler, transport)
        self.wait_for_request(handler)
        if len(self.connections) > self.limits.connections:
            self.abort(self._slowest(handler), "crowd")

    def _slowest(self, newest: RequestHandler) -> RequestHandler:
        """Return who has waited longest for a request, else who takes an answer for longest, else the newest."""
        longest = next(iter(self._waiting))
        return longest if longest is not newest else next(iter(self._sending), newest)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Forget a connection."""
        super().connection_lost(handler, exc)
        self.stop_waiting(handler)
        self.end_sending(handler)

    def wait_for_request(self, handler: RequestHandler) -> None:
        """Close a connection unless it brings the head of a request in time."""
        self.stop_waiting(handler)
        loop = asyncio.get_running_loop()
        self._waiting[handler] = loop.call_later(self.limits.head, self.abort, handler, "head")

    def stop_waiting(self, handler: RequestHandler) -> None:
        """Note that a request has come."""
        if timer := self._waiting.pop(handler, None):
            timer.cancel()

    def begin_sending(self, handler: RequestHandler, answer: StreamResponse) -> None:
        """Note an answer. The answers taken for longest make room for it."""
        body = answer.body if isinstance(answer, Response) else None
        size = len(body) if isinstance(body, bytes | bytearray) else 0
        while self._sending and sum(self._sending.values()) + size > self.limits.unsent:
            self.abort(next(iter(self._sending)), "crowd")
        self._sending[handler] = size

    def end_sending(self, handler: RequestHandler) -> None:
        """Note that an answer is taken."""
        self._sending.pop(handler, None)

    def abort(self, handler: RequestHandler, reason: str) -> None:
        """Close a connection without waiting until its peer has taken what was sent."""
        self.stop_waiting(handler)
        self.end_sending(handler)
        transport = handler.transport
        handler.force_close()
        if transport is not None:
            transport.abort()
            self._closed(reason)

    async def _begin(self, request: BaseRequest) -> StreamResponse:
        self.stop_waiting(request.protocol)
        return await answered(request, self._answer)


class _Connection(RequestHandler):
    """One connection of a `LimitedServer`."""

    __slots__ = ("_server",)

    def __init__(self, server: LimitedServer, **options: Any) -> None:  # noqa: ANN401
        super().__init__(server, **options)
        self._server = server

    async def finish_response(
        self, request: BaseRequest, resp: StreamResponse, start_time: float | None
    ) -> tuple[StreamResponse, bool]:
        """Send an answer, and close the connection when it is not taken in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._server.limits.send):
                return await self._send(request, resp, start_time)
        self._server.abort(self, "send")
        return resp, True

    async def _send(
        self, request: BaseRequest, resp: StreamResponse, start_time: float | None
    ) -> tuple[StreamResponse, bool]:
        if self.transport is None:  # the peer has gone while the page was made
            return resp, True
        self._server.begin_sending(self, resp)
        sent = await super().finish_response(request, resp, start_time)
        self._server.end_sending(self)
        if self.transport is not None:
            self._server.wait_for_request(self)
        return sent

    def handle_error(
        self, request: BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> StreamResponse:
        """Answer what is no HTTP request. aiohttp would repeat its text without our headers, and log a traceback."""
        self._server.stop_waiting(self)
        return refused(request, status, exc)
