"""Notices that the whole process stood still: a machine that swaps, a virtual one that is moved, a debugger.

Its session with the broker may be over then and its partitions another's, which it learns too late: until then it would
send old revisions after newer ones, and write over the other's snapshots. So it ends at once, and sends nothing more.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from threading import Thread

BEATS = 50  # in the time that it may stand still


def die(text: str) -> None:
    """End the process without sending what waits in any buffer, as an orderly end would."""
    sys.stderr.write(f"ebbtide: {text}\n")
    sys.stderr.flush()
    os._exit(1)


class Pulse:
    """Beats in a thread of its own, which work of the others does not hold up. `limit` and the clock in seconds.

    `end` is told when a beat came later than that.
    """

    def __init__(
        self, limit: float, clock: Callable[[], float] = time.monotonic, end: Callable[[str], None] = die
    ) -> None:
        self.limit, self.clock, self.end = limit, clock, end
        self._last: float | None = None  # not before the first beat can one fail to come

    def start(self) -> None:
        """Beat until the process ends."""
        self.beat()
        Thread(target=self._run, name="pulse", daemon=True).start()

    def beat(self) -> None:
        """Note that time goes on."""
        self.demand()
        self._last = self.clock()

    def demand(self) -> None:
        """End the process when the beat fails to come for longer than the limit."""
        gap = 0.0 if self._last is None else self.clock() - self._last
        if gap > self.limit:
            self.end(f"stood still for {gap:.1f} s: ended, as the partitions may be another's; start it again")

    def _run(self) -> None:
        while True:
            self.beat()
            time.sleep(self.limit / BEATS)
