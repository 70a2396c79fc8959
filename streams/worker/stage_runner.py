"""Runs the stages of one topic: takes batches, publishes what comes of them, saves, and only then acknowledges."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, NamedTuple, TypeVar

from aiokafka.errors import KafkaError
from faust.types import TP

from streams.broker.transport import RecordBatch
from streams.pipeline.emitted import Emitted
from streams.state.stage import Stage
from streams.worker.ended_events import EndedEvents
from streams.worker.log_guard import LogGuard, is_refusal
from streams.worker.metrics import Metrics
from streams.worker.publisher import Publisher

S = TypeVar("S", bound=Stage)
log = logging.getLogger(__name__)


class Services(NamedTuple):
    """What all stage runners of a worker share. `clock` returns wall time since any fixed instant (s); `check_watchdog`
    ends the process when its partitions may belong to another worker. `deliver` waits until the broker has all
    rows, and returns False when the partition is another's by then.
    """

    metrics: Metrics
    publisher: Publisher
    ended: EndedEvents
    clock: Callable[[], float]
    check_watchdog: Callable[[], None]
    guard: LogGuard
    deliver: Callable[[Callable[[], bool]], Awaitable[bool]]


class StageRunner(Generic[S]):
    """The stages of one batch topic, by partition.

    `load` returns a stage as its newest snapshot has it, given the partition and the time. `timer` measures how long a
    batch takes. Faust lets a table be written only while a message is handled: `Worker.tick` sends a clock message to
    the partition of a stage that is due.
    """

    def __init__(
        self,
        services: Services,
        load: Callable[[int, float], S],
        timer: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.services = services
        self.stages: dict[int, S] = {}
        self.stopping = False
        self._load, self._timer = load, timer
        self._locks: dict[int, asyncio.Lock] = {}
        self._saving: set[int] = set()  # partitions whose snapshot is on its way to the broker
        self._unacknowledged: dict[int, list[tuple[Any, Any]]] = {}

    def at(self, number: int) -> S:
        """Return the stage of a partition; the first time, as its newest snapshot has it."""
        if number not in self.stages:
            self.stages[number] = self._load(number, self.services.clock())
        return self.stages[number]

    def release(self) -> None:
        """Forget all state: what is assigned next is loaded from the snapshots, and what they lack is read again."""
        self.stages.clear()
        self._unacknowledged.clear()

    def lock(self, number: int) -> asyncio.Lock:
        """Return the lock to hold while a stage changes."""
        return self._locks.setdefault(number, asyncio.Lock())

    async def run(self, stream: Any) -> None:  # noqa: ANN401
        """Run the agent of the topic."""
        unacknowledged = stream.noack()
        async for event in unacknowledged.events():
            await self._on_batch(unacknowledged, event)

    async def _on_batch(self, stream: Any, event: Any) -> None:  # noqa: ANN401
        """Have a stage process a batch; it is acknowledged once a snapshot includes it."""
        batch: RecordBatch = event.value
        number = batch.tp.partition
        async with self.lock(number):
            if self.stopping or batch.is_void or self.services.guard.is_refused(batch.tp):
                batch.release()  # not acknowledged, so whoever is assigned the partition next reads it again
                return
            self._unacknowledged.setdefault(number, []).append((stream, event))
            stage = self.at(number)
            emitted = await self._process(stage, batch)
            if self._owns(stage):
                await self.publish(stage, emitted)
                await self.save_if_due(stage)

    async def _process(self, stage: S, batch: RecordBatch) -> Emitted:
        with self._timer():
            if stage.runs_in_thread:
                emitted = await asyncio.to_thread(stage.process, batch.run, self.services.clock())
            else:
                emitted = stage.process(batch.run, self.services.clock())
            batch.release()
        return emitted

    def _owns(self, stage: S) -> bool:
        """Return whether a stage is still ours. Another worker may publish newer revisions and write newer snapshots,
        which nothing of this one must follow.
        """
        return self.stages.get(stage.number) is stage

    async def publish(self, stage: S, emitted: Emitted) -> None:
        """Publish what a stage emitted, and count it. The only place that does."""
        for line in emitted.unreadable:
            log.warning("topic %s, %s", stage.topic_of(stage.settings.kafka), line)
        self.services.metrics.add(emitted.counts)
        await self.services.publisher.publish(stage, emitted)
        self.services.metrics.note(emitted)
        self.services.ended.note(emitted)

    async def save_if_due(self, stage: S) -> None:
        """Save a stage when it is time, or when it has changed and the worker stops."""
        if self.is_refused(stage):
            return
        if stage.due(self.services.clock()) or (self.stopping and stage.unsaved):
            await self._save(stage)

    def is_refused(self, stage: Stage) -> bool:
        """Return whether a stage must not change."""
        return self.services.guard.is_refused(TP(stage.topic_of(stage.settings.kafka), stage.number))

    def unsaved(self) -> list[int]:
        """Return the partitions whose stage has changed since its snapshot, or whose snapshot is not yet delivered."""
        changed = [stage for stage in self.stages.values() if stage.unsaved or stage.number in self._saving]
        return [stage.number for stage in changed if not self.is_refused(stage)]

    def due(self) -> list[int]:
        """Return the partitions whose snapshot is due."""
        now = self.services.clock()
        return [number for number, stage in self.stages.items() if stage.due(now) and not self.is_refused(stage)]

    async def _save(self, stage: S) -> None:
        """Wait for the deliveries of what the stage emitted, write a snapshot, acknowledge what it includes."""
        batches = self._unacknowledged.pop(stage.number, [])
        await self.services.publisher.settle(stage.name)
        if not self._may_write(stage):
            return
        size = stage.save(self.services.clock())
        self._saving.add(stage.number)
        try:
            if not await self._delivered(stage):
                return
        finally:
            self._saving.discard(stage.number)
        self.services.metrics.snapshot_bytes.inc(size)
        self.services.metrics.snapshots.inc()
        for stream, event in batches:
            await stream.ack(event)

    async def _delivered(self, stage: S) -> bool:
        """Wait until the broker has the rows of a snapshot. When it refuses one, the partition is refused."""
        try:
            return await self.services.deliver(lambda: self._may_write(stage))
        except KafkaError as error:
            if not is_refusal(error):
                raise
            self.services.guard.refuse_partition(stage.number, error)
            return False

    def _may_write(self, stage: S) -> bool:
        self.services.check_watchdog()
        return self._owns(stage)
