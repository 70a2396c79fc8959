"""Sentences for the page on what is wrong with what producers send."""

from __future__ import annotations

from streams.broker.transport import OpenTransaction
from streams.worker.agents import Worker
from streams.worker.health import long_transactions


def notices(worker: Worker) -> list[str]:
    """Return the sentences of the partitions here."""
    return [_transaction(number, waiting) for number, waiting in long_transactions(worker)]


def _transaction(number: int, waiting: OpenTransaction) -> str:
    return (
        f"{waiting.messages:,} messages of partition {number} are not read: a producer has not ended its transaction "
        f"for {waiting.seconds / 60:.0f} minutes."
    )
