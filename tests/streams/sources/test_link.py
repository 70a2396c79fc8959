"""What a service does on a bad day, and what a source makes of it: a reason, one line, and a pause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from streams.config.network_sources import AtlasSource
from streams.sources.backoff import Backoff
from streams.sources.in_order import InOrder
from streams.sources.link import ConnectionLostError, Link, linked
from streams.sources.metrics import SourceMetrics
from streams.sources.run import SourceRun
from tests.streams.sources.fake_server import Cut, Step, Stuck, Throttle, pinged, raw_server, serving, stepwise
from tests.streams.sources.helpers import START, settings
from tests.streams.sources.virtual_clock import VirtualClock


@asynccontextmanager
async def link_to(clock: VirtualClock) -> AsyncIterator[Link]:
    """Yield a link with the clock of a test."""
    async with linked(AtlasSource(feed="f"), "s", clock.ports(), START) as link:
        yield link


async def lost(step: Step, clock: VirtualClock) -> ConnectionLostError:
    """Return how a request fails that is answered so."""
    async with serving({"/data": stepwise(step)}) as address, link_to(clock) as link:
        with pytest.raises(ConnectionLostError) as caught:
            await link.get(f"http://{address}/data", {"key": "secret"})
    assert str(caught.value).startswith(f"http://{address}/data: ")
    assert "secret" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("step", "reason", "wait"),
    [
        (Throttle("120"), "throttled", 120),
        (Throttle("Tue, 14 Nov 2023 22:15:00 GMT"), "throttled", 60),
        (Throttle(None), "throttled", 0),
        (Throttle("7", 503), "status", 7),
        (Throttle(None, 302), "status", 0),
        (Cut(b'{"half'), "closed", 0),
    ],
)
async def test_each_failure_has_a_reason(step: Step, reason: str, wait: float) -> None:
    """Also the wait that the server asks for, in seconds or until a date."""
    error = await lost(step, VirtualClock(START))
    assert (error.reason, error.retry_after) == (reason, wait)


async def test_a_slow_server_is_given_up() -> None:
    """When the time limit of a request is reached."""
    clock = VirtualClock(START)
    error = await lost(Stuck(lambda: clock.run_out(60, limit=60)), clock)
    assert (error.reason, str(error).partition("/data: ")[2]) == ("slow", "no answer in 60 s")


async def test_garbage_instead_of_http_is_one_line() -> None:
    """A server that speaks something else."""
    server, port = await raw_server(b"220 mail.example ESMTP\r\n\r\n")
    async with link_to(VirtualClock(START)) as link:
        with pytest.raises(ConnectionLostError) as caught:
            await link.get(f"http://127.0.0.1:{port}/")
    server.close()
    assert caught.value.reason == "closed"
    assert "\n" not in str(caught.value)


async def test_pings_are_no_data() -> None:
    """A stream that answers and sends pings, and messages that are no data, is silent."""
    clock = VirtualClock(START)

    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await socket.send_str("data 1")
        for _ in range(3):
            await socket.send_str("still here")
            await pinged(socket)
        clock.run_out(300, limit=300)
        await socket.receive()
        return socket

    def data(text: str) -> str | None:
        return text if text.startswith("data") else None

    async with serving({"/": stream}) as address, link_to(clock) as link:
        found = await link.stream(f"ws://{address}/")
        assert await found.receive(200, data) == "data 1"
        with pytest.raises(ConnectionLostError) as caught:
            await found.receive(300, data)
    assert (caught.value.reason, str(caught.value).partition("/: ")[2]) == ("silent", "no data in 300 s")


def test_events_come_in_order_and_once() -> None:
    """They wait for earlier ones; one that is later still keeps its time, in the record that is due."""
    events = InOrder(hold=10)
    for ts in (100, 104, 103, 104, 112.5):
        events.add(ts, ts, str(ts).encode())
    assert [(r.offset, r.value) for r in events.release()] == [(100, b"100")]
    for ts in (99, 103, 130):
        events.add(ts, ts, str(ts).encode())
    assert [(r.offset, r.value) for r in events.release()] == [
        (100, b"99"),
        (103, b"103"),
        (104, b"104"),
        (112, b"112.5"),
    ]
    assert (events.duplicates, len(events.waiting)) == (2, 1)


async def test_a_wait_that_is_asked_for_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    """Longer than the source would wait by itself; a minute of data makes the next wait short again."""
    clock = VirtualClock(START)
    metrics = SourceMetrics(CollectorRegistry(), {"s": "f"}, {})
    run = SourceRun(settings('ts = "t"\nasn = "a"'), "s", True, None, clock.ports(), metrics)
    backoff = Backoff(clock.ports().rng, failures=5)
    await run._pause(ConnectionLostError("throttled", "http://example/: answers 429", 120.0), backoff)
    assert (clock.pauses, backoff.failures) == ([120.0], 6)
    run._data_to = run._data_from + 61
    await run._pause(ConnectionLostError("closed", "http://example/: closed"), backoff)
    assert (clock.pauses[1] <= 1, backoff.failures) == (True, 1)
    assert caplog.messages[0] == "source s: http://example/: answers 429; connecting again in 120.0 s"
    await asyncio.sleep(0)
