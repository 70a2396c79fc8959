"""How far one part of a source (a partition, a file) has come, and where reading goes on after a restart."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import msgspec

from streams.sources.records import Gap

GAPS = 50  # newest gaps that a position keeps
RESUMED = 3600  # seconds that a source that has begun may go back beyond its `backfill`


class Position(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where reading goes on after a restart; all is a function of the records before `done`.

    `offset`: first record to read again. `newest`: event time (Unix seconds) reached before it; None for none.
    `sent`: rounds up to this one (see `PartClock`) are sent, as far as they are of records before `done`.
    `gaps`: newest times in which nothing could be known.
    """

    offset: int = 0
    newest: float | None = None
    sent: int = 0
    done: int = 0
    gaps: tuple[Gap, ...] = ()


def oldest_of(position: Position | None, began: float, now: float, backfill: float) -> int:
    """Return up to where a service is read back (all Unix seconds, but for `backfill`).

    A source that was killed while it reads the past goes on where it was, which is by then beyond its `backfill`.
    """
    return int(began - backfill if position is None else now - backfill - RESUMED)


@dataclass(slots=True)
class PartClock:
    """Deals rows to rounds: round `r` is sent when event time less the lateness has reached `r` (Unix seconds).

    A row belongs to the round at the end of its bin; a late row to the next round, so that a bin may be sent in several
    parts. Which round a row gets depends on nothing but the records of its part.
    """

    width: int
    lateness: float
    position: Position
    newest: float = -math.inf
    reached: int = 0
    offset: int = 0
    open: dict[int, tuple[int, float]] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()

    def __post_init__(self) -> None:
        self.offset, self.gaps = self.position.offset, self.position.gaps
        if self.position.newest is not None:
            self.newest = self.position.newest
            self.reached = self._boundary(self.newest)
        self.pass_done(self.offset)

    def pass_done(self, offset: int) -> None:
        """Have rows of a record that was not read before the restart in no round that was sent."""
        if offset >= self.position.done:
            self.reached = max(self.reached, self.position.sent)

    def _boundary(self, ts: float) -> int:
        return int((ts - self.lateness) // self.width) * self.width

    def round_of(self, end: int) -> int:
        """Return the round of a row whose bin ends then."""
        return max(end, self.reached + self.width)

    def is_sent(self, number: int, offset: int) -> bool:
        """Return whether a row of this round and record was sent before the restart."""
        return offset < self.position.done and number <= self.position.sent

    def move(self, newest: float) -> None:
        """Go on to the newest event time."""
        if newest > self.newest:
            self.newest = newest
            self.reached = max(self.reached, self._boundary(newest))

    def send(self, limit: int) -> Position:
        """Forget the rounds up to a limit, which are sent now, and return where reading goes on."""
        self.reached = max(self.reached, limit)  # a part that was idle was not waited for
        self.open = {number: place for number, place in self.open.items() if number > limit}
        offset, newest = min(self.open.values(), default=(self.offset, self.newest))
        return Position(
            offset=offset,
            newest=None if newest == -math.inf else newest,
            sent=max(limit, self.position.sent),
            done=max(self.offset, self.position.done),
            gaps=self.gaps[-GAPS:],
        )
