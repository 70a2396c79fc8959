"""Ends a process that was suspended: by a machine that swaps, a virtual machine that is moved, or a debugger.

By then its session with the broker may have expired and another worker may own its partitions. The process learns that
too late: it would send old revisions after newer ones, and overwrite the snapshots of the other worker.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread

from streams.broker.sudden_end import die

BEATS = 50  # within the limit


class Watchdog:
    """Beats in a thread of its own, which work in other threads does not delay.

    `limit`: longest gap between two beats, in seconds; `clock`: steady time in seconds; `end`: called with the reason
    when the gap is longer.
    """

    def __init__(
        self, limit: float, clock: Callable[[], float] = time.monotonic, end: Callable[[str], None] = die
    ) -> None:
        self.limit, self.clock, self.end = limit, clock, end
        self._last: float | None = None  # None before the first beat, when no beat can be missing

    def start(self) -> None:
        """Beat until the process ends."""
        self.beat()
        Thread(target=self._run, name="watchdog", daemon=True).start()

    def beat(self) -> None:
        """Record that the process runs."""
        self.check()
        self._last = self.clock()

    def check(self) -> None:
        """End the process when the last beat is longer ago than the limit."""
        gap = 0.0 if self._last is None else self.clock() - self._last
        if gap > self.limit:
            self.end(f"stood still for {gap:.1f} s: ended, as the partitions may be another's; start it again")

    def _run(self) -> None:
        while True:
            self.beat()
            time.sleep(self.limit / BEATS)
