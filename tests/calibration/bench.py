"""`python -m tests.calibration.bench`: CPU time and state of the detector per series and closed bin, single thread."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from detectors.outages.detector import Detector
from detectors.types import DAY, ClosedBin, Kind, Rule
from tests.calibration.quiet import level, measured
from tests.calibration.report import heads, width
from tests.calibration.textbook import Ewma, River
from tests.detectors.series import run

SIZES = (1_000, 10_000, 100_000, 400_000)
LARGE = 1_000_000
TAUGHT = 1_000  # series that lived through the history; the others are copies of them
HISTORY = 8
BINS = 24
RIVERS = 200
CASES: tuple[tuple[Kind, int], ...] = (
    ("count", 300),
    ("count", 3_600),
    ("gauge", 300),
    ("gauge", 3_600),
    ("presence", 300),
)
Close = Callable[[ClosedBin], object]


class Taught(NamedTuple):
    """A detector after eight days, and the bins that follow."""

    detector: Detector
    rest: list[ClosedBin]


class Cost(NamedTuple):
    """Nanoseconds per series and bin, and bytes of state per series."""

    name: str
    width: int
    rows: int
    nanoseconds: float
    bytes: float


def teach(kind: Kind, width_: int) -> Taught:
    """Let a thousand quiet series live for eight days, and keep the bins after that."""
    days = HISTORY + -(-BINS * width_ // DAY)
    rng, shape = np.random.default_rng(1), level(np.random.default_rng(2), TAUGHT, days, width_)
    seen = list(measured(rng, kind, shape, width_, np.ones(TAUGHT, np.int64)))
    detector, now = Detector(Rule(kind, width_)), HISTORY * DAY // width_
    run(detector, iter(seen[:now]))
    return Taught(detector, seen[now : now + BINS])


def copied(taught: Taught, rows: int) -> Detector:
    """Return a detector of many series in the state of those that were taught."""
    detector = Detector(taught.detector.rule)
    detector.grow(rows)
    which = np.arange(rows) % TAUGHT
    for name, column in detector.stored.items():
        column[:] = taught.detector.stored[name][which]
    detector.slots[:] = taught.detector.slots[which]
    detector.scalars.update(taught.detector.scalars)
    ongoing = taught.detector.ongoing
    detector.ongoing.update({row: ongoing[row % TAUGHT] for row in range(rows) if row % TAUGHT in ongoing})
    return detector


def timed(close: Close, seen: Sequence[ClosedBin], rows: int) -> float:
    """CPU nanoseconds per series and bin of closing bins for that many rows; making the bins is not counted."""
    spent = 0
    for closed in seen:
        wide = widened(closed, rows)
        before = time.process_time_ns()
        close(wide)
        spent += time.process_time_ns() - before
    return spent / len(seen) / rows


def widened(closed: ClosedBin, rows: int) -> ClosedBin:
    """Repeat the series of a bin."""
    which = np.arange(rows) % len(closed.value)
    return ClosedBin(
        start=closed.start,
        value=closed.value[which],
        size=closed.size[which],
        present=closed.present[which],
        alive=closed.alive[which],
        lost=closed.lost[which],
        back=closed.back[which],
        group=closed.group[which],
    )


def state(detector: Detector) -> float:
    """Return the bytes of stored columns and profiles per series."""
    columns: list[NDArray[Any]] = [*detector.stored.values(), detector.slots]
    return sum(column.nbytes for column in columns) / detector.rows


def ours(kind: Kind, width_: int, sizes: Sequence[int], rounds: int) -> list[Cost]:
    """Cost at each size, the median of some rounds."""
    taught, found = teach(kind, width_), []
    for rows in sizes:
        detectors = (copied(taught, rows) for _ in range(rounds))
        spent = [(timed(detector.close, taught.rest, rows), state(detector)) for detector in detectors]
        found.append(Cost(f"detector, {kind}", width_, rows, statistics.median(ns for ns, _ in spent), spent[0][1]))
    return found


def others(rounds: int) -> list[Cost]:
    """What the z-score and river cost on the same bins."""
    rest, rows = teach("count", 300).rest, SIZES[-1]
    columns = Ewma(rows)
    fast = statistics.median(timed(lambda closed: columns.close(closed.value), rest, rows) for _ in range(rounds))
    scorers = River(RIVERS)
    slow = statistics.median(timed(lambda closed: scorers.close(closed.value), rest, RIVERS) for _ in range(rounds))
    return [
        Cost("NumPy EWMA z-score", 300, rows, fast, columns.bytes),
        Cost("river GaussianScorer", 300, RIVERS, slow, scorers.bytes),
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.calibration.bench", description=__doc__)
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} series too, which takes 1.5 GB")
    parser.add_argument("--rounds", type=int, default=3, help="how often each runs; the median is told")
    arguments = parser.parse_args(argv)
    sizes = (*SIZES, LARGE) if arguments.large else SIZES
    table = heads(("", "bin"), "series", "ns per series and bin", "bytes per series")
    for kind, width_ in CASES:
        for cost in ours(kind, width_, sizes, arguments.rounds):
            _add(table, cost)
    for cost in others(arguments.rounds):
        _add(table, cost)
    Console(width=120).print(f"CPU time of one thread, median of {arguments.rounds} rounds of {BINS} bins", table)


def _add(table: Table, cost: Cost) -> None:
    table.add_row(cost.name, width(cost.width), f"{cost.rows:,}", f"{cost.nanoseconds:,.1f}", f"{cost.bytes:,.0f}")


if __name__ == "__main__":
    main()
