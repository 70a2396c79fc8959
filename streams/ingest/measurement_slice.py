"""A slice of a batch: the measurements of one feed in order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detectors.types import Flags, Ints
from schemas.measurement import Measurement
from streams.ingest.batch import Batch, MeasurementOrigin
from streams.ingest.columns import Columns


class MeasurementSlice(NamedTuple):
    """`n` measurements of one feed in order of arrival.

    `columns`: event times, values and codes, each of shape (n,). `positions`: int64 (n,), the position of each in its
    batch. `place`: int64 (n,), the index of each in `pool`, which holds all other fields. `origins`: where each in the
    pool came from, if not from the message at its position.
    """

    pool: Sequence[Measurement]
    place: Ints
    positions: Ints
    columns: Columns
    origins: Sequence[MeasurementOrigin] = ()

    @classmethod
    def of(
        cls, measurements: Sequence[Measurement], positions: Ints, origins: Sequence[MeasurementOrigin] = ()
    ) -> MeasurementSlice:
        """Return a slice of measurements whose feed and series have no code yet."""
        return cls(measurements, np.arange(len(measurements)), positions, Columns.bare(measurements), origins)

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
        return self._replace(place=self.place[keep], positions=self.positions[keep], columns=self.columns.at(keep))

    def origin(self, index: int, batch: Batch | None) -> MeasurementOrigin:
        """Return where a measurement came from; `batch` may be None where all have origins of their own."""
        if self.origins:
            return self.origins[int(self.place[index])]
        assert batch is not None
        return batch.origin(int(self.positions[index]))

    def cut(self, start: int, stop: int) -> MeasurementSlice:
        """Return the measurements from `start` up to `stop`."""
        return self.where(slice(start, stop))
