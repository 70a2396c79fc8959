"""RIPE RIS as its documentation describes it: an archive of MRT files, and RIS Live, over a course of events."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from aiohttp import WSMsgType, web

from tests.streams.sources.bgp_bytes import attributes, keepalive, message, prefix, state, table, update
from tests.streams.sources.fake_server import cut, half_a_frame, pinged
from tests.streams.sources.virtual_clock import VirtualClock

TABLES, UPDATES = 28_800, 300  # seconds
LAG = 60  # seconds until the archive has a file
COLLECTOR = "rrc00"
Kind = Literal["announce", "withdraw", "up", "down", "keepalive"]


class PeerEvent(NamedTuple):
    """What a peer says at a time, of prefixes of a network."""

    ts: float
    peer: str
    kind: Kind
    prefixes: tuple[str, ...] = ()
    asn: int = 0

    def mrt(self) -> bytes:
        """Return the record of a collector."""
        if self.kind in ("up", "down"):
            return state(int(self.ts), self.peer, *((5, 6) if self.kind == "up" else (6, 1)))
        return message(self.ts, self.peer, self._bgp())

    def _bgp(self) -> bytes:
        prefixes = list(map(prefix, self.prefixes))
        if self.kind == "keepalive":
            return keepalive()
        return update(prefixes) if self.kind == "withdraw" else update([], attributes([64_496, self.asn]), prefixes)

    def live(self, number: int) -> str:
        """Return the message of RIS Live."""
        data: dict[str, Any] = {"timestamp": self.ts, "peer": self.peer, "peer_asn": "64496", "host": COLLECTOR}
        data |= {"id": f"{self.peer}-{self.ts}-{number}", "type": "UPDATE"}
        if self.kind == "announce":
            announced = {"next_hop": self.peer, "prefixes": self.prefixes}
            data |= {"path": [64_496, self.asn], "origin": "igp", "announcements": [announced]}
        elif self.kind == "withdraw":
            data["withdrawals"] = self.prefixes
        elif self.kind == "keepalive":
            data["type"] = "KEEPALIVE"
        else:
            data |= {"type": "RIS_PEER_STATE", "state": "connected" if self.kind == "up" else "down"}
        return json.dumps({"type": "ris_message", "data": data})


class FakeRis:
    """The archive and the stream over events in order of time; `routes`: of each peer and prefix at the beginning.

    `faults`: what happens to the stream instead of the event of this index. `absent`: files that never come.
    `unsent`: events that the stream loses. `pause`: real seconds before each event.
    """

    def __init__(
        self, clock: VirtualClock, begin: int, routes: dict[tuple[str, str], int], events: Sequence[PeerEvent]
    ) -> None:
        self.clock, self.begin, self.routes, self.events = clock, begin, routes, events
        self.faults: dict[int, str] = {}
        self.absent: set[str] = set()
        self.unsent: set[PeerEvent] = set()
        self.asked: list[str] = []
        self.subscriptions: list[dict[str, Any]] = []
        self.pause = 0.0

    def handlers(self) -> dict[str, Any]:
        """Return what answers at which path."""
        return {"/archive/{collector}/{month}/{file}": self.archive, "/v1/ws/": self.stream}

    async def archive(self, request: web.Request) -> web.Response:
        """Return a file, once it is there."""
        name = request.match_info["file"]
        self.asked.append(name)
        kind, day, minute, _ = name.split(".")
        start = int(datetime.strptime(day + minute, "%Y%m%d%H%M").replace(tzinfo=UTC).timestamp())
        assert request.match_info["month"] == f"{day[:4]}.{day[4:6]}"
        there = start + (UPDATES if kind == "updates" else 0) + LAG
        if name in self.absent or self.clock.now() < there or start < self.begin:
            return web.Response(status=404)
        return web.Response(body=gzip.compress(self.table(start) if kind == "bview" else self.updates(start), 1))

    def updates(self, start: int) -> bytes:
        """Return the messages of five minutes."""
        return b"".join(event.mrt() for event in self.events if start <= event.ts < start + UPDATES)

    def table(self, ts: int) -> bytes:
        """Return what peers have at a time."""
        routes = dict(self.routes)
        for event in (event for event in self.events if event.ts < ts):
            if event.kind in ("up", "down"):
                routes = {key: asn for key, asn in routes.items() if key[0] != event.peer}
            for text in event.prefixes:
                routes.pop((event.peer, text), None)
                if event.kind == "announce":
                    routes[event.peer, text] = event.asn
        peers = sorted({peer for peer, _ in self.routes})
        texts = sorted({text for _, text in routes})
        return table(
            ts,
            peers,
            [
                (text, [(at, [64_496, routes[peer, text]]) for at, peer in enumerate(peers) if (peer, text) in routes])
                for text in texts
            ],
        )

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        """Send what happens from now on: now and then twice, and now and then after the event that follows."""
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        self.subscriptions.append(json.loads((await socket.receive()).data))
        await socket.send_str('{"type": "ris_subscribe_ok", "data": {"subscription": {}}}')
        began, waiting = self.clock.now(), list[str]()
        for at, event in enumerate(self.events):
            if event.ts < began:
                continue
            if fault := self.faults.pop(at, None):
                await self.fail(fault, request, socket)
                if fault != "garbage":
                    return socket
            await asyncio.sleep(self.pause)
            self.clock.reach(event.ts + 1)
            if event in self.unsent:
                continue
            if at % 17 == 0:
                waiting.append(event.live(at))
                continue
            for text in [event.live(at), *waiting, *([event.live(at)] if at % 50 == 0 else [])]:
                await socket.send_str(text)
            waiting = []
        while (await socket.receive()).type not in (WSMsgType.CLOSED, WSMsgType.CLOSE, WSMsgType.ERROR):
            pass
        return socket

    async def fail(self, fault: str, request: web.Request, socket: web.WebSocketResponse) -> None:
        """Cut the stream, answer pings only, or send what is no message; meanwhile events pass unsent."""
        await pinged(socket)
        if fault == "silent":
            self.clock.run_out(1200, limit=300)
            await socket.receive()
        elif fault == "garbage":
            await socket.send_str('{"type": "ris_message", "data": {"timestamp": "soon"}}')
            await socket.send_str("\0")
        elif fault == "slow":
            await socket.send_str('{"type": "ris_error", "data": {"message": "client is too slow"}}')
        elif fault == "half":
            await half_a_frame(request)
        else:
            cut(request)
        if fault in ("half", "cut"):
            self.clock.reach(self.clock.now() + 1200)


def peers_say(
    ts: float, peers: Sequence[str], kind: Kind, prefixes: Sequence[str] = (), asn: int = 0
) -> list[PeerEvent]:
    """Return what peers say, one after the other."""
    return [PeerEvent(ts + at, peer, kind, tuple(prefixes), asn) for at, peer in enumerate(peers)]


def at(events: Sequence[PeerEvent], ts: float, until: Callable[[PeerEvent], bool] = lambda _: True) -> int:
    """Return the index of the first event from a time on."""
    return next(number for number, event in enumerate(events) if event.ts >= ts and until(event))
