"""Event time of one feed in one shard: what is late, what is too far ahead, which bins may close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.types import Flags, Floats, Ints


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


@dataclass(slots=True)
class Watermark:
    """The newest event time reached (None: none yet) and the start of the bin that closes next."""

    rule: TimeRule
    newest: float | None = None
    next_close: int = 0

    def first_leap(self, ts: Floats) -> int:
        """Index of the first event time, in order of arrival, that steps too far past all before it, or the length."""
        seen = ts[0] if self.newest is None else self.newest
        steps = np.diff(np.maximum.accumulate(np.concatenate(([seen], ts)))) > self.rule.max_step
        return int(np.argmax(steps)) if steps.any() else len(ts)

    def admit(self, ts: Floats, received: Floats | float = np.inf) -> tuple[Ints, Flags]:
        """Take event times in order of arrival: (end of closable bins as each arrived, which are late).

        `received`: when each came (Unix s), shape as `ts`, or one time for all. No clock moves time past its receipt.
        """
        reached = np.minimum(ts, received)
        if self.newest is None:
            self.newest = float(reached[0])
            self.next_close = int(self.rule.closed_until(reached[:1])[0])
        newest = np.maximum(np.maximum.accumulate(reached), self.newest)
        closed = self.rule.closed_until(newest)
        self.newest = float(newest[-1])
        return closed, self.rule.bin_of(ts) < closed

    def advance(self, newest: float) -> None:
        """Follow the clock of the feed, never backwards. A feed that has seen nothing stays where it is."""
        if self.newest is not None:
            self.newest = max(self.newest, newest)

    def due(self) -> range:
        """Starts of the bins that may close now, oldest first; they count as closed from here on."""
        if self.newest is None:
            return range(0)
        until = int(self.rule.closed_until(np.array(self.newest)))
        starts = range(self.next_close, until, self.rule.width)
        self.next_close = max(self.next_close, until)
        return starts
