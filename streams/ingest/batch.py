"""A batch of one partition: the measurements of a run of messages, and the message of each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import msgspec
import numpy as np

from detectors.types import Floats, Ints
from schemas.measurement import Measurement
from schemas.validate import validate
from streams.ingest.columns import Columns

_splitter = msgspec.json.Decoder(list[msgspec.Raw])


class MeasurementOrigin(NamedTuple):
    """The offset of a measurement's message, and the bytes of the measurement alone."""

    offset: int
    payload: bytes


class Rejected(NamedTuple):
    """A measurement, or a whole message, that is a dead letter."""

    origin: MeasurementOrigin
    reason: str
    detail: str

    @property
    def payload(self) -> bytes:
        """The bytes as they came."""
        return self.origin.payload


@dataclass(frozen=True, slots=True)
class Batch:
    """`n` measurements from `m` messages, in order of arrival.

    `source`: for each measurement the index of its message in `values` and `offsets`. `columns`: columns of shape (n,).
    `received`: Unix seconds at which each message arrived, shape (m,), or one time for all. `is_proven`: whether these
    times are the broker's word or our own; a producer's prove nothing. `read_at`: the worker's own time where producers
    stamp (Unix s), None in a recording.
    """

    measurements: Sequence[Measurement]
    source: Sequence[int] | Ints
    values: Sequence[bytes | None]
    offsets: Sequence[int]
    received: Sequence[float] | Floats | float
    columns: Columns
    is_proven: bool = True
    read_at: float | None = None

    @property
    def is_live(self) -> bool:
        """Whether a clock that is no producer's says when the messages were there."""
        return self.is_proven or self.read_at is not None

    def origin(self, position: int) -> MeasurementOrigin:
        """Return the origin of the measurement at a position; of an array, only the bytes of its element."""
        message = int(self.source[position])
        value = self.values[message] or b""
        if value.lstrip()[:1] == b"[":
            value = _good_elements(value)[position - bisect_left(self.source, message)]
        return MeasurementOrigin(self.offsets[message], value)

    def received_at(self, positions: Ints) -> Floats | float:
        """Return the Unix seconds at which these measurements arrived: one time, or an array like `positions`."""
        if isinstance(self.received, float | int):
            return float(self.received)
        received = np.asarray(self.received, dtype=np.float64)
        whole = isinstance(self.source, range)
        return received[positions] if whole else received[np.asarray(self.source)[positions]]

    def witnessed_at(self, positions: Ints) -> Floats | float | None:
        """Return when these measurements were there (Unix s), by a clock that is no producer's, if any is."""
        return self.received_at(positions) if self.is_proven else self.read_at

    def offsets_at(self, positions: Ints) -> Ints:
        """Return the offset of the message of each of these measurements."""
        source = positions if isinstance(self.source, range) else np.asarray(self.source)[positions]
        if isinstance(self.offsets, range):
            return source + self.offsets.start
        return np.asarray(self.offsets, dtype=np.int64)[source]


@lru_cache(maxsize=1)  # all elements of an array may be dead letters
def _good_elements(array: bytes) -> list[bytes]:
    """Return the raw elements of an array that are valid measurements."""
    elements = map(bytes, _splitter.decode(array))
    return [element for element in elements if element[:1] == b"{" and validate(element)[0]]
