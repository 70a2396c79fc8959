"""Publishes what stages emit to the topics of the settings. A snapshot that includes it waits for the deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import faust
from aiokafka.errors import MessageSizeTooLargeError

from schemas import bin_report, deadletter, incident, partial
from schemas import clock as clocks
from schemas.bin_report import BinReport
from schemas.clock import Clock
from schemas.cloudevents import Headers, incident_headers, outage_headers
from schemas.incident import Incident
from schemas.outage import Outage, encode
from schemas.partial import AreaSumPart
from schemas.rejections import Reason
from streams.broker.topics import MAX_DEAD
from streams.config.settings import Settings
from streams.ingest.batch import Rejected
from streams.pipeline.areas.partials import place_of
from streams.pipeline.emitted import Emitted, FeedActivity
from streams.pipeline.findings import pieces_of
from streams.state.stage import Stage
from streams.worker.clock_announcer import ClockAnnouncer

FINDINGS = 0  # the partition of all bin reports


class Publisher:
    """Sends messages on behalf of stages and keeps their deliveries by stage name until `settle`.

    `check_watchdog` ends the process when its partitions may belong to another worker.
    """

    def __init__(self, app: faust.App, settings: Settings, check_watchdog: Callable[[], None]) -> None:
        kafka = settings.kafka
        self._check_watchdog = check_watchdog
        self._outages = _raw_topic(app, kafka.outages)
        self._dead = _raw_topic(app, kafka.dead)
        self._clock = _raw_topic(app, kafka.clock)
        self._findings = _raw_topic(app, kafka.findings)
        self._incidents = _raw_topic(app, kafka.incidents)
        self._partials = _raw_topic(app, kafka.partials)
        self._partitions = kafka.partitions
        self._announcers = {feed: ClockAnnouncer(settings.time_rule(feed)) for feed in settings.feeds}
        self._pending: dict[str, list[Awaitable[Any]]] = {}
        self._most = MAX_DEAD  # bytes of a dead letter that is sent whole

    async def publish(self, stage: Stage, emitted: Emitted) -> None:
        """Send all that a stage emitted, in a fixed order: an outage comes before the bin report that has it."""
        await self._send_dead_letters(stage, emitted.dead_letters)
        await self._send_outages(stage.name, emitted.outages)
        await self._send_bin_reports(stage.name, emitted.bin_reports)
        await self._send_area_sums(stage.name, emitted.area_sums)
        await self._send_incidents(stage.name, emitted.incidents)
        for feed, _ in emitted.setbacks:
            self._announcers[feed].go_back()
        for feed, activity in emitted.activity.items():
            await self._announce_activity(stage, feed, activity)

    async def announce(self, stage: str, clock: Clock, partitions: Iterable[int]) -> None:
        """Send a clock message to partitions of the clock topic."""
        for partition in partitions:
            await self._send(stage, self._clock, clock.feed.encode(), clocks.encode(clock), partition=partition)

    async def settle(self, stage: str) -> None:
        """Wait until everything sent for a stage is in its topic. Raises the broker's error when it is not."""
        pending = self._pending.pop(stage, [])
        if pending:
            await asyncio.gather(*pending)

    async def _send_dead_letters(self, stage: Stage, letters: Iterable[Rejected]) -> None:
        topic = stage.topic_of(stage.settings.kafka)
        for letter in letters:
            reason = cast("Reason", letter.reason)
            headers = deadletter.headers(reason, letter.detail, topic, stage.number, letter.origin.offset)
            delivery = await self._send_dead(letter.origin.payload, headers, self._most)
            retried = self._cut_if_refused(delivery, letter.origin.payload, headers)
            self._pending.setdefault(stage.name, []).append(asyncio.ensure_future(retried))

    async def _send_dead(self, value: bytes, headers: Headers, most: int) -> Awaitable[Any]:
        self._check_watchdog()
        kept, more = deadletter.fitted(value, most)
        delivery: Awaitable[Any] = await self._dead.send(key=None, value=kept, headers=headers + more, force=True)
        return delivery

    async def _cut_if_refused(self, delivery: Awaitable[Any], value: bytes, headers: Headers) -> None:
        """Wait for a delivery. Its topic may allow less than ours: then send the head alone, and from now on so."""
        try:
            await delivery
        except MessageSizeTooLargeError:
            if len(value) <= deadletter.HEAD:
                raise
            self._most = min(self._most, len(value) - 1)
            await (await self._send_dead(value, headers, deadletter.HEAD))

    async def _send_outages(self, stage: str, outages: Iterable[Outage]) -> None:
        for outage in outages:
            key = outage.outage_id.encode()
            await self._send(stage, self._outages, key, encode(outage), headers=outage_headers(outage))

    async def _send_bin_reports(self, stage: str, reports: Iterable[BinReport]) -> None:
        for piece in (piece for report in reports for piece in pieces_of(report)):
            await self._send(
                stage, self._findings, piece.reporter.encode(), bin_report.encode(piece), partition=FINDINGS
            )

    async def _send_area_sums(self, stage: str, pieces: Iterable[AreaSumPart]) -> None:
        for piece in pieces:
            key, place = f"{piece.feed}/{piece.areas}", place_of(piece.feed, piece.areas, self._partitions)
            await self._send(stage, self._partials, key.encode(), partial.encode(piece), partition=place)

    async def _send_incidents(self, stage: str, revisions: Iterable[Incident]) -> None:
        for revision in revisions:
            key = revision.incident_id.encode()
            headers = incident_headers(revision)
            await self._send(stage, self._incidents, key, incident.encode(revision), headers=headers)

    async def _announce_activity(self, stage: Stage, feed: str, activity: FeedActivity) -> None:
        """Announce to all partitions the bins in which a feed was measured, where that is due."""
        for time in self._announcers[feed].due(activity.bins, activity.newest):
            await self.announce(stage.name, Clock(feed, time, stage.number), range(self._partitions))

    async def _send(
        self,
        stage: str,
        topic: Any,  # noqa: ANN401
        key: bytes | None,
        value: bytes,
        *,
        partition: int | None = None,
        headers: Headers | None = None,
    ) -> None:
        self._check_watchdog()
        delivery = await topic.send(key=key, value=value, partition=partition, headers=headers, force=True)
        self._pending.setdefault(stage, []).append(delivery)


def _raw_topic(app: faust.App, name: str) -> Any:  # noqa: ANN401
    return app.topic(name, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes)
