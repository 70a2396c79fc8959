"""A clock that moves only when a test or a pause of the program moves it, so that hours take no time."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from random import Random

from streams.sources.ports import SourcePorts

_TIME = struct.Struct("<d")


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


class SharedClock(VirtualClock):
    """A clock of several processes, in a file: it outlives a process that is killed, and never goes back."""

    def __init__(self, file: Path, now: float = 0.0) -> None:
        if not file.exists():
            file.write_bytes(bytes(8))
        self._file = file
        super().__init__(now)

    @property
    def time(self) -> float:
        """The time of all processes."""
        return self._moved(0.0)

    @time.setter
    def time(self, time: float) -> None:
        self._moved(time)

    def _moved(self, time: float) -> float:
        """Go on to a time, unless it is past; return the time."""
        with self._file.open("r+b") as file:
            flock(file, LOCK_EX)
            found = max(time, float(_TIME.unpack(file.read(8))[0]))
            file.seek(0)
            file.write(_TIME.pack(found))
            return found
