"""Batch topics: an agent gets one event per fetched run of records of a partition, not one per record."""

from __future__ import annotations

from typing import Any

import faust
from faust.exceptions import ImproperlyConfigured
from faust.types import TP

from streams.ingest.record_run import Run

MAX_RECORDS = 8000
BUFFER = 4


class RecordBatch:
    """Records of one partition in offset order, at least one: the value of an event of a batch topic.

    `tp` names the partition, `first_offset` and `offset` are those of the first and the last record. Offsets may have
    holes (compaction, transactions), so `offset - first_offset + 1` can be more than `len`.
    """

    __slots__ = ("_run", "_size", "first_offset", "is_void", "offset", "timestamp", "timestamp_type", "tp")

    def __init__(self, tp: TP, run: Run) -> None:
        if not run.values:
            raise ValueError(f"a record batch of {tp} needs at least one record")
        self.tp = tp
        self.first_offset = run.offsets[0]
        self.offset = run.offset
        self.timestamp = int(run.timestamps[-1])
        self.timestamp_type = run.timestamp_type
        self._size = len(run.values)
        self.is_void = False  # whether a seek came since: the batch is read again, after the records before it
        self._run: Run | None = run

    def __len__(self) -> int:
        """Number of records, also after they have been released."""
        return self._size

    def __repr__(self) -> str:
        return f"<RecordBatch {self.tp.topic}/{self.tp.partition} {self.first_offset}..{self.offset} ({self._size})>"

    @property
    def run(self) -> Run:
        """The records by column; raises ValueError once they have been released."""
        if self._run is None:
            raise ValueError(f"the records of {self!r} were released")
        return self._run

    def release(self) -> None:
        """Free the records while the batch still waits for its acknowledgement."""
        self._run = None


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
