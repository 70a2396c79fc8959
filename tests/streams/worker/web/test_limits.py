"""The web server within its limits: what aiohttp answers itself, slow and idle connections, and crowds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import pytest
from aiohttp.web import Application, Request, Response

from streams.config.settings import WebSettings
from streams.worker.web.access import application_options
from streams.worker.web.limits import LIMITS, WebLimits
from streams.worker.web.routes import Turns, add_page
from streams.worker.web.security_headers import HEADERS
from tests.streams.worker.web.server import WorkerServer

LINE = "\r\n"
SECRET = "SECR3T"
SOON = 0.2  # seconds that a limit allows in these tests
PATIENCE = 30


class Site(NamedTuple):
    """A server and the reasons for which it has closed connections."""

    server: WorkerServer
    closed: Counter[str]

    async def ask(self, text: str) -> bytes:
        """Return all that the server answers until it closes the connection."""
        reader, writer = await asyncio.open_connection(self.server.host, self.server.port)
        answer = b""
        with suppress(ConnectionError):
            writer.write(text.encode("latin-1"))
            answer = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        return answer


@asynccontextmanager
async def site(
    limits: WebLimits = LIMITS, page: Callable[[Request], Awaitable[Response]] | None = None
) -> AsyncIterator[Site]:
    """Serve a page at `/`, and one that fails at `/bad`."""
    app = Application(**application_options(WebSettings()))

    async def good(request: Request) -> Response:
        return Response(text="here")

    async def bad(request: Request) -> Response:
        raise ValueError(SECRET)

    add_page(app, "/", page or good)
    add_page(app, "/bad", bad)
    closed: Counter[str] = Counter()
    server = WorkerServer(app, limits, lambda reason: closed.update([reason]))
    async with server:
        yield Site(server, closed)


def request(line: str, *headers: str) -> str:
    """Return a request after which the server is to close the connection."""
    return LINE.join([line, "Host: localhost", "Connection: close", *headers, "", ""])


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (request(f"GET /{SECRET} HTTP/1.1"), 404),
        (request(f"GET /{SECRET}%0d%0aX:%20y HTTP/1.1"), 404),
        (request("GET /bad HTTP/1.1"), 500),
        (request("POST / HTTP/1.1", "Content-Length: 6") + SECRET, 405),
        (request("GET / HTTP/1.1", "Content-Length: 6") + SECRET, 413),
        (request(f"{SECRET} / HTTP/1.1"), 405),
        (request("CONNECT localhost:1 HTTP/1.1"), 405),
        (request("GET / HTTP/1.1", f"Expect: {SECRET}"), 417),
        (request(f"GET /{SECRET} HTTP/1.1", f"Expect: {SECRET}"), 417),
        (request("GET / HTTP/1.1", "Expect: 100-continue", "Content-Length: 1"), 413),
        (request("GET / HTTP/1.1", f"X: {'y' * 20_000}{SECRET}"), 400),
        (request("GET / HTTP/1.1", *(f"X-{number}: {SECRET}" for number in range(2000))), 400),
        (request(f"GET /{'y' * 20_000}{SECRET} HTTP/1.1"), 400),
        (request("GET / HTTP/1.1", f"{SECRET} : y"), 400),
        (request("GET / HTTP/1.1", f"Content-Length: {SECRET}"), 400),
        (request("GET / HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 3") + SECRET, 400),
        (request("GET / HTTP/1.1", "Transfer-Encoding: chunked") + f"{SECRET}{LINE}", 400),
        (request(f"GET / HTTP/{SECRET}"), 400),
        (request(f"GET http://[{SECRET}/ HTTP/1.1"), 400),
        (f"{SECRET}{LINE}{LINE}", 400),
        (f"\x16\x03\x01{SECRET}{LINE}{LINE}", 400),
        (request("GET / HTTP/1.1", f"Host: {SECRET}"), 421),
    ],
)
async def test_no_error_repeats_the_request_or_lacks_the_headers(text: str, status: int) -> None:
    """Whether a page, the access check, the router or the parser of aiohttp refuses it."""
    async with site() as here:
        answer = await here.ask(text)
    head, _, body = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    first, *lines = head.decode().split(LINE)
    assert first.split()[1] in (str(status), "400"), answer
    assert {name: dict(line.split(": ", 1) for line in lines).get(name) for name in HEADERS} == HEADERS
    assert SECRET.encode() not in answer
    assert b"aiohttp" not in answer
    assert b'"status":' in body


async def test_a_head_has_its_time() -> None:
    """A connection that sends nothing, or a head a byte at a time, is closed; so is one that stays idle afterwards."""
    async with site(WebLimits(head=SOON)) as here:
        assert await here.ask("") == b""
        assert await here.ask("GET / HTTP/1.1\r\nHost: localhost\r\nX: ") == b""
        answer = await here.ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.endswith(b"here")
        assert here.closed == {"head": 3}


async def test_a_page_may_take_longer_than_a_head() -> None:
    """The time of the head ends when the request is there."""

    async def slow(request: Request) -> Response:
        await asyncio.sleep(3 * SOON)
        return Response(text="late")

    async with site(WebLimits(head=SOON), slow) as here:
        assert (await here.ask(request("GET / HTTP/1.1"))).endswith(b"late")
        assert not here.closed


async def test_an_answer_that_nobody_takes_is_dropped() -> None:
    """A peer that reads nothing keeps no answer in memory."""

    async def large(request: Request) -> Response:
        return Response(body=bytes(50_000_000))

    async with site(WebLimits(send=SOON), large) as here:
        _, writer = await asyncio.open_connection(here.server.host, here.server.port, limit=1024)
        writer.write(request("GET / HTTP/1.1").encode())
        async with asyncio.timeout(PATIENCE):
            while not here.closed:
                await asyncio.sleep(0.01)
        assert here.closed == {"send": 1}
        writer.close()


async def test_a_crowd_does_not_keep_others_out() -> None:
    """One connection too many closes whichever has waited longest; who brings a request at once is answered."""
    async with site(WebLimits(connections=3)) as here:
        idle = [await asyncio.open_connection(here.server.host, here.server.port) for _ in range(3)]
        assert (await here.ask(request("GET / HTTP/1.1"))).endswith(b"here")
        assert await idle[0][0].read() == b""
        assert here.closed == {"crowd": 1}
        assert not idle[2][0].at_eof()
        for _, writer in idle:
            writer.close()


class Gate:
    """A page that is made once the gate is open. `begun`: how often it was begun."""

    def __init__(self) -> None:
        self.open, self.begun = asyncio.Event(), 0

    async def page(self, request: Request) -> Response:
        """Wait for the gate, and answer."""
        self.begun += 1
        await self.open.wait()
        return Response(text="here")

    async def until(self, count: int) -> None:
        """Wait until the page was begun so often."""
        async with asyncio.timeout(PATIENCE):
            while self.begun < count:
                await asyncio.sleep(0.01)


async def test_connections_are_capped_while_pages_are_made() -> None:
    """When all that are open have brought a request, it is the new one that is closed."""
    gate = Gate()
    async with site(WebLimits(connections=2), gate.page) as here:
        busy = [asyncio.create_task(here.ask(request("GET / HTTP/1.1"))) for _ in range(2)]
        await gate.until(2)
        assert await here.ask(request("GET / HTTP/1.1")) == b""
        gate.open.set()
        assert all(answer.endswith(b"here") for answer in await asyncio.gather(*busy))


async def test_too_many_pages_at_a_time_are_refused() -> None:
    """The others are made; one after them is made again."""
    gate, turns = Gate(), Turns(2)
    async with site(page=lambda request: turns.take(gate.page, request)) as here:
        first = [asyncio.create_task(here.ask(request("GET / HTTP/1.1"))) for _ in range(2)]
        await gate.until(2)
        refused = await here.ask(request("GET / HTTP/1.1"))
        assert b" 503 " in refused
        assert b"Retry-After: 1" in refused
        gate.open.set()
        assert all(answer.endswith(b"here") for answer in await asyncio.gather(*first))
        assert (await here.ask(request("GET / HTTP/1.1"))).endswith(b"here")


async def test_few_pages_are_made_at_once() -> None:
    """Each holds a copy of what it chooses from, so the others wait without one."""
    gate, turns = Gate(), Turns(5, at_once=2)
    async with site(page=lambda request: turns.take(gate.page, request)) as here:
        asked = [asyncio.create_task(here.ask(request("GET / HTTP/1.1"))) for _ in range(5)]
        await gate.until(2)
        await asyncio.sleep(0.1)  # for the others, which must not be begun
        assert gate.begun == 2
        gate.open.set()
        assert all(answer.endswith(b"here") for answer in await asyncio.gather(*asked))
        assert gate.begun == 5


async def test_who_leaves_before_the_answer_counts_no_more() -> None:
    """Peers that are gone when their page is made do not let more connections in than the limit."""
    gate = Gate()
    async with site(WebLimits(connections=3), gate.page) as here:
        for number in range(3):
            _, writer = await asyncio.open_connection(here.server.host, here.server.port)
            writer.write(request("GET / HTTP/1.1").encode())
            await gate.until(number + 1)
            writer.transport.abort()
        await asyncio.sleep(0.1)
        gate.open.set()
        idle = [await asyncio.open_connection(here.server.host, here.server.port) for _ in range(6)]
        for reader, _ in idle[:3]:
            assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        assert here.closed == {"crowd": 3}
        for _, writer in idle:
            writer.close()


async def slow_readers(here: Site, count: int) -> list[asyncio.StreamWriter]:
    """Return connections whose answers nobody reads."""
    found = list[asyncio.StreamWriter]()
    for _ in range(count):
        _, writer = await asyncio.open_connection(here.server.host, here.server.port, limit=1024)
        writer.write(request("GET / HTTP/1.1").encode())
        await asyncio.sleep(0.1)
        found.append(writer)
    return found


async def large_page(request: Request) -> Response:
    """Answer more than the buffers of two sockets take."""
    return Response(body=bytes(30_000_000))


async def test_answers_that_nobody_takes_are_bounded_together() -> None:
    """The answer that waits for longest is dropped when another would exceed the bytes of all."""
    async with site(WebLimits(unsent=70_000_000), large_page) as here:
        writers = await slow_readers(here, 3)
        assert here.closed == {"crowd": 1}
        for writer in writers:
            writer.close()


async def test_slow_readers_do_not_keep_others_out() -> None:
    """When all connections take an answer, a new one closes whichever takes longest."""
    async with site(WebLimits(connections=2), large_page) as here:
        writers = await slow_readers(here, 2)
        assert (await here.ask(request("GET /bad HTTP/1.1"))).startswith(b"HTTP/1.1 500")
        assert here.closed == {"crowd": 1}
        for writer in writers:
            writer.close()
