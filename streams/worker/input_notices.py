"""Sentences for the page on what is wrong with what producers send."""

from __future__ import annotations

from collections.abc import Sequence

from streams.broker.transport import OpenTransaction
from streams.worker.agents import Worker
from streams.worker.health import long_transactions

RECENT = 900.0  # seconds for which the page shows what was wrong with a message


def notices(worker: Worker) -> list[str]:
    """Return the sentences of the partitions here."""
    found = [_transaction(number, waiting) for number, waiting in long_transactions(worker)]
    since, stages = worker.clock() - RECENT, sorted(worker.partitions.items())
    keyless = [number for number, stage in stages if (at := stage.keys.no_key_at) is not None and at >= since]
    strays = [stage.keys.stray for _, stage in stages if (at := stage.keys.stray_at) is not None and at >= since]
    return found + _no_key(keyless) + _strays(strays)


def _no_key(partitions: Sequence[int]) -> list[str]:
    if not partitions:
        return []
    return [f"Messages without a key came in partitions {partitions}; they are dead letters."]


def _strays(strays: Sequence[str]) -> list[str]:
    if not strays:
        return []
    return [f"A producer chooses partitions by another hash, so a network may be counted in halves: {strays[0]}."]


def _transaction(number: int, waiting: OpenTransaction) -> str:
    return (
        f"{waiting.messages:,} messages of partition {number} are not read: a producer has not ended its transaction "
        f"for {waiting.seconds / 60:.0f} minutes."
    )
