"""Reads the calendar topic: from its beginning to its end, then new records. `ebbtide calendar` writes it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError
from msgspec import DecodeError

from schemas.calendar import CalendarEntry, decode_entry, encode
from schemas.rejections import one_line
from streams.broker.clients import PATIENCE, reading, sending
from streams.broker.topic_reader import partitions_of
from streams.config.calendar import Calendar
from streams.config.errors import BrokerError, EbbtideError
from streams.config.settings import KafkaSettings

RETRY_SECONDS = 5.0
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Reading:
    """The records read so far: the newest state of each entry, faults, and the next offset of each partition."""

    entries: dict[str, CalendarEntry] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    following: dict[int, int] = field(default_factory=dict)

    def add(self, record: Any) -> CalendarEntry | None:  # noqa: ANN401
        """Add a record and return its entry; None when it has none, which is noted as a fault."""
        self.following[record.partition] = record.offset + 1
        try:
            entry = decode_entry(record.value or b"")
            if (record.key or b"") != entry.entry_id.encode():
                raise DecodeError("the key is not the entry_id")
        except DecodeError as error:
            where = f"topic {record.topic}, partition {record.partition}, offset {record.offset}"
            self.faults.append(f"{where}: not a calendar entry: {one_line(str(error))}")
            return None
        self.entries[entry.entry_id] = entry
        return entry


def read(kafka: KafkaSettings) -> Reading:
    """Return the content of all partitions, from the beginning to the present end. Raises BrokerError."""
    found, deadline = Reading(), time.monotonic() + PATIENCE
    with _reader(kafka, found) as (consumer, parts):
        ends = consumer.end_offsets(parts)
        while any(consumer.position(tp) < ends[tp] for tp in parts):
            for _ in _records(consumer, found):
                deadline = time.monotonic() + PATIENCE
            if time.monotonic() > deadline:
                raise BrokerError(f"topic {kafka.calendar} at {kafka.address} cannot be read to its end")
        found.following = {tp.partition: ends[tp] for tp in parts}
    return found


@contextmanager
def _reader(kafka: KafkaSettings, found: Reading) -> Iterator[tuple[Any, list[TopicPartition]]]:
    """Yield a consumer of all partitions, positioned after the records read so far, and the partitions."""
    with reading(kafka) as consumer:
        parts = partitions_of(consumer, kafka, kafka.calendar)
        consumer.assign(parts)
        for tp in parts:
            if tp.partition in found.following:
                consumer.seek(tp, found.following[tp.partition])
            else:
                consumer.seek_to_beginning(tp)
        yield consumer, parts


def _records(consumer: Any, found: Reading) -> Iterator[CalendarEntry | None]:  # noqa: ANN401
    for batch in consumer.poll(500).values():
        yield from (found.add(record) for record in batch)


def load(kafka: KafkaSettings, calendar: Calendar) -> Reading:
    """Read the topic into a calendar, and log records that are no entries. Raises BrokerError."""
    found = read(kafka)
    calendar.put(found.entries.values())
    _log_faults(found)
    return found


def follow(kafka: KafkaSettings, calendar: Calendar, found: Reading) -> None:
    """Add later records to the calendar, in a thread of its own, until the process ends."""
    Thread(target=_follow, args=(kafka, calendar, found), name="calendar", daemon=True).start()


def _follow(kafka: KafkaSettings, calendar: Calendar, found: Reading) -> None:
    while True:
        try:
            with _reader(kafka, found) as (consumer, _):
                while True:
                    new = [entry for entry in _records(consumer, found) if entry]
                    if new:
                        calendar.put(new)
                    _log_faults(found)
        except (EbbtideError, KafkaError, OSError, ValueError) as error:
            log.warning("the calendar is not followed for %g s: %s", RETRY_SECONDS, one_line(str(error)))
            time.sleep(RETRY_SECONDS)


def _log_faults(found: Reading) -> None:
    for fault in found.faults:
        log.warning("%s", fault)
    found.faults.clear()


def write(kafka: KafkaSettings, entries: Iterable[CalendarEntry]) -> None:
    """Write entries, keyed by their ids, and wait until the broker has them. Raises BrokerError."""
    with sending(kafka, kafka.calendar) as send:
        for entry in entries:
            send(entry.entry_id.encode(), encode(entry))
