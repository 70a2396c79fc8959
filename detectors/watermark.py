"""Event time of one feed in one shard: what is late, what is too far ahead, which bins may close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.types import Flags, Floats, Ints

NOTHING = -(2**62)  # end of the closable bins while nothing may close


@dataclass(frozen=True, slots=True)
class TimeRule:
    """Widths and waits of a feed, seconds. A step of more than `max_step` past all others must be confirmed."""

    width: int
    lateness: float
    max_ahead: float

    @property
    def max_step(self) -> float:
        """How far one measurement may lead all others before it is doubted: two bins, or `max_ahead` if longer."""
        return max(self.max_ahead, 2.0 * self.width)

    def closed_until(self, newest: Floats) -> Ints:
        """End of the newest bin that may close, for each newest event time (seconds, any shape)."""
        return (np.floor((newest - self.lateness) / self.width) * self.width).astype(np.int64)

    def bin_of(self, ts: Floats) -> Ints:
        """Start of the bin that holds each event time."""
        return (np.floor(ts / self.width) * self.width).astype(np.int64)

    def least(self, newest: float) -> float:
        """Event time at which a bin more may close than at `newest` (Unix s)."""
        if newest == -np.inf:
            return newest
        return float(self.closed_until(np.array(newest))) + self.width + self.lateness


@dataclass(slots=True)
class Watermark:
    """The event time reached (None: none yet) and the start of the bin that closes next.

    `front`: the newest event time measured; `newest` is less while others do not agree on it. `is_founding`: nobody has
    agreed on anything yet, and `newest` is the oldest event time.
    """

    rule: TimeRule
    newest: float | None = None
    next_close: int = 0
    front: float | None = None
    is_founding: bool = False

    @property
    def is_disputed(self) -> bool:
        """Whether the newest event time measured is not believed yet."""
        return self.newest is not None and self.front is not None and self.front > self.newest

    def first_leap(self, ts: Floats) -> int:
        """Index of the first event time, in order of arrival, that steps too far past all before it, or the length."""
        seen = ts[0] if self.front is None else self.front
        steps = np.diff(np.maximum.accumulate(np.concatenate(([seen], ts)))) > self.rule.max_step
        return int(np.argmax(steps)) if steps.any() else len(ts)

    def admit(self, ts: Floats, reached: Floats | None = None) -> tuple[Ints, Flags]:
        """Take event times in order of arrival: (end of closable bins as each arrived, which are late).

        `reached`: the time that is believed as each came, shape as `ts`: -inf while none is, by default all are.
        """
        reached = ts if reached is None else reached
        newest = np.maximum.accumulate(reached)
        first = len(ts) - int(np.count_nonzero(newest > -np.inf))
        if self.newest is None or self.is_founding:
            self._found(ts[: first + 1] if first or self.is_founding else reached[:1])
        if self.newest is not None and not self.is_founding:
            newest, first = np.maximum(newest, self.newest), 0
        closed = np.full(len(ts), NOTHING, dtype=np.int64)
        closed[first:] = self.rule.closed_until(newest[first:])
        if first < len(ts):
            self.newest, self.is_founding = float(newest[-1]), False
            self.measure(self.newest)
        return closed, self.rule.bin_of(ts) < closed

    def _found(self, ts: Floats) -> None:
        """Let the bin of the oldest of these event times be the first to close, if none before is older."""
        self.newest = float(ts.min(initial=np.inf if self.newest is None else self.newest))
        self.next_close = int(self.rule.closed_until(np.array(self.newest)))
        self.is_founding = True

    def measure(self, front: float) -> None:
        """Note the newest event time measured."""
        self.front = front if self.front is None else max(self.front, front)

    def advance(self, newest: float) -> None:
        """Follow the clock of the feed, never backwards. A feed that has seen nothing stays where it is."""
        if self.newest is not None:
            self.newest, self.is_founding = max(self.newest, newest), False
            self.measure(self.newest)

    def due(self) -> range:
        """Starts of the bins that may close now, oldest first; they count as closed from here on."""
        if self.newest is None:
            return range(0)
        until = int(self.rule.closed_until(np.array(self.newest)))
        starts = range(self.next_close, until, self.rule.width)
        self.next_close = max(self.next_close, until)
        return starts
