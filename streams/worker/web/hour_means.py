"""Means of a feed's bins by hour, of which a day is kept: the newest bins alone often reach back a few hours only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors.types import HOUR

HOURS: Final = 24  # hours that are kept
Means: TypeAlias = NDArray[np.float32]  # value and expected level, shape (2, rows); NaN where unknown
_Counts: TypeAlias = NDArray[np.uint16]


class HourMeans:
    """Adds up the bins of the hour that goes on. A bin belongs to the hour in which it starts.

    `width`: of a bin, in seconds, at most an hour.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._start: int | None = None
        self._sums: Means = np.zeros((2, 0), np.float32)
        self._counts: _Counts = np.zeros((2, 0), np.uint16)

    @property
    def nbytes(self) -> int:
        """Memory that the sums take, in bytes."""
        return self._sums.nbytes + self._counts.nbytes

    def add(self, start: int, levels: NDArray[np.float32]) -> Iterator[tuple[int, Means]]:
        """Add a bin, and yield each hour that it ends: its start and its means.

        `start`: of the bin (Unix seconds); `levels`: float32 (2 or more, rows), value and expected level first. Rows
        may have become more since the last bin.
        """
        hour = start // HOUR * HOUR
        if self._start not in (None, hour):
            yield self._taken()
        self._grow(hour, levels.shape[1])
        # What is expected counts only where it was measured, so that both means are of the same bins.
        present = np.isfinite(levels[:2]) & np.isfinite(levels[0])
        np.add(self._sums, levels[:2], out=self._sums, where=present)
        self._counts += present
        if (start + self.width) // HOUR * HOUR != hour:
            yield self._taken()

    def _grow(self, hour: int, rows: int) -> None:
        more = ((0, 0), (0, rows - self._sums.shape[1]))
        self._start, self._sums, self._counts = hour, np.pad(self._sums, more), np.pad(self._counts, more)

    def _taken(self) -> tuple[int, Means]:
        """Return the hour, and begin another. A mean is unknown where less than half of its hour is known."""
        assert self._start is not None
        start, enough = self._start, 2 * self.width * self._counts.astype(np.int64) >= HOUR
        means = np.full(self._sums.shape, np.nan, np.float32)
        np.divide(self._sums, self._counts, out=means, where=enough, casting="same_kind")
        self._start = None
        self._sums[:], self._counts[:] = 0, 0
        return start, means
