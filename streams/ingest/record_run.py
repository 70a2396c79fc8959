"""Runs of fetched records as columns, without a Python object for each record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

import google_crc32c
import numpy as np

from detectors.types import Ints
from schemas.rejections import one_line

HEAD = 12  # bytes of a batch before those that its length, the last four of them, counts
CHECKED = 21  # where the bytes begin that a batch's checksum covers; the first two are its attributes
CODEC = 0b111  # the bits of the attributes that name the codec
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
CRC_IN_C = google_crc32c.implementation == "c"
LOG_APPEND_TIME = 1  # the type of a timestamp that the broker set
OFFSET, TIMESTAMP, KEY, VALUE = map(attrgetter, ("offset", "timestamp", "key", "value"))


class Record(Protocol):
    """The part of a fetched record that is used here; both record types of aiokafka have it."""

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


class Run(NamedTuple):
    """Records of one partition in offset order, by column; timestamps in milliseconds since 1970."""

    offsets: Sequence[int]
    timestamps: Ints
    keys: list[bytes | None]
    values: list[bytes | None]
    timestamp_type: int = 0

    @classmethod
    def of(cls, records: Sequence[Record]) -> Run:
        """Return records, at least one, as columns."""
        first, last, count = records[0].offset, records[-1].offset, len(records)
        whole = last - first + 1 == count  # compaction and transactions leave holes
        return cls(
            range(first, last + 1) if whole else list(map(OFFSET, records)),
            np.fromiter(map(TIMESTAMP, records), dtype=np.int64, count=count),
            list(map(KEY, records)),
            list(map(VALUE, records)),
            records[-1].timestamp_type,
        )

    @property
    def offset(self) -> int:
        """Offset of the last record."""
        return self.offsets[-1]

    def cut(self, start: int, stop: int) -> Run:
        """Return the records with these indices."""
        if start == 0 and stop >= len(self.values):
            return self
        span = slice(start, stop)
        return Run(self.offsets[span], self.timestamps[span], self.keys[span], self.values[span], self.timestamp_type)

    def received_by(self, now: float) -> Run:
        """Return the records with times of receipt until now (Unix s): one that a producer set may lie ahead."""
        if self.timestamp_type == LOG_APPEND_TIME:
            return self
        return self._replace(timestamps=np.minimum(self.timestamps, int(now * 1000)))

    def since(self, offset: int) -> Run:
        """Return the records from an offset on."""
        below = sum(number < offset for number in self.offsets) if self.offsets[0] < offset else 0
        return self.cut(below, len(self.offsets)) if below else self


def joined(fetched: Sequence[Run | Record]) -> Run:
    """Return the fetched runs and single records of a partition as one run."""
    runs = [item for item in fetched if isinstance(item, Run)]
    if len(runs) < len(fetched):
        runs = [item if isinstance(item, Run) else Run.of([item]) for item in fetched]
    if len(runs) == 1:
        return runs[0]
    first, last = runs[0].offsets[0], runs[-1].offset
    keys, values = (
        list(chain.from_iterable(columns)) for columns in ([r.keys for r in runs], [r.values for r in runs])
    )
    whole = last - first + 1 == len(values)
    offsets = range(first, last + 1) if whole else list(chain.from_iterable(run.offsets for run in runs))
    return Run(offsets, np.concatenate([run.timestamps for run in runs]), keys, values, runs[-1].timestamp_type)


class UnreadableBatchError(Exception):
    """A batch of the log cannot be decoded; the message is one line that names its place."""


class Batches:
    """A fetched part of the log of `place`. Where `in_runs`, a batch yields all of its records at once, as one run."""

    def __init__(self, log: Any, data: bytes, place: str) -> None:  # noqa: ANN401
        self._log, self._data, self._at = log, memoryview(data), 0
        self._place, self.in_runs = place, False
        self.has_next = log.has_next

    def next_batch(self) -> CheckedBatch:
        """Return the next batch."""
        start = self._at
        self._at += HEAD + int.from_bytes(self._data[start + HEAD - 4 : start + HEAD], "big")
        kind = WholeBatch if self.in_runs else CheckedBatch
        return kind(self._log.next_batch(), self._data[start : self._at], self._place)


class CheckedBatch:
    """A batch of the log with a faster checksum, and an error that names its place when it cannot be decoded."""

    def __init__(self, batch: Any, data: memoryview, place: str) -> None:  # noqa: ANN401
        self._batch, self._data, self._place = batch, data, place

    def validate_crc(self) -> bool:
        """Return whether the checksum fits; computed by a processor instruction instead of aiokafka's lookup table."""
        if not CRC_IN_C or self._batch.magic < 2:
            return bool(self._batch.validate_crc())
        return bool(google_crc32c.value(bytes(self._data[CHECKED:])) == self._batch.crc)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._batch, name)

    def __next__(self) -> Record:
        """Return the next single record: the marker that a control batch is."""
        record: Record = next(self._batch)
        return record

    def __iter__(self) -> Iterator[Any]:
        """Return the records. Raises UnreadableBatchError."""
        with self._decoding():
            return iter(self._batch)  # decompresses it

    @contextmanager
    def _decoding(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - each codec has errors of its own
            at, codec = int.from_bytes(self._data[:8], "big"), self._data[CHECKED + 1] & CODEC
            name = CODECS[codec] if codec < len(CODECS) else codec
            raise UnreadableBatchError(
                f"{self._place}: the batch at offset {at} (codec {name}, {len(self._data):,} bytes) cannot be decoded: "
                f"{type(error).__name__}: {one_line(str(error))}; nothing from there on was read"
            ) from None


class WholeBatch(CheckedBatch):
    """A batch that yields all of its records at once."""

    def __iter__(self) -> Iterator[Run]:
        """Yield one run of all records; nothing when compaction removed them all. Raises UnreadableBatchError."""
        with self._decoding():
            records = list(self._batch)
        if records:
            yield Run.of(records)
