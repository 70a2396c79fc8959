"""The state of a feed's series: growing columns with one row per series, and what a new series starts with.

A column of several numbers a row keeps each of them together in memory: it is the transpose of a plain array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detectors.types import Ints

from .evidence import RHOS, Singles
from .season import HOUR, SLOTS, Around, Slots, around, relative

# name: (type, columns or 0 for a flat one, value of a new row)
LAYOUT: dict[str, tuple[DTypeLike, int, float]] = {
    "level": (np.float32, 0, 0.0),  # recent level without the season, in the unit of the value
    "anchor": (np.float32, 0, 0.0),  # the level of the last weeks; on the first day, the unit of the profile
    "norm": (np.float32, 0, 0.0),  # mean of the profile; 0 on the first day
    "noise": (np.float32, 0, 0.0),  # relative variance of a bin beyond counting; how often members come and go
    "rough": (np.float32, 0, 0.0),  # half the relative variance of the steps from bin to bin
    "wander": (np.float32, 0, 4e-4),  # relative variance of the level over half a day
    "lean": (np.float32, 0, 0.0),  # mean relative deviation of the last half day
    "last": (np.float32, 0, np.nan),  # value of the last normal bin
    "quantum": (np.float32, 0, np.inf),  # smallest step seen
    "above": (np.float32, 0, 0.0),  # share of the last day spent far above the baseline
    "seen": (np.uint32, 0, 0),  # normal bins learnt
    # How well the profile predicts: products and squares, of hours and of weekdays. Presence: see `churn`.
    "fit": (np.float32, 4, 0.0),
    "rest": (np.uint8, 0, 0),  # 1 + the weekday that is a day of rest, 0 where none is known
    "filling": (np.float32, 0, 0.0),  # sum of this hour, in the profile's unit
    "filled": (np.uint16, 0, 0),  # bins in that sum
    "sums": (np.float32, len(RHOS), 0.0),  # evidence that the level has fallen; while an outage is open, its course
    "runs": (np.uint16, len(RHOS), 0),  # bins since that evidence left zero
    "gap": (np.uint16, 0, 0),  # bins missing just before this one
    "hole": (np.uint16, 0, 0),  # bins missing just before the evidence left zero; in an outage, since it seems back
    "flaps": (np.uint8, 0, 0),  # outages begun of late; one is forgotten every day
    "phase": (np.uint8, 0, 0),  # 0 normal, 1 evidence announced, 2 an outage is followed
}

Columns = dict[str, NDArray[Any]]


class Store:
    """Columns that grow at the end in amortised constant time; `hot` and `slots` are views of the rows in use."""

    def __init__(self) -> None:
        self.rows = 0
        self._buffers: Columns = {name: _fresh(name, 0) for name in LAYOUT}
        self._profiles = _unknown(0)
        self.hot: Columns = {}
        self.slots = self._profiles
        self._near: dict[tuple[int, int], Around] = {}  # by chunk; of one hour, never part of the state
        self._ahead: dict[tuple[int, int], Singles] = {}  # that hour pooled, as it was the hour before
        self._hour = -1
        self.grow(0)

    def near(self, part: slice, at: int) -> Around:
        """The profile around the hour of a time, as shares of its mean, of a chunk; kept until the hour ends."""
        hour = at // HOUR
        if self._hour != hour:
            self._ahead = {key: near.ahead for key, near in self._near.items()} if self._hour == hour - 1 else {}
            self._near, self._hour = {}, hour
        key = (part.start, part.stop)
        if key not in self._near:
            near = around(self.slots[part], at, self.hot["rest"][part], self._ahead.pop(key, None))
            self._near[key] = relative(near, self.hot["norm"][part])
        return self._near[key]

    def stale(self) -> None:
        """The profiles have changed, other than by an hour that ended."""
        self._near, self._ahead = {}, {}

    def grow(self, rows: int) -> None:
        """Append rows in warm-up."""
        need = self.rows + rows
        if need > len(self._profiles):
            extra = max(need, 2 * len(self._profiles), 64) - len(self._profiles)
            self._buffers = {k: np.concatenate([v.T, _fresh(k, extra).T], axis=-1).T for k, v in self._buffers.items()}
            self._profiles = np.concatenate([self._profiles.T, _unknown(extra).T], axis=-1).T
        self.rows = need
        self.stale()
        self.hot = {name: buffer[:need] for name, buffer in self._buffers.items()}
        self.slots = self._profiles[:need]

    def reset(self, rows: Ints) -> None:
        """Make rows new again."""
        for name, column in self.hot.items():
            column[rows] = LAYOUT[name][2]
        self.slots[rows] = -1
        self.stale()


def _fresh(name: str, rows: int) -> NDArray[Any]:
    kind, width, start = LAYOUT[name]
    return np.full((width, rows), start, kind).T if width else np.full(rows, start, kind)


def _unknown(rows: int) -> Slots:
    """Profiles of which nothing is known yet."""
    return np.full((SLOTS, rows), -1, np.float16).T


def chunk(columns: Columns, rows: slice) -> Columns:
    """Views of some rows."""
    return {name: column[rows] for name, column in columns.items()}
