"""A server on loopback that answers as services do on bad days, step by step, as a test says.

An answer is bytes, a status, or one of the faults below. What follows the last step is the last step again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import WSMsgType, web


class Throttle(NamedTuple):
    """429 with Retry-After, or another status."""

    retry_after: str | None
    status: int = 429


class Cut(NamedTuple):
    """The connection ends after these bytes of an answer that says it is longer."""

    begin: bytes = b""


class Stuck(NamedTuple):
    """No answer; `run_out` is called when the request has come, to let the time limit be reached."""

    run_out: Callable[[], None]


Step = bytes | Throttle | Cut | Stuck
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def stepwise(*steps: Step) -> Handler:
    """Return a handler that answers with one step after the other, the last again and again."""
    left = list(steps)

    async def handle(request: web.Request) -> web.StreamResponse:
        return await answer(request, left.pop(0) if len(left) > 1 else left[0])

    return handle


async def answer(request: web.Request, step: Step) -> web.StreamResponse:
    """Answer a request."""
    if isinstance(step, bytes):
        return web.Response(body=step)
    if isinstance(step, Throttle):
        headers = {} if step.retry_after is None else {"Retry-After": step.retry_after}
        return web.Response(status=step.status, headers=headers)
    if isinstance(step, Stuck):
        step.run_out()
        await asyncio.Event().wait()
    response = web.StreamResponse(headers={"Content-Length": "1000000"})
    await response.prepare(request)
    await response.write(step.begin if isinstance(step, Cut) else b"")
    cut(request)
    return response


def cut(request: web.Request) -> None:
    """End a connection without a word, in the middle of whatever it was."""
    assert request.transport is not None
    request.transport.close()


async def half_a_frame(request: web.Request) -> None:
    """Send the beginning of a frame of a websocket that says it has a hundred bytes, and end the connection."""
    assert request.transport is not None
    request.transport.write(bytes([0x81, 100]) + b'["atlas_pro')  # RFC 6455: final, text; length; 11 bytes
    cut(request)


async def pinged(socket: web.WebSocketResponse) -> None:
    """Ping, and wait for the pong: all that was sent before has been read. The socket needs `autoping=False`."""
    await socket.ping()
    message = await socket.receive()
    assert message.type is WSMsgType.PONG, message


@asynccontextmanager
async def serving(handlers: dict[str, Handler], tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve paths, until the end of `with`, and yield host and port."""
    application = web.Application()
    application.add_routes([web.get(path, handler) for path, handler in handlers.items()])
    runner: Any = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()


async def raw_server(text: bytes) -> tuple[asyncio.Server, int]:
    """Return a server, and its port, that answers every connection with these bytes, which may be no HTTP."""

    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]
