"""Runs the stages of a topic that are assigned to this process: batches in, snapshots, only then acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, TypeVar

from streams.broker.transport import RecordBatch
from streams.state.stage import Stage
from streams.worker.metrics import Metrics
from streams.worker.publisher import Publisher

S = TypeVar("S", bound=Stage)


class Services(NamedTuple):
    """What all keepers of a worker share. `clock` is steady wall time in seconds; `demand_pulse` ends the process when
    its partitions may be another's.
    """

    metrics: Metrics
    sender: Publisher
    clock: Callable[[], float]
    demand_pulse: Callable[[], None]


class StageRunner(Generic[S]):
    """The stages of one batch topic, by partition.

    `make` returns a stage out of its newest snapshot, given its number and the time. `handle` has it take a batch,
    sends what came of that under the stage's `name`, and releases the batch; the keeper does the rest. Faust lets a
    table be written only while a message is handled: `Worker.tick` wakes the partition of a stage that is due.
    """

    def __init__(
        self, means: Services, make: Callable[[int, float], S], handle: Callable[[S, RecordBatch], Awaitable[None]]
    ) -> None:
        self.means = means
        self.stages: dict[int, S] = {}
        self.stopping = False
        self._make, self._handle = make, handle
        self._locks: dict[int, asyncio.Lock] = {}
        self._waiting: dict[int, list[tuple[Any, Any]]] = {}

    def at(self, number: int) -> S:
        """Return the stage of a partition, out of its newest snapshot when it was not here yet."""
        if number not in self.stages:
            self.stages[number] = self._make(number, self.means.clock())
        return self.stages[number]

    def let_go(self) -> None:
        """Forget all state: what is assigned next comes out of the snapshots, and what they lack is read again."""
        self.stages.clear()
        self._waiting.clear()

    def lock(self, number: int) -> asyncio.Lock:
        """Return what is held while a stage changes."""
        return self._locks.setdefault(number, asyncio.Lock())

    async def run(self, stream: Any) -> None:  # noqa: ANN401
        """Run the agent of the topic."""
        unacknowledged = stream.noack()
        async for event in unacknowledged.events():
            await self._on_batch(unacknowledged, event)

    async def _on_batch(self, stream: Any, event: Any) -> None:  # noqa: ANN401
        """Take a run of records; acknowledge it once a snapshot includes it."""
        batch: RecordBatch = event.value
        number = batch.tp.partition
        async with self.lock(number):
            if self.stopping or batch.is_void:
                batch.release()  # not acknowledged: it is read again, by whoever comes next
                return
            self._waiting.setdefault(number, []).append((stream, event))
            stage = self.at(number)
            await self._handle(stage, batch)
            await self.save_if_due(stage)

    async def save_if_due(self, stage: S) -> None:
        """Save a stage when it is time, or when it is to stop and has news."""
        if stage.due(self.means.clock()) or (self.stopping and stage.unsaved):
            await self._save(stage)

    def unsaved(self) -> list[int]:
        """Return the numbers of the stages that have news."""
        return [number for number, stage in self.stages.items() if stage.unsaved]

    def due(self) -> list[int]:
        """Return the numbers of the stages whose snapshot is due."""
        now = self.means.clock()
        return [number for number, stage in self.stages.items() if stage.due(now)]

    async def _save(self, stage: S) -> None:
        """Write a snapshot once all that it includes has been sent, then acknowledge what it includes."""
        waiting = self._waiting.pop(stage.number, [])
        await self.means.sender.settle(stage.name)
        if self.stages.get(stage.number) is not stage:
            return  # it went to another worker while we waited: its snapshots are not ours to write
        self.means.demand_pulse()
        self.means.metrics.snapshot_bytes.inc(stage.save(self.means.clock()))
        self.means.metrics.snapshots.inc()
        for stream, event in waiting:
            await stream.ack(event)
