"""Open bins of one feed: columns of sums, one element per row, until the watermark closes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.exact_sums import MOST
from detectors.types import Flags, Floats, Ints, Kind

Scalar = TypeVar("Scalar", bound=np.generic)


def padded(column: NDArray[Scalar], rows: int) -> NDArray[Scalar]:
    """Return the column with at least `rows` elements on axis 0, zeros behind; grown by half to keep appends cheap."""
    if len(column) >= rows:
        return column
    larger = np.zeros((max(rows, len(column) * 3 // 2, 16), *column.shape[1:]), dtype=column.dtype)
    larger[: len(column)] = column
    return larger


def distinct(starts: Ints) -> list[int]:
    """Return the different starts of bins, at least one, in order; most often all are the same."""
    first: int = starts[0].item()
    return [first] if (starts == first).all() else np.unique(starts).tolist()


@dataclass(slots=True)
class OpenBin:
    """Sums of one open bin, an element per row. `last`: event time (s) of the level kept (gauge). `members`: rows and
    names of the members counted (distinct).
    """

    value: Floats
    size: Floats
    last: Floats
    seen: Flags
    members: set[tuple[int, str]]

    @classmethod
    def empty(cls) -> OpenBin:
        """Return a bin without rows."""
        return cls(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.bool_), set())

    def grow(self, rows: int) -> None:
        """Make room for at least this many rows."""
        if len(self.seen) < rows:
            self.value, self.size = padded(self.value, rows), padded(self.size, rows)
            self.last, self.seen = padded(self.last, rows), padded(self.seen, rows)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Measurements of one feed in order of arrival: rows, event times (s), values, trials, members (or None)."""

    rows: Ints
    ts: Floats
    value: Floats
    of: Floats
    members: list[str | None]

    def where(self, keep: Flags) -> Arrivals:
        """Return those flagged, in order."""
        members = [m for m, k in zip(self.members, keep.tolist(), strict=True) if k] if self.members else []
        return Arrivals(self.rows[keep], self.ts[keep], self.value[keep], self.of[keep], members)


class OpenBins:
    """The bins of one feed that are not closed yet, by their starts."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.bins: dict[int, OpenBin] = {}

    def add(self, starts: Ints, arrivals: Arrivals, rows: int) -> None:
        """Put measurements into the bins of these starts; `rows` is how many series there are."""
        found = distinct(starts)
        if len(found) == 1:
            self._add(found[0], arrivals, rows)
            return
        for start in found:
            self._add(start, arrivals.where(starts == start), rows)

    def take(self, start: int, rows: int) -> OpenBin:
        """Remove and return the bin, with at least `rows` rows; an empty one when nothing came.

        A sum above `MOST` counts as that: it may have overflown, and one that is not finite would be learnt for good.
        """
        taken = self.bins.pop(start, None) or OpenBin.empty()
        taken.grow(rows)
        np.minimum(taken.value, MOST, out=taken.value)
        np.minimum(taken.size, MOST, out=taken.size)
        return taken

    def _add(self, start: int, arrivals: Arrivals, rows: int) -> None:
        into = self.bins.setdefault(start, OpenBin.empty())
        into.grow(rows)
        into.seen[arrivals.rows] = True
        with np.errstate(over="ignore"):
            _ADD[self.kind](into, arrivals)


def _add_gauge(into: OpenBin, arrivals: Arrivals) -> None:
    """Keep the level with the newest event time; of equal ones, the one that came last."""
    order = np.argsort(arrivals.ts, kind="stable")
    rows, ts = arrivals.rows[order], arrivals.ts[order]
    newer = ts >= into.last[rows]
    into.value[rows[newer]] = arrivals.value[order][newer]
    into.last[rows[newer]] = ts[newer]


def _add_count(into: OpenBin, arrivals: Arrivals) -> None:
    np.add.at(into.value, arrivals.rows, arrivals.value)


def _add_ratio(into: OpenBin, arrivals: Arrivals) -> None:
    np.add.at(into.value, arrivals.rows, arrivals.value)
    np.add.at(into.size, arrivals.rows, arrivals.of)


def _add_distinct(into: OpenBin, arrivals: Arrivals) -> None:
    for row, member in zip(arrivals.rows.tolist(), arrivals.members, strict=True):
        if (row, member) not in into.members:
            into.members.add((row, str(member)))
            into.value[row] += 1.0


def _add_nothing(into: OpenBin, arrivals: Arrivals) -> None:
    """Presence: members are followed apart, in event-time order."""


_ADD = {
    "gauge": _add_gauge,
    "count": _add_count,
    "distinct": _add_distinct,
    "ratio": _add_ratio,
    "presence": _add_nothing,
}
