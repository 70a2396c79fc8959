"""Batch topics: an agent gets one event per fetched run of records of a partition, not one per record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import faust
from faust.exceptions import ImproperlyConfigured
from faust.types import TP

MAX_RECORDS = 4000
BUFFER = 4


class Record(Protocol):
    """What is used of a fetched record; aiokafka's ConsumerRecord has it."""

    @property
    def offset(self) -> int:
        """Offset in the partition; between two records offsets may be missing."""

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970 in UTC."""

    @property
    def timestamp_type(self) -> int:
        """0 when the producer set the timestamp, 1 when the broker did."""

    @property
    def key(self) -> bytes | None:
        """Key, None when the producer sent none."""

    @property
    def value(self) -> bytes | None:
        """Value, None for a null value."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Name and value of each header."""


class RecordBatch:
    """Records of one partition in offset order, at least one: the value of an event of a batch topic.

    `tp` names the partition, `first_offset` and `offset` are those of the first and the last record. Offsets may have
    holes (compaction, transactions), so `offset - first_offset + 1` can be more than `len`.
    """

    __slots__ = ("_records", "_size", "first_offset", "offset", "timestamp", "timestamp_type", "tp")

    def __init__(self, tp: TP, records: Sequence[Record]) -> None:
        if not records:
            raise ValueError(f"a record batch of {tp} needs at least one record")
        last = records[-1]
        self.tp = tp
        self.first_offset = records[0].offset
        self.offset = last.offset
        self.timestamp = last.timestamp
        self.timestamp_type = last.timestamp_type
        self._size = len(records)
        self._records: Sequence[Record] | None = records

    def __len__(self) -> int:
        """Number of records, also after they have been released."""
        return self._size

    def __repr__(self) -> str:
        return f"<RecordBatch {self.tp.topic}/{self.tp.partition} {self.first_offset}..{self.offset} ({self._size})>"

    @property
    def records(self) -> Sequence[Record]:
        """The records; raises ValueError once they have been released."""
        if self._records is None:
            raise ValueError(f"the records of {self!r} were released")
        return self._records

    def values(self) -> list[bytes | None]:
        """Value of each record; None for a null value."""
        return [record.value for record in self.records]

    def keys(self) -> list[bytes | None]:
        """Key of each record; None where there is none."""
        return [record.key for record in self.records]

    def offsets(self) -> list[int]:
        """Offset of each record."""
        return [record.offset for record in self.records]

    def timestamps(self) -> list[int]:
        """Timestamp of each record in milliseconds since 1970."""
        return [record.timestamp for record in self.records]

    def release(self) -> None:
        """Let the records' memory go while the batch still waits for its acknowledgement."""
        self._records = None


class BatchSchema(faust.Schema):  # type: ignore[misc]
    """Marks a topic as a batch topic of runs of at most `max_records`; Faust decodes nothing of it."""

    def __init__(self, *, max_records: int = MAX_RECORDS) -> None:
        if max_records < 1:
            raise ValueError(f"max_records must be at least 1, not {max_records}")
        self.max_records = max_records
        super().__init__(key_serializer="raw", value_serializer="raw")

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:  # noqa: ANN401
        """Return None: the keys are in the records."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> RecordBatch:  # noqa: ANN401
        """Return the RecordBatch; raises ImproperlyConfigured when another transport delivered a single record."""
        if not isinstance(message.value, RecordBatch):
            raise ImproperlyConfigured(f"batch topic {message.topic} needs a broker URL of scheme batchkafka://")
        return message.value


def batch_topic(
    app: faust.App, *names: str, max_records: int = MAX_RECORDS, buffer: int = BUFFER, **options: object
) -> faust.Topic:
    """Describe a topic whose agents get RecordBatch values of at most `max_records`.

    At most `buffer` batches wait for an agent; then reading waits, for every topic of the worker. `options` are those
    of `app.topic`. All agents of one topic share its kind: mixing raises ImproperlyConfigured when reading starts.
    """
    topic = app.topic(*names, schema=BatchSchema(max_records=max_records), **options)
    # app.topic() takes maxsize and drops it (faust-streaming 0.15.3), so it is set on the topic itself.
    topic.maxsize = buffer
    return topic


def batch_limits(app: faust.App) -> dict[str, int]:
    """Return the largest batch in records of each batch topic that is being read, by topic name.

    Raises ImproperlyConfigured when a topic is read both in batches and record by record.
    """
    limits: dict[str, int] = {}
    plain: set[str] = set()
    for channel in app.topics:
        if isinstance(channel.schema, BatchSchema):
            limits.update(dict.fromkeys(channel.topics, channel.schema.max_records))
        else:
            plain.update(channel.topics)
    if mixed := sorted(plain.intersection(limits)):
        raise ImproperlyConfigured(f"topic {mixed[0]} is read both in batches and record by record")
    return limits
