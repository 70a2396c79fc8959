"""Reads a Kafka topic of others: each partition is a part, from where its position says."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings
from streams.config.sources import KafkaSource
from streams.sources.part_clock import Position
from streams.sources.records import Arrival, RecordChunk
from streams.sources.senders import RefusedError

LOG = logging.getLogger("ebbtide.source")
RECORDS = 4000  # of all partitions at once
WAIT_MS = 500


def kafka_of(kafka: KafkaSettings, source: KafkaSource) -> KafkaSettings:
    """Return the settings of the cluster that a source reads."""
    servers = source.bootstrap_servers
    return kafka if servers is None else msgspec.structs.replace(kafka, bootstrap_servers=servers)


@contextmanager
def naming_brokers(source: KafkaSource, name: str) -> Iterator[None]:
    """In `with`: an error of brokers that the source alone names is of its own setting."""
    try:
        yield
    except BrokerError as error:
        if source.bootstrap_servers is None:
            raise
        raise BrokerError(str(error).replace("kafka.bootstrap", f"sources.{name}.bootstrap", 1)) from None


def part_of(tp: TopicPartition) -> str:
    """Return the name of a partition's part: with its topic, since a source may read another one later."""
    return f"{tp.topic}/{tp.partition}"


class KafkaReader:
    """Reads with a consumer. A partition that is read to its end and silent for `idle_after` seconds is idle.

    `now`: wall time (s). `lost`: records that the broker has deleted before they were read.
    """

    def __init__(
        self,
        consumer: Any,  # noqa: ANN401
        source: KafkaSource,
        name: str,
        idle_after: float,
        now: Callable[[], float],
    ) -> None:
        self._consumer, self._source, self._name = consumer, source, name
        self._idle_after, self._now = idle_after, now
        self._active_at: dict[str, float] = {}
        self._partitions: set[int] = set()
        self._read_to: dict[int, int] = {}
        self.lost = 0

    async def start(self, partitions: int, positions: Mapping[str, Position]) -> dict[str, int]:
        """Assign all partitions, and return where each begins. Raises BrokerError without the topic."""
        topic = self._source.topic
        if not partitions:
            raise RefusedError(f"sources.{self._name}.topic: topic {topic} does not exist")
        self._partitions = set(range(partitions))
        parts = [TopicPartition(topic, number) for number in range(partitions)]
        self._consumer.assign(parts)
        begins, ends = await self._consumer.beginning_offsets(parts), await self._consumer.end_offsets(parts)
        found: dict[str, int] = {}
        for tp in parts:
            first = begins[tp] if self._source.start == "earliest" else ends[tp]
            position = positions.get(part_of(tp))
            found[part_of(tp)] = self._checked(tp, position, begins[tp], ends[tp]) if position else first
            self._consumer.seek(tp, found[part_of(tp)])
            self._active_at[part_of(tp)] = self._now()
        return found

    def _checked(self, tp: TopicPartition, position: Position, begin: int, end: int) -> int:
        """Return where reading goes on; what the broker has deleted unread is counted and logged."""
        place, offset = f"source {self._name}: {tp.topic}/{tp.partition}", position.offset
        if offset > end:
            raise RefusedError(f"{place} ends at {end}, before the position {offset}: is it another topic?")
        if offset < begin:
            self.lost += begin - offset
            LOG.warning("%s: %d records were deleted before they were read", place, begin - offset)
        return max(offset, begin)

    async def arrivals(self) -> AsyncIterator[Arrival]:
        """Yield records as they come, and at least twice a second which parts are idle. Raises BrokerError."""
        while True:
            try:
                found = await self._consumer.getmany(timeout_ms=WAIT_MS, max_records=RECORDS)
            except OffsetOutOfRangeError as error:
                raise BrokerError(f"source {self._name}: records were deleted before they were read: {error}") from None
            chunks = [RecordChunk(part_of(tp), records) for tp, records in found.items()]
            self._read_to.update((tp.partition, records[-1].offset + 1) for tp, records in found.items())
            self._active_at.update((chunk.part, self._now()) for chunk in chunks)
            yield Arrival(chunks, await self._idle())
            if (self._consumer.partitions_for_topic(self._source.topic) or self._partitions) != self._partitions:
                raise BrokerError(f"source {self._name}: the partitions of {self._source.topic} have changed")

    def lag(self) -> int:
        """Return the records that are not read yet, as far as the broker has said."""
        ends = {
            number: self._consumer.highwater(TopicPartition(self._source.topic, number)) for number in self._partitions
        }
        return sum(max(0, (end or 0) - self._read_to.get(number, end or 0)) for number, end in ends.items())

    async def _idle(self) -> frozenset[str]:
        """Return the parts that are read to their end and silent since `idle_after`."""
        late = [part for part, at in self._active_at.items() if self._now() - at >= self._idle_after]
        ends = {part: TopicPartition(self._source.topic, int(part.rpartition("/")[2])) for part in late}
        return frozenset([part for part, tp in ends.items() if await self._is_read(tp)])

    async def _is_read(self, tp: TopicPartition) -> bool:
        end = self._consumer.highwater(tp)
        return end is not None and await self._consumer.position(tp) >= end
