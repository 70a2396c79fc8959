"""Where measurements go: to Kafka, in one transaction with the positions, or to standard output."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from aiokafka.errors import KafkaError, ProducerFenced

from schemas.cloudevents import Headers
from schemas.deadletter import fitted, source_headers
from schemas.measurement import Measurement, entity_of
from schemas.source_report import SourceReport, encode_report
from streams.broker.async_clients import partition_of
from streams.broker.topics import MAX_DEAD
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings
from streams.sources.lines import encoded
from streams.sources.part_clock import Position
from streams.sources.positions import SavedSource, saved_messages

ARRAY = 500  # measurements of a message at most


class RefusedError(BrokerError):
    """The broker is there, and to try again would not help."""


class DeadRecord(NamedTuple):
    """A record that fits no mapping, where it came from, and why."""

    topic: str
    part: str
    offset: int
    value: bytes
    reason: str
    detail: str


class SourceBatch(NamedTuple):
    """What is sent at once: measurements, records that fit no mapping, positions of parts, rows of the coverage.

    `report`: what the source says of itself.
    """

    measurements: list[Measurement]
    dead: list[DeadRecord]
    positions: Mapping[str, Position]
    coverage: Mapping[str, bytes | None] = {}
    report: SourceReport | None = None


class Sender(Protocol):
    """Sends batches; what it has returned from has arrived."""

    async def send(self, batch: SourceBatch) -> None:
        """Send a batch, all of it or nothing."""


class PrintingSender:
    """Prints measurements as JSON lines. `saved`: where to go on, for the next connection."""

    def __init__(self) -> None:
        self.saved = SavedSource()

    async def send(self, batch: SourceBatch) -> None:
        """Print the measurements of a batch."""
        self.saved = self.saved.after(batch.positions, batch.coverage)
        sys.stdout.buffer.writelines(line + b"\n" for line in encoded(batch.measurements))
        sys.stdout.flush()


class KafkaSender:
    """Sends each batch in a transaction of a producer, keyed by network."""

    def __init__(self, kafka: KafkaSettings, name: str, producer: Any, partitions: int) -> None:  # noqa: ANN401
        self._kafka, self._name, self._producer = kafka, name, producer
        self._partition_of = partition_of(kafka, partitions)

    async def send(self, batch: SourceBatch) -> None:
        """Send and commit. Raises BrokerError; then nothing of the batch is there."""
        try:
            await self._transact(batch)
        except ProducerFenced:
            raise RefusedError(f"another process runs the source {self._name}: this one ends") from None
        except AssertionError as error:  # aiokafka asserts the state of a producer that has failed since the last batch
            raise KafkaError(f"the producer has failed: {error}") from error

    async def _transact(self, batch: SourceBatch) -> None:
        await self._producer.begin_transaction()
        try:
            deliveries = [await self._deliver(*message) for message in self._messages(batch)]
            for failed in await asyncio.gather(*deliveries, return_exceptions=True):
                if isinstance(failed, BaseException):
                    raise failed
        except ProducerFenced:
            raise
        except BaseException:
            with suppress(KafkaError, AssertionError):  # after a failure of the producer nothing is left to abort
                await self._producer.abort_transaction()
            raise
        await self._producer.commit_transaction()

    async def _deliver(
        self, topic: str, key: bytes | None, value: bytes | None, partition: int | None, headers: Headers
    ) -> asyncio.Future[Any]:
        """Hand a message to the producer; what its delivery fails of is no surprise where a later one failed first."""
        delivery: asyncio.Future[Any] = await self._producer.send(topic, value, key, partition, headers=headers)
        delivery.add_done_callback(_retrieve)
        return delivery

    def _messages(self, batch: SourceBatch) -> Iterator[tuple[str, bytes | None, bytes | None, int | None, Headers]]:
        kafka = self._kafka
        for partition, key, value in arrays(batch.measurements, self._partition_of):
            yield kafka.measurements, key, value, partition, []
        for dead in batch.dead:
            value, more = fitted(dead.value, MAX_DEAD)
            headers = source_headers(dead.reason, dead.detail, self._name, dead.topic, dead.part, dead.offset)
            yield kafka.dead, b"", value, None, headers + more
        for row, saved in saved_messages(self._name, batch.positions, batch.coverage):
            yield kafka.sources_state, row, saved, 0, []
        if batch.report is not None:
            yield kafka.sources_state, *encode_report(self._name, batch.report), 0, []


def _retrieve(delivery: asyncio.Future[Any]) -> None:
    """Take the error of a delivery, so that none is logged as never retrieved."""
    if not delivery.cancelled():
        delivery.exception()


def arrays(measurements: Sequence[Measurement], partition_of: Any) -> Iterator[tuple[int, bytes, bytes]]:  # noqa: ANN401
    """Yield partition, key and value of messages: arrays of measurements whose entities belong to the partition."""
    groups: dict[int, list[Measurement]] = {}
    for measurement in measurements:
        groups.setdefault(partition_of(entity_of(measurement)), []).append(measurement)
    for partition, group in sorted(groups.items()):
        for start in range(0, len(group), ARRAY):
            part = group[start : start + ARRAY]
            lines = encoded(part)
            yield (
                partition,
                entity_of(part[0]).encode(),
                lines[0] if len(lines) == 1 else b"[" + b",".join(lines) + b"]",
            )
