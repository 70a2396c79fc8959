"""A slice of a batch: the measurements of one feed in order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detectors.types import Flags, Ints
from schemas.measurement import Measurement
from streams.ingest.columns import Columns


class MeasurementSlice(NamedTuple):
    """`n` measurements of one feed in order of arrival.

    `columns`: event times, values and codes, each of shape (n,). `positions`: int64 (n,), the position of each in its
    batch. `place`: int64 (n,), the index of each in `pool`, which holds all other fields.
    """

    pool: Sequence[Measurement]
    place: Ints
    positions: Ints
    columns: Columns

    @classmethod
    def of(cls, measurements: Sequence[Measurement], positions: Ints) -> MeasurementSlice:
        """Return a slice of measurements whose feed and series have no code yet."""
        return cls(measurements, np.arange(len(measurements)), positions, Columns.bare(measurements))

    @property
    def size(self) -> int:
        """Number of measurements."""
        return len(self.columns.ts)

    @property
    def measurements(self) -> list[Measurement]:
        """All measurements as objects."""
        return self.select(slice(None))

    def select(self, indices: slice | Ints) -> list[Measurement]:
        """Return the measurements at these indices as objects."""
        return [self.pool[place] for place in self.place[indices].tolist()]

    def where(self, keep: slice | Flags) -> MeasurementSlice:
        """Return the measurements that flags or a slice select, in order."""
        return MeasurementSlice(self.pool, self.place[keep], self.positions[keep], self.columns.at(keep))

    def cut(self, start: int, stop: int) -> MeasurementSlice:
        """Return the measurements from `start` up to `stop`."""
        return self.where(slice(start, stop))
