"""A clock that moves only when a test or a pause of the program moves it, so that hours take no time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random

from streams.sources.ports import SourcePorts


class VirtualClock:
    """Unix seconds. A pause moves the clock at once; time limits are reached only when `run_out` says so."""

    def __init__(self, now: float) -> None:
        self.time, self.pauses = now, list[float]()
        self._limits: list[tuple[float, asyncio.Timeout]] = []

    def now(self) -> float:
        """Return the time."""
        return self.time

    def reach(self, time: float) -> None:
        """Move on to a time, unless it is past; no time limit is reached."""
        self.time = max(self.time, time)

    async def sleep(self, seconds: float) -> None:
        """Move on, and let others run."""
        self.pauses.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)

    def timeout(self, seconds: float) -> asyncio.Timeout:
        """Return a time limit."""
        limit = asyncio.timeout(None)
        self._limits = [*(pair for pair in self._limits[-20:]), (seconds, limit)]
        return limit

    def run_out(self, seconds: float, limit: float) -> None:
        """Move on; time limits of `limit` seconds that are waited for are reached."""
        self.time += seconds
        for length, timeout in self._limits:
            if length == limit and timeout.when() is None:
                with suppress(RuntimeError):  # it is over
                    timeout.reschedule(asyncio.get_running_loop().time())
        self._limits = []

    def ports(self, seed: int = 1) -> SourcePorts:
        """Return the clock as a source takes it."""
        return SourcePorts(self.now, Random(seed), self.sleep, self.timeout)
