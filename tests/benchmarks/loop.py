"""The loop that one would write by hand: confluent-kafka, msgspec, one NumPy sum per ASN. It keeps and tells nothing.

Run as `python -m tests.benchmarks.loop ADDRESS TOPIC TURN COUNT`; prints two readings.
"""

from __future__ import annotations

import sys

import msgspec
import numpy as np
from confluent_kafka import Consumer

from tests.benchmarks.messages import FIRST_ASN
from tests.benchmarks.reading import tell

ASNS = 100_000


class Measured(msgspec.Struct, gc=False):
    """As much of a measurement as any such job needs."""

    feed: str
    ts: float
    asn: int
    value: float


def run(address: str, topic: str, group: str, count: int) -> None:
    """Read `count` messages, adding their values up."""
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 2,  # by default it waits a second whenever its queue was full
            "queued.min.messages": 500_000,
        }
    )
    consumer.subscribe([topic])
    decode = msgspec.json.Decoder(Measured).decode
    sums, seen = np.zeros(ASNS), 0
    while seen < count:
        found = [decode(message.value()) for message in consumer.consume(5000, timeout=1.0)]
        if not found:
            continue
        np.add.at(sums, np.array([m.asn for m in found]) - FIRST_ASN, np.array([m.value for m in found]))
        if not seen:
            tell(len(found))
        seen += len(found)
    tell(seen)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], f"loop-{sys.argv[3]}", int(sys.argv[4]))
