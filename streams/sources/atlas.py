"""Reads RIPE Atlas: history first, then the stream; after a break the history again, from where it was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from streams.config.network_sources import AtlasSource
from streams.sources.atlas_events import (
    CONNECTED,
    DISCONNECTED,
    ListedProbe,
    ProbeEvent,
    ProbePlace,
    history_of,
    message_of,
    page_of,
)
from streams.sources.in_order import InOrder
from streams.sources.link import ConnectionLostError, Link, Stream, beside
from streams.sources.part_clock import Position, oldest_of
from streams.sources.records import Arrival, Gap, RecordChunk, Remarks

PART = "connections"
SUBSCRIBE = json.dumps(["atlas_subscribe", {"streamType": "probestatus", "enrichProbes": True}])
OVERLAP = 60  # seconds of the stream that the history is read for as well
WINDOW = 21_600  # seconds of history of a request
PAGE = 500  # probes
WAITING = 100_000  # events that may wait while the history is read


class AtlasReader:
    """One connection to RIPE Atlas. `at`: up to when events are complete (Unix seconds)."""

    def __init__(self, source: AtlasSource, link: Link, position: Position | None) -> None:
        self._source, self._link = source, link
        self._events = InOrder(float(source.lateness), released=position.offset if position else 0)
        self._places: dict[int, ProbePlace] = {}
        self._reported = 0
        oldest = oldest_of(position, link.began, link.ports.now(), float(source.backfill))
        self._at = oldest if position is None else max(position.offset, oldest)
        self._gap: Gap | None = None if position is None or position.offset >= oldest else (position.offset, oldest)
        self._is_new = position is None or not position.sent
        self.begins: Mapping[str, int] = {PART: self._at}

    async def arrivals(self) -> AsyncGenerator[Arrival, None]:
        """Yield events in order, without end. Raises ConnectionLostError."""
        stream = await self._link.stream(self._source.stream)
        await stream.send(SUBSCRIBE)
        subscribed = int(self._link.ports.now())
        async with self._pumping(stream) as waiting:
            await self._survey()
            yield self._arrival(self._at)
            async for arrival in self._history(subscribed + OVERLAP):
                yield arrival
            while True:
                self._take([await self._next(waiting)])
                while not waiting.empty():
                    self._take([await self._next(waiting)])
                yield self._arrival(None)

    @asynccontextmanager
    async def _pumping(self, stream: Stream) -> AsyncIterator[asyncio.Queue[ProbeEvent | bytes | ConnectionLostError]]:
        """Yield what comes of the stream, which is read also while the history is; its end is the last entry."""
        waiting: asyncio.Queue[ProbeEvent | bytes | ConnectionLostError] = asyncio.Queue(WAITING)
        now, silent_after = self._link.ports.now, float(self._source.silent_after)

        async def pump() -> None:
            try:
                while True:
                    await waiting.put(await stream.receive(silent_after, lambda text: message_of(text, int(now()))))
            except ConnectionLostError as error:
                await waiting.put(error)

        async with beside(pump()):
            yield waiting

    async def _next(self, waiting: asyncio.Queue[ProbeEvent | bytes | ConnectionLostError]) -> ProbeEvent | bytes:
        found = await waiting.get()
        if isinstance(found, ConnectionLostError):
            raise found
        return found

    async def _history(self, until: int) -> AsyncIterator[Arrival]:
        """Yield what happened up to a time, as soon as the history is complete."""
        now, sleep, lag = self._link.ports.now, self._link.ports.sleep, float(self._source.history_lag)
        while self._at < until:
            stop = min(int(now() - lag), until, self._at + WINDOW)
            if stop > self._at:
                events = await self._results(self._at, stop - 1)
                await self._look_up({event.probe for event in events if isinstance(event, ProbeEvent)})
                self._take(events)
                self._at = stop
                yield self._arrival(stop)
            elif stop < until:
                await sleep(min(60.0, self._at + 1 + lag - now() + 1))

    async def _results(self, start: int, stop: int) -> list[ProbeEvent | bytes]:
        query = {"start": str(start), "stop": str(stop), "format": "txt"}
        return history_of(await self._link.get(f"{self._source.api}/measurements/7000/results/", query))

    def _take(self, events: Iterable[ProbeEvent | bytes]) -> None:
        """Add events; what is none goes on at the newest time, to be rejected."""
        for event in events:
            if isinstance(event, bytes):
                ts = max(self._events.newest, self._at)
                self._events.add(ts, (ts, event), event)
                continue
            if event.place is not None:
                self._places[event.probe] = event.place
            self._events.add(event.ts, event.key, event.line(self._places.get(event.probe)))

    def _arrival(self, until: int | None) -> Arrival:
        records = self._events.release(until)
        gaps = (self._gap,) if self._gap else ()
        remarks = Remarks(gaps, duplicates=self._events.duplicates - self._reported)
        self._gap, self._reported = None, self._events.duplicates
        return Arrival([RecordChunk(PART, records, remarks=remarks)])

    async def _survey(self) -> None:
        """Read where probes are, and say who was up at the start; after a gap, who was not as well."""
        connected = await self._probes({"status": str(CONNECTED)})
        if self._is_new or self._gap:
            self._say(connected, up=True)
        if self._gap:
            self._say(await self._probes({"status": str(DISCONNECTED)}), up=False)

    def _say(self, probes: list[ListedProbe], up: bool) -> None:
        """Say of probes that have not changed since the start what they are."""
        since = self._at - 1
        self._take(
            ProbeEvent(since, probe.id, up) for probe in probes if probe.status_since and probe.status_since < self._at
        )

    async def _probes(self, query: dict[str, str]) -> list[ListedProbe]:
        """Return all probes of a query, and note where they are."""
        found: list[ListedProbe] = []
        fields = {"fields": "id,asn_v4,country_code,status_since", "page_size": str(PAGE)}
        for number in range(1, 1000):
            asked = {**query, **fields, "page": str(number)}
            page = await self._link.ask(f"{self._source.api}/probes/", page_of, asked, "no page of probes: ")
            found += page.results
            if page.next is None:
                break
        self._places.update((probe.id, probe.place) for probe in found)
        return found

    async def _look_up(self, probes: set[int]) -> None:
        """Read where probes are of which that is not known."""
        missing = sorted(probes - self._places.keys())
        for at in range(0, len(missing), PAGE):
            part = missing[at : at + PAGE]
            await self._probes({"id__in": ",".join(map(str, part))})
            for probe in part:
                self._places.setdefault(probe, ProbePlace())
