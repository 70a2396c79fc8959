"""Fills a topic with the benchmark's messages, as fast as librdkafka goes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from confluent_kafka import Producer

from tests.benchmarks.messages import Load, Message, messages

AT_ONCE = 10_000
PATIENCE = 60.0


def fill(address: str, topic: str, load: Load) -> int:
    """Send the messages, keyed by entity, and return the bytes of their values. Raises RuntimeError when some fail."""
    producer = Producer(
        {
            "bootstrap.servers": address,
            "linger.ms": 20,
            "batch.num.messages": 5_000,
            "queue.buffering.max.messages": 500_000,
            "partitioner": "murmur2_random",
        }
    )
    size = 0
    for some in _groups(messages(load)):
        for message in some:
            producer.produce(topic, message.value, message.key)
            size += len(message.value)
        while len(producer) > 20 * AT_ONCE:
            producer.poll(0.01)
    left = producer.flush(PATIENCE)
    if left:
        raise RuntimeError(f"{left} messages were not sent to {address} within {PATIENCE:g} s")
    return size


def _groups(stream: Iterator[Message]) -> Iterator[list[Message]]:
    while some := list(islice(stream, AT_ONCE)):
        yield some
