"""`python -m tests.power`: how many kinds of fall are found about as soon as an oracle finds them."""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import get_args

import numpy as np
from rich.console import Console
from rich.table import Table

from detectors.types import Kind
from tests.power.cells import Cell, measure
from tests.power.laws import Law

SIZES: dict[str, tuple[float, ...]] = {
    "gauge": (0.01, 0.05, 0.1, 0.2),
    "count": (5, 20, 100, 1000),
    "distinct": (5, 20, 100),
    "ratio": (5, 20, 100),
}
SEASONS, MEMORIES = (0.0, 0.3), (0.0, 0.7)
YOUNG = 3  # days of history up to which a series is young
Task = tuple[Law, int, int, int, int]


def main(argv: Sequence[str] | None = None) -> None:
    """Print a row for each cell, and how many are reached of those that count, young and older series apart."""
    arguments = _parser().parse_args(argv)
    console = Console(width=120)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        cells = [cell for found in pool.map(_measure, _tasks(arguments)) for cell in found]
    console.print(table([cell for cell in cells if arguments.all or (cell.counts and not cell.reached)]))
    for name, part in (
        ("1 to 3 days of history", [cell for cell in cells if cell.days <= YOUNG]),
        ("9 days and more", [cell for cell in cells if cell.days > YOUNG]),
    ):
        counted = [cell for cell in part if cell.counts]
        early = sum(cell.early for cell in part)
        console.print(
            f"{name}: {sum(cell.reached for cell in counted)} of {len(counted)} cells, {early} alarms before the fall"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.power", description=__doc__)
    parser.add_argument("--kinds", nargs="*", choices=sorted(SIZES), default=sorted(SIZES))
    parser.add_argument("--widths", nargs="*", type=int, default=[300, 600, 3600, 7200], help="bin widths in seconds")
    parser.add_argument("--days", nargs="*", type=int, default=[1, 3, 9, 28], help="days of history")
    parser.add_argument("--weekdays", nargs="*", type=int, default=[3], help="weekdays of the onset, 0 is Monday")
    parser.add_argument("--series", type=int, default=40, help="falls in each cell")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--all", action="store_true", help="print every cell, not only those that are missed")
    return parser


def _tasks(arguments: argparse.Namespace) -> Iterator[Task]:
    for kind, width, days, weekday in itertools.product(
        arguments.kinds, arguments.widths, arguments.days, arguments.weekdays
    ):
        for size, season, memory in itertools.product(SIZES[kind], SEASONS, MEMORIES if kind == "gauge" else (0.0,)):
            yield Law(kind, width, size, season, memory), days, weekday, arguments.series, arguments.seed


def _measure(task: Task) -> list[Cell]:
    return measure(*task)


def table(cells: Sequence[Cell]) -> Table:
    """Return a table with a row for each cell; delays are medians in bins."""
    names = ("kind", "bin s", "size", "season", "AR", "days", "weekday", "depth", "found", "delay", "oracle", "reached")
    made = Table(*names)
    for cell in cells:
        law = cell.law
        numbers = (law.width, law.size, law.season, law.memory, cell.days, cell.weekday, cell.depth)
        share = f"{np.isfinite(cell.found).mean():.2f}"
        medians = (f"{np.median(delays):.0f}" for delays in (cell.found, cell.oracle))
        made.add_row(law.kind, *(f"{number:g}" for number in numbers), share, *medians, "yes" if cell.reached else "no")
    return made


if __name__ == "__main__":
    assert set(SIZES) < set(get_args(Kind))
    main()
