"""What a worker sends: outages, dead letters, the clock. Deliveries are awaited before a snapshot counts them in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import faust
from faust.types import TP

from schemas import clock as clocks
from schemas import deadletter, finding, incident, partial
from schemas.clock import Clock
from schemas.cloudevents import Headers, incident_headers, outage_headers
from schemas.finding import Finding
from schemas.incident import Incident
from schemas.outage import Outage, encode
from schemas.partial import Piece
from schemas.rejections import Reason
from streams.config.settings import KafkaSettings
from streams.ingest.batch import Rejected
from streams.pipeline.areas.partials import place_of

FINDINGS = 0  # the partition of all findings


class Publisher:
    """Sends to the topics of the settings for a stage, by its name; `settle` waits until all that has arrived.

    `demand_pulse` ends the process when its partitions may be another's.
    """

    def __init__(self, app: faust.App, kafka: KafkaSettings, demand_pulse: Callable[[], None]) -> None:
        self._demand_pulse = demand_pulse
        self._outages = _raw_topic(app, kafka.outages)
        self._dead = _raw_topic(app, kafka.dead)
        self._clock = _raw_topic(app, kafka.clock)
        self._findings = _raw_topic(app, kafka.findings)
        self._incidents = _raw_topic(app, kafka.incidents)
        self._partials = _raw_topic(app, kafka.partials)
        self._partitions = kafka.partitions
        self._pending: dict[str, list[Awaitable[Any]]] = {}

    async def outages(self, stage: str, outages: Iterable[Outage]) -> None:
        """Send revisions of outages, in order, keyed by the outage."""
        for outage in outages:
            key = outage.outage_id.encode()
            await self._send(stage, self._outages, key, encode(outage), outage_headers(outage))

    async def incidents(self, stage: str, incidents: Iterable[Incident]) -> None:
        """Send revisions of incidents, in order, keyed by the incident."""
        for one in incidents:
            key = one.incident_id.encode()
            await self._send(stage, self._incidents, key, incident.encode(one), incident_headers(one))

    async def findings(self, stage: str, findings: Iterable[Finding]) -> None:
        """Send what reporters say of bins that closed, in order, to where incidents are made of it."""
        for one in findings:
            await self._send_to(stage, self._findings, one.reporter, finding.encode(one), FINDINGS)

    async def partials(self, stage: str, pieces: Iterable[Piece]) -> None:
        """Send what a shard tells of areas to where each combination is summed."""
        for piece in pieces:
            place = place_of(piece.feed, piece.areas, self._partitions)
            await self._send_to(stage, self._partials, f"{piece.feed}/{piece.areas}", partial.encode(piece), place)

    async def dead(self, stage: str, tp: TP, rejected: Iterable[Rejected]) -> None:
        """Send dead letters with where they came from and why."""
        for letter in rejected:
            reason = cast("Reason", letter.reason)
            headers = deadletter.headers(reason, letter.detail, tp.topic, tp.partition, letter.origin.offset)
            await self._send(stage, self._dead, None, letter.origin.payload, headers)

    async def clock(self, stage: str, clock: Clock, partitions: Iterable[int]) -> None:
        """Tell partitions how far a feed has come."""
        for partition in partitions:
            await self._send_to(stage, self._clock, clock.feed, clocks.encode(clock), partition)

    async def settle(self, stage: str) -> None:
        """Wait until everything sent for a stage is in its topic. Raises the broker's error when it is not."""
        pending = self._pending.pop(stage, [])
        if pending:
            await asyncio.gather(*pending)

    async def _send(self, stage: str, topic: Any, key: bytes | None, value: bytes, headers: Headers) -> None:  # noqa: ANN401
        self._demand_pulse()
        delivery = await topic.send(key=key, value=value, headers=headers, force=True)
        self._pending.setdefault(stage, []).append(delivery)

    async def _send_to(self, stage: str, topic: Any, key: str, value: bytes, partition: int) -> None:  # noqa: ANN401
        self._demand_pulse()
        delivery = await topic.send(key=key.encode(), value=value, partition=partition, force=True)
        self._pending.setdefault(stage, []).append(delivery)


def _raw_topic(app: faust.App, name: str) -> Any:  # noqa: ANN401
    return app.topic(name, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes)
