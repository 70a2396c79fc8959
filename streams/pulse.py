"""Notices that the whole process stood still: a machine that swaps, a virtual one that is moved, a debugger.

Its session with the broker may be over then and its partitions another's, which it learns too late: until then it would
send old revisions after newer ones, and write over the other's snapshots. So it ends, and starts anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread

from streams.errors import EbbtideError

BEATS = 10  # in the time that it may stand still


class StoodStillError(EbbtideError):
    """The process stood still for so long that its partitions may be another's."""


class Pulse:
    """Beats in a thread of its own, which work of the others does not hold up. `limit` and the clock in seconds."""

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.clock = limit, clock
        self._last: float | None = None  # not before the first beat can one fail to come
        self._longest = 0.0

    def start(self) -> None:
        """Beat until the process ends."""
        self.beat()
        Thread(target=self._run, name="pulse", daemon=True).start()

    def beat(self) -> None:
        """Note that time goes on."""
        self._longest, self._last = max(self._longest, self._gap()), self.clock()

    def demand(self) -> None:
        """Raise StoodStillError when the beat ever failed to come for longer than the limit."""
        gap = max(self._longest, self._gap())
        if gap > self.limit:
            raise StoodStillError(f"the process stood still for {gap:.1f} s: its partitions may be another's by now")

    def _gap(self) -> float:
        return 0.0 if self._last is None else self.clock() - self._last

    def _run(self) -> None:
        while True:
            self.beat()
            time.sleep(self.limit / BEATS)
