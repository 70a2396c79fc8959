"""A partition of a topic, whole, with the times that its records have."""

from __future__ import annotations

import time
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

PATIENCE = 30.0


class Record(NamedTuple):
    """The value of a record, and its time (ms)."""

    value: bytes
    ms: int


def records(address: str, topic: str, partition: int) -> list[Record]:
    """Return all records of a partition up to its end of now. Raises RuntimeError when they do not come."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader", "enable.auto.commit": False})
    tp = TopicPartition(topic, partition, 0)
    _, end = consumer.get_watermark_offsets(tp, PATIENCE)
    consumer.assign([tp])
    found: list[Record] = []
    last, deadline = -1, time.monotonic() + PATIENCE
    while last < end - 1:
        for message in consumer.consume(5_000, timeout=0.2):
            found.append(Record(message.value(), message.timestamp()[1]))
            last, deadline = message.offset(), time.monotonic() + PATIENCE
        if time.monotonic() > deadline:
            raise RuntimeError(f"{topic}/{partition}: nothing comes after offset {last}")
    consumer.close()
    return found
