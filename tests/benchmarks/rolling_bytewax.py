"""Bytewax: messages decoded batch by batch with `flat_map_batch`, then a rolling mean per key in its keyed state.

Run as `python -m tests.benchmarks.rolling_bytewax ADDRESS TOPIC TURN COUNT`; prints two readings.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, run_main

from tests.benchmarks.reading import tell

ADDRESS, TOPIC, _, COUNT = sys.argv[1:]
LIBRDKAFKA = {"fetch.queue.backoff.ms": "2", "queued.min.messages": "500000"}  # as the hand-written loop has it
WEIGHT = 0.1
seen = 0


class Measured(msgspec.Struct, gc=False):
    """As much of a measurement as the mean needs."""

    asn: int
    value: float


decode = msgspec.json.Decoder(Measured).decode


def measured(batch: list[Any]) -> Iterable[tuple[str, float]]:
    """Decode a batch of messages."""
    found = [decode(message.value) for message in batch]
    return [(str(measurement.asn), measurement.value) for measurement in found]


def mean(state: float | None, value: float) -> tuple[float, float]:
    """Take a measurement into the mean of its key."""
    state = value if state is None else state + WEIGHT * (value - state)
    return state, state


def count(batch: list[Any]) -> Iterable[Any]:
    """Count what came out, and let go of it."""
    global seen
    before, seen = seen, seen + len(batch)
    if before == 0 < seen or before < int(COUNT) <= seen:
        tell(seen)
    return ()


flow = Dataflow("rolling")
messages = op.input("in", flow, KafkaSource([ADDRESS], [TOPIC], add_config=LIBRDKAFKA, batch_size=5000))
means = op.stateful_map("mean", op.flat_map_batch("decode", messages, measured), mean)
op.output("out", op.flat_map_batch("count", means, count), TestingSink([]))

if __name__ == "__main__":
    run_main(flow)
