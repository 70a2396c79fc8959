"""The Faust transport `batchkafka://HOST:PORT`: Faust on aiokafka, with batch topics read in runs of records.

Found by Faust through the entry point `faust.transports`. Acknowledge every event, also with `stream.noack()`: what is
committed is the run of acknowledged batches from the first one on, and the rest is read again after a restart, a crash
or a rebalance. Reading starts at the committed offset; without one, at the beginning (`consumer_auto_offset_reset`).
"""

from __future__ import annotations

import time

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.broker.batch_topic import BatchSchema, RecordBatch, batch_topic
from streams.broker.faust_check import check_faust
from streams.broker.faust_patches import Consumer, OpenTransaction

__all__ = [
    "BatchSchema",
    "Consumer",
    "OpenTransaction",
    "RecordBatch",
    "Transport",
    "batch_topic",
    "check_faust",
    "lag",
    "open_transaction",
]

MAX_AGE_SECONDS = 15.0


class Transport(driver.Transport):  # type: ignore[misc]
    """Faust's transport on aiokafka with the consumer that knows batch topics."""

    Consumer = Consumer


def lag(app: faust.App, tp: TP, *, max_age: float = MAX_AGE_SECONDS) -> int | None:
    """Return how many offsets of a batch topic's partition no agent has taken: 0 when it has been read to the end.

    None when that is not known: not assigned, rebalancing, nothing fetched yet, or the broker's last answer is older
    than `max_age` seconds. Raises ValueError for a topic that is not a batch topic, or is not read here.
    """
    remaining: int | None = app.consumer.lag(tp, time.time(), max_age)
    return remaining


def open_transaction(app: faust.App, tp: TP) -> OpenTransaction | None:
    """Return what waits for the end of a transaction in a batch topic's partition; None when nothing does.

    Call it at least every few seconds: the time that it returns begins with the first call that saw the transaction.
    """
    found: OpenTransaction | None = app.consumer.open_transaction(tp, time.time())
    return found
