"""Records of whole topics for commands: from their beginning, a time or their end, to their present end or for ever."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import Any

from kafka import TopicPartition

from streams.broker.clients import PATIENCE, reading
from streams.broker.topics import missing_topic
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings


def read_records(
    kafka: KafkaSettings, topics: Sequence[str], since: float | None = 0.0, *, follows: bool = False
) -> Generator[Any, None, None]:
    """Yield the committed records of topics; those of a partition are in order.

    `since`: Unix seconds of receipt from which on; None: only what comes from now on. `follows`: goes on after the end.
    Raises BrokerError.
    """
    with reading(kafka, auto_offset_reset="earliest") as consumer:
        parts = [tp for topic in topics for tp in partitions_of(consumer, kafka, topic)]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        _seek(consumer, parts, ends, since)
        deadline = time.monotonic() + PATIENCE
        while follows or any(consumer.position(tp) < ends[tp] for tp in parts):
            for tp, batch in consumer.poll(500).items():
                deadline = time.monotonic() + PATIENCE
                yield from (record for record in batch if follows or record.offset < ends[tp])
            if not follows and time.monotonic() > deadline:
                raise BrokerError(f"topic {', '.join(topics)} at {kafka.address} cannot be read to its end")


def partitions_of(consumer: Any, kafka: KafkaSettings, topic: str) -> list[TopicPartition]:  # noqa: ANN401
    """Return the partitions of a topic in order. Raises BrokerError when it does not exist."""
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise missing_topic(kafka, topic)
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def _seek(consumer: Any, parts: list[TopicPartition], ends: dict[TopicPartition, int], since: float | None) -> None:  # noqa: ANN401
    if not since:
        starts = ends if since is None else consumer.beginning_offsets(parts)
    else:
        found = consumer.offsets_for_times({tp: int(since * 1000) for tp in parts})
        starts = {tp: ends[tp] if found.get(tp) is None else found[tp].offset for tp in parts}
    for tp in parts:
        consumer.seek(tp, starts[tp])
