"""Some rows of columns: a copy of them, or a bin in which they stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.types import Ints

from .series_state import COLUMNS, FallColumns, LevelColumns

Number = TypeVar("Number", bound=np.generic)


def taken(columns: NDArray[Number], rows: Ints) -> NDArray[Number]:
    """Return some rows of columns (rows × numbers), column by column: of all at once NumPy would copy every row."""
    found = np.empty((columns.shape[1], len(rows)), columns.dtype)
    for line, column in zip(found, columns.T, strict=True):
        column.take(rows, out=line, mode="clip")
    return found.T


@contextmanager
def untouched(view: LevelColumns | FallColumns, rows: Ints) -> Iterator[None]:
    """Put rows of all columns of a view back as they were."""
    columns = [getattr(view, name) for name in COLUMNS[type(view)]] if rows.size else []
    before = [numbers[rows] for numbers in columns]
    yield
    for numbers, kept in zip(columns, before, strict=True):
        numbers[rows] = kept
