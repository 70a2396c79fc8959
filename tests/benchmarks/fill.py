"""Fills a topic with the benchmark's messages, as fast as librdkafka goes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from confluent_kafka import Producer

from streams.ingest.placement import placement
from tests.benchmarks.messages import Load, Message, messages

AT_ONCE = 10_000
IN_ARRAY = 500
PATIENCE = 60.0


def fill(address: str, topic: str, load: Load) -> int:
    """Send the messages, keyed by entity, and return the bytes of their values. Raises RuntimeError when some fail."""
    producer, size = _producer(address), 0
    for group in _groups(messages(load)):
        for message in group:
            producer.produce(topic, message.value, message.key)
            size += len(message.value)
        while len(producer) > 20 * AT_ONCE:
            producer.poll(0.01)
    _flush(producer, address)
    return size


def fill_arrays(address: str, topic: str, load: Load, partitions: int) -> None:
    """Send the same measurements in arrays of 500, an ASN always to one partition. Raises as `fill` does."""
    producer, where = _producer(address), placement("murmur2", partitions)
    waiting: list[list[bytes]] = [[] for _ in range(partitions)]
    for message in messages(load):
        partition = where.of(message.key.decode())
        waiting[partition].append(message.value)
        if len(waiting[partition]) == IN_ARRAY:
            _send_array(producer, topic, partition, waiting[partition])
    for partition, rest in enumerate(waiting):
        _send_array(producer, topic, partition, rest)
    _flush(producer, address)


def _send_array(producer: Producer, topic: str, partition: int, values: list[bytes]) -> None:
    if values:
        producer.produce(topic, b"[%b]" % b",".join(values), b"array", partition)
    values.clear()


def _producer(address: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": address,
            "linger.ms": 20,
            "batch.num.messages": 5_000,
            "queue.buffering.max.messages": 500_000,
            "partitioner": "murmur2_random",
        }
    )


def _flush(producer: Producer, address: str) -> None:
    left = producer.flush(PATIENCE)
    if left:
        raise RuntimeError(f"{left} messages were not sent to {address} within {PATIENCE:g} s")


def _groups(stream: Iterator[Message]) -> Iterator[list[Message]]:
    while group := list(islice(stream, AT_ONCE)):
        yield group
