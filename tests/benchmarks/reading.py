"""What a process has used: CPU seconds and peak memory, as Linux counts them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
MARK = "reading: "
UTIME, STIME = 11, 12  # counted behind the name of the program


class Reading(NamedTuple):
    """One look at a process: measurements done, CPU seconds (all threads), seconds on the wall, peak memory (MB)."""

    done: int
    cpu: float
    wall: float
    peak_mb: float

    def line(self) -> str:
        """Return the reading as `parse` takes it."""
        return f"{self.done} {self.cpu:.2f} {self.wall:.6f} {self.peak_mb:.1f}"

    @classmethod
    def parse(cls, line: str) -> Reading:
        """Return the reading that a line holds."""
        done, *rest = line.split()
        cpu, wall, peak = map(float, rest)
        return cls(int(done), cpu, wall, peak)


class Result(NamedTuple):
    """Measurements between the first progress seen and the end, with what they took."""

    measurements: int
    cpu: float
    wall: float
    peak_mb: float

    @property
    def per_cpu_second(self) -> float:
        """Measurements for each second of CPU time."""
        return self.measurements / self.cpu

    @property
    def per_second(self) -> float:
        """Measurements for each second on the wall."""
        return self.measurements / self.wall


def read(done: int, pid: int) -> Reading:
    """Return a reading of a running process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu = (int(fields[UTIME]) + int(fields[STIME])) / TICKS
    return Reading(done, cpu, time.monotonic(), memory_mb(pid, "VmHWM"))


def memory_mb(pid: int, kind: str) -> float:
    """Return the memory that a process has resident (`VmRSS`) or had at most (`VmHWM`), in MB of a million bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))
    return kib * 1024 / 1e6


def between(first: Reading, last: Reading) -> Result:
    """Return what a process did between two readings."""
    return Result(last.done - first.done, last.cpu - first.cpu, last.wall - first.wall, last.peak_mb)


def tell(done: int) -> None:
    """Write a reading of this process to standard output, on a line of its own."""
    os.write(1, f"\n{MARK}{read(done, os.getpid()).line()}\n".encode())


def readings_of(log: Path) -> list[Reading]:
    """Return the readings that a process has written so far; what else stands there is passed over."""
    lines = log.read_text().splitlines(keepends=True)
    return [Reading.parse(line[len(MARK) :]) for line in lines if line.startswith(MARK) and line.endswith("\n")]
