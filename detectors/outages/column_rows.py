"""Some rows of columns: a copy of them, or a bin in which they stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.types import Flags, Ints

from .series_state import COLUMNS, FallColumns, LevelColumns, MemberColumns, SeriesStore

AT_A_TIME = 32_768  # rows that caches hold while a step passes over all of a feed of members

Number = TypeVar("Number", bound=np.generic)


def rows_of(flags: Flags) -> Ints:
    """Return the rows that have a flag; of few rows `np.flatnonzero` takes four times as long."""
    return flags.nonzero()[0]


def taken(columns: NDArray[Number], rows: Ints) -> NDArray[Number]:
    """Return some rows of columns (rows × numbers), column by column: of all at once NumPy would copy every row."""
    found = np.empty((columns.shape[1], len(rows)), columns.dtype)
    for line, column in zip(found, columns.T, strict=True):
        column.take(rows, out=line, mode="clip")
    return found.T


def computed(wanted: Flags) -> Ints | slice:
    """Return the rows to compute: all of them where gathering the wanted ones would cost more."""
    many = 4 * np.count_nonzero(wanted) > wanted.size
    return slice(None) if many else rows_of(wanted)


def member_parts(store: SeriesStore) -> list[tuple[slice, MemberColumns]]:
    """Return views of a feed of members, part by part, for steps that pass over all rows."""
    if store.rows <= AT_A_TIME:
        return [(slice(store.rows), store.members)]
    columns = [getattr(store.members, name) for name in COLUMNS[MemberColumns]]
    parts = [slice(first, min(first + AT_A_TIME, store.rows)) for first in range(0, store.rows, AT_A_TIME)]
    return [(part, MemberColumns(*(column[part] for column in columns))) for part in parts]


@contextmanager
def untouched(view: LevelColumns | FallColumns, rows: Ints) -> Iterator[None]:
    """Put rows of all columns of a view back as they were."""
    columns = [getattr(view, name) for name in COLUMNS[type(view)]] if rows.size else []
    before = [numbers[rows] for numbers in columns]
    yield
    for numbers, kept in zip(columns, before, strict=True):
        numbers[rows] = kept
