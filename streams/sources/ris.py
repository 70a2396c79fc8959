"""Reads RIPE RIS: a table, the messages since from the archive, then RIS Live; after a break the archive again."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from pathlib import Path
from typing import TypeAlias

from schemas.times import format_time
from streams.config.ris_source import RisSource
from streams.sources.beacons import BeaconWatch
from streams.sources.bgp_update import RouteChange
from streams.sources.link import ConnectionLostError, Link, Stream, beside
from streams.sources.mrt import BrokenRecord
from streams.sources.part_clock import Position, oldest_of
from streams.sources.records import Arrival
from streams.sources.ris_archive import TABLES, UPDATES, RisArchive
from streams.sources.ris_messages import LiveChange, LiveError, message_of, subscription
from streams.sources.route_bins import PART, RouteBins

WAITING = 1_000_000  # messages that may wait while the archive is read
NEAR = 2 * UPDATES  # seconds behind the present from which on the stream is read, too
AHEAD = 300  # seconds that a message may be ahead of our clock
RECENT = 10_000  # messages of which one that comes again is recognised

Waiting: TypeAlias = asyncio.Queue[LiveChange | BrokenRecord | ConnectionLostError]


class RisReader:
    """One connection to RIS. The table outlives it: `bins.complete` is the time up to which all messages are in it."""

    def __init__(self, source: RisSource, link: Link, position: Position | None, bins: RouteBins) -> None:
        self._source, self._link, self._bins = source, link, bins
        self._now = link.ports.now
        self._watch = BeaconWatch.of(source.beacons, float(source.beacon_patience))
        self._heap: list[tuple[float, int, LiveChange]] = []
        self._newest, self._arrived = 0.0, 0
        self._recent: dict[tuple[str, str], None] = {}
        oldest = oldest_of(position, link.began, self._now(), float(source.backfill))
        saved = None if position is None else position.offset
        self._from = oldest if saved is None else max(saved, oldest)
        self.begins: Mapping[str, int] = {PART: self._from}
        if (saved or 0) < bins.made:
            bins.restart()  # what was made last did not arrive
        reached = bins.complete if bins.complete is not None else saved
        if reached is not None and reached < oldest:
            bins.restart()
            bins.lose_track(reached, oldest)
        bins.begin = max(bins.begin, self._from)

    async def arrivals(self) -> AsyncGenerator[Arrival, None]:
        """Yield bins as they end, without end. Raises ConnectionLostError."""
        with tempfile.TemporaryDirectory() as folder:
            archive = RisArchive(self._source.archive, self._link, Path(folder), float(self._source.archive_patience))
            if self._bins.complete is None:
                async for arrival in self._tables(archive):
                    yield arrival
            async for arrival in self._updates(archive, lambda: self._now() - NEAR):
                yield arrival
            stream = await self._subscribed()
            begin = -(-int(self._now()) // UPDATES) * UPDATES
            async with self._pumping(stream, begin) as waiting:
                async for arrival in self._updates(archive, lambda: begin - UPDATES):
                    yield arrival
                while True:
                    await self._take(waiting)
                    yield self._arrival()

    def _arrival(self) -> Arrival:
        return Arrival([self._bins.taken()])

    async def _tables(self, archive: RisArchive) -> AsyncIterator[Arrival]:
        """Read a table of each collector, and note from when on messages must be read."""
        begins = []
        for collector in self._source.collectors:
            begins.append(await archive.table(collector, self._from, self._bins))
            yield self._arrival()
        self._bins.complete = min(begins)

    async def _updates(self, archive: RisArchive, until: Callable[[], float]) -> AsyncIterator[Arrival]:
        """Read messages of the archive, five minutes at once, until those from a time on are read."""
        complete = self._bins.complete
        assert complete is not None
        yield self._arrival()
        while complete <= until():
            await self._tables_again(archive, complete)
            for collector in await archive.updates(self._source.collectors, complete, self._bins):
                self._bins.lose_collector(collector, complete, complete + UPDATES)
            complete = self._bins.complete = complete + UPDATES
            yield self._arrival()

    async def _tables_again(self, archive: RisArchive, ts: int) -> None:
        """Read the tables of collectors of which messages were missing, when there are new ones."""
        if ts % TABLES == 0:
            for collector in sorted(self._bins.doubted):
                await archive.table_of(collector, ts, self._bins)

    async def _subscribed(self) -> Stream:
        stream = await self._link.stream(self._source.stream)
        for collector in self._source.collectors:
            await stream.send(subscription(collector))
        return stream

    @asynccontextmanager
    async def _pumping(self, stream: Stream, begin: int) -> AsyncIterator[Waiting]:
        """Yield the messages from a time on, which are read also while the archive is; the end is the last entry."""
        waiting: Waiting = asyncio.Queue(WAITING)

        async def pump() -> None:
            try:
                while True:
                    found: LiveChange | BrokenRecord = await stream.receive(
                        float(self._source.silent_after), self._message
                    )
                    if isinstance(found, BrokenRecord) or found.change.ts >= begin:
                        waiting.put_nowait(found)
            except ConnectionLostError as error:
                await waiting.put(error)
            except asyncio.QueueFull:
                waiting.get_nowait()
                await waiting.put(ConnectionLostError("slow", f"{self._source.stream}: {WAITING} messages wait"))

        async with beside(pump()):
            yield waiting

    def _message(self, text: str) -> LiveChange | BrokenRecord | None:
        found = message_of(text)
        if isinstance(found, LiveError):
            raise ConnectionLostError("closed", f"{self._source.stream}: says: {found.text}")
        if isinstance(found, LiveChange) and found.change.ts > self._now() + AHEAD:
            found = f"a time that is {found.change.ts - self._now():.0f} s ahead"
        return BrokenRecord(self._now(), text.encode(), found) if isinstance(found, str) else found

    async def _take(self, waiting: Waiting) -> None:
        """Take in what waits, and go on to what is older than the lateness. Raises ConnectionLostError."""
        found = await waiting.get()
        while True:
            if isinstance(found, ConnectionLostError):
                raise found
            if isinstance(found, BrokenRecord):
                self._bins.reject(found)
            else:
                self._add(found)
            if waiting.empty():
                break
            found = waiting.get_nowait()
        self._release()

    def _add(self, found: LiveChange) -> None:
        """Add a message, unless it came before."""
        key = (found.collector, found.id)
        if found.id and key in self._recent:
            self._bins.duplicates += 1
            return
        self._recent[key] = None
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        self._arrived += 1
        self._newest = max(self._newest, found.change.ts)
        heappush(self._heap, (found.change.ts, self._arrived, found))

    def _release(self) -> None:
        """Take in messages in order of time, once newer ones have passed them by the lateness."""
        limit = self._newest - float(self._source.lateness)
        while self._heap and self._heap[0][0] < limit:
            _, _, found = heappop(self._heap)
            self._listen(found.change)
            self._bins.take_live(found.collector, found.change)
        if limit > 0:
            self._bins.complete = max(self._bins.complete or 0, int(limit) // UPDATES * UPDATES)

    def _listen(self, change: RouteChange) -> None:
        """Raise ConnectionLostError when a beacon should have come by now: what is missing is read from the archive."""
        if (missed := self._watch.missed(change.ts)) is not None:
            self._bins.complete = int(self._watch.seen_at or 0) // UPDATES * UPDATES
            text = f"{self._source.stream}: no beacon was announced or withdrawn since {format_time(missed)}"
            raise ConnectionLostError("silent", text)
        self._watch.see(change)
