"""Reads a service that is asked for a range of time: what is past first, then each step when it is due."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import NamedTuple, Protocol

from streams.config.network_sources import NetworkSource
from streams.sources.link import Link
from streams.sources.part_clock import Position, oldest_of
from streams.sources.records import Arrival, Gap, LineRecord, RecordChunk, Remarks

PART = "steps"
STEPS = 500  # of a request


class RangeAnswer(NamedTuple):
    """What a service says of a range: JSON objects by the start of their step (Unix seconds).

    `unknown`: that time of each value that the service does not know.
    """

    objects: dict[int, list[bytes]]
    unknown: list[int]


class RangeService(Protocol):
    """A service that is asked by range. `step`: seconds; `most`: steps of a request."""

    step: int
    most: int

    async def ask(self, link: Link, start: int, stop: int) -> RangeAnswer:
        """Return the steps that start from `start` up to and including `stop`. Raises ConnectionLostError."""


class PollReader:
    """One connection to a service of ranges. A step is asked for when it has been over for the source's lateness."""

    def __init__(self, service: RangeService, source: NetworkSource, link: Link, position: Position | None) -> None:
        self._service, self._link, self._late = service, link, float(source.lateness)
        oldest = oldest_of(position, link.began, link.ports.now(), float(source.backfill))
        self._last = None if position is None else position.offset  # the end of the newest step with data
        self._gaps: tuple[Gap, ...] = ()
        if self._last is not None and self._last < oldest:
            self._gaps, self._last = ((self._last, oldest),), oldest
        step = service.step
        self._at = -(-(oldest if self._last is None else self._last) // step) * step
        self.begins: Mapping[str, int] = {PART: self._at}

    def _due(self) -> int:
        """Return the start of the newest step that is due."""
        step = self._service.step
        return int((self._link.ports.now() - self._late) // step) * step - step

    async def arrivals(self) -> AsyncGenerator[Arrival, None]:
        """Yield each step with data as a record, whose offset is its time; without end. Raises ConnectionLostError."""
        if self._at > (due := self._due()):
            await self._service.ask(self._link, due, due)  # shows that the service answers
            yield Arrival([])
        while True:
            due, step = self._due(), self._service.step
            if self._at > due:
                await self._link.ports.sleep(self._at + step + self._late - self._link.ports.now() + 0.1)
                continue
            stop = min(due, self._at + (self._service.most - 1) * step)
            answer = await self._service.ask(self._link, self._at, stop)
            yield Arrival([self._chunk(answer, range(self._at, stop + 1))])
            self._at = stop + step

    def _chunk(self, answer: RangeAnswer, asked: range) -> RecordChunk:
        """Return the steps with data as records, and the steps without any between such as gaps."""
        records = []
        for ts in sorted(ts for ts in answer.objects if ts in asked):
            if self._last is not None and ts > self._last:
                self._gaps += ((self._last, ts),)
            self._last = ts + self._service.step
            records.append(LineRecord(b"[" + b",".join(answer.objects[ts]) + b"]", ts))
        gaps, self._gaps = self._gaps, ()
        return RecordChunk(PART, records, remarks=Remarks(gaps, sum(ts in asked for ts in answer.unknown)))
