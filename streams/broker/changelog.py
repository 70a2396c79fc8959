"""Reads and writes the changelog of the snapshots without Faust, while no worker runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import partial

from kafka import TopicPartition

from streams.broker.clients import PATIENCE, reading
from streams.broker.topics import MAX_MESSAGE, changelog
from streams.broker.transactions import transaction
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings

Tables = dict[int, dict[bytes, bytes]]


def read(kafka: KafkaSettings, partitions: int, tick: Callable[[int], None]) -> Tables:
    """Return the content of each partition of the changelog. `tick` receives the number of records read so far."""
    return read_tables(kafka, changelog(kafka), partitions, tick)


def read_tables(kafka: KafkaSettings, topic: str, partitions: int, tick: Callable[[int], None]) -> Tables:
    """Return the content of each partition of a compacted topic. Raises BrokerError when the end is not reached."""
    found = read_parts(kafka, [(topic, number) for number in range(partitions)], tick)
    return {number: table for (_, number), table in found.items()}


def read_parts(
    kafka: KafkaSettings, wanted: Iterable[tuple[str, int]], tick: Callable[[int], None] = lambda _: None
) -> dict[tuple[str, int], dict[bytes, bytes]]:
    """Return the content of partitions of compacted topics, each in the order of the newest record of each key.

    Raises BrokerError when the end of one is not reached.
    """
    parts = [TopicPartition(*part) for part in wanted]
    tables: dict[tuple[str, int], dict[bytes, bytes]] = {(tp.topic, tp.partition): {} for tp in parts}
    if not parts:
        return tables
    with reading(kafka) as consumer:
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        ends, records = consumer.end_offsets(parts), 0
        deadline = time.monotonic() + PATIENCE
        while any(consumer.position(tp) < ends[tp] for tp in parts):
            for record in (record for batch in consumer.poll(500).values() for record in batch):
                _apply(tables[record.topic, record.partition], record.key, record.value)
                records, deadline = records + 1, time.monotonic() + PATIENCE
            tick(records)
            if time.monotonic() > deadline:
                names = ", ".join(sorted({tp.topic for tp in parts if consumer.position(tp) < ends[tp]}))
                raise BrokerError(f"topic {names} at {kafka.address} cannot be read to its end")
    return tables


def _apply(table: dict[bytes, bytes], key: bytes | None, value: bytes | None) -> None:
    if key is None:
        return
    table.pop(key, None)  # so that the keys are in the order of their newest records
    if value is not None:
        table[key] = value


class Changelog(MutableMapping[bytes, bytes]):
    """One partition of the changelog as a table that sends each change, in order."""

    def __init__(self, rows: dict[bytes, bytes], send: Callable[[bytes, bytes | None], None]) -> None:
        self._rows, self._send = rows, send

    def __getitem__(self, key: bytes) -> bytes:
        return self._rows[key]

    def __setitem__(self, key: bytes, row: bytes) -> None:
        self._send(key, row)
        self._rows[key] = row

    def __delitem__(self, key: bytes) -> None:
        del self._rows[key]
        self._send(key, None)

    def __iter__(self) -> Iterator[bytes]:
        return iter(list(self._rows))

    def __len__(self) -> int:
        return len(self._rows)


def _nothing() -> None:
    """Do nothing."""


@contextmanager
def writing(
    kafka: KafkaSettings, tables: Callable[[], Tables], before: Callable[[], None] = _nothing
) -> Iterator[dict[int, Changelog]]:
    """Yield the partitions as tables; on exit all changes are delivered, of all partitions or of none.

    `tables`: returns what is there. It is called once no other change is under way, nor one that was cut off, behind
    which nothing can be read. `before`: called when the brokers have all changes, before they count. Raises BrokerError
    when one is refused.
    """
    name = f"{kafka.app_id}-state"
    with transaction(kafka, changelog(kafka), name, before, max_request_size=MAX_MESSAGE) as send:
        yield {number: Changelog(rows, partial(send, partition=number)) for number, rows in tables().items()}
