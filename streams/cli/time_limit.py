"""A limit on the time that a computation takes, for commands, which run in the main thread."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType


class TimeLimit:
    """Seconds that all `with` blocks together may take; the block that exceeds them ends with TimeoutError."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.left = seconds
        self._began = 0.0
        self._before: signal._HANDLER = signal.SIG_DFL

    def __enter__(self) -> None:
        """Start the clock, which wakes this thread at the end."""
        self._began = time.monotonic()
        self._before = signal.signal(signal.SIGALRM, self._end)
        signal.setitimer(signal.ITIMER_REAL, max(self.left, 1e-6))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop the clock."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)
        self.left -= time.monotonic() - self._began

    def _end(self, number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGALRM, self._before)  # within `__enter__` no `__exit__` follows
        raise TimeoutError(f"takes longer than {self.seconds:g} s")
