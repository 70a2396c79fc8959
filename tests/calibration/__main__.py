"""`python -m tests.calibration`: false alarms against the budget, and how soon falls are found."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import get_args

from rich.console import Console

from detectors.types import Kind
from tests.calibration import report
from tests.calibration.alarms import LOT, calibrate
from tests.calibration.falls import DEPTHS, Trial, falls
from tests.calibration.promises import ENOUGH, promises

BUDGETS = (0.1, 1.0, 10.0)
HOUR, TEN, FIVE = 3_600, 600, 300
DAYS, FEWER = 60, 30
TRIED: dict[str, tuple[Kind, tuple[float, ...]]] = {
    "a bin (count)": ("count", (1, 5, 20, 100, 10_000)),
    "noise (gauge)": ("gauge", (0.005, 0.01, 0.03, 0.1)),
    "trials (ratio of 0.9)": ("ratio", (1, 5, 20, 100, 10_000)),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables."""
    arguments = _parser().parse_args(argv)
    console = Console(width=140)
    _budgets(arguments, console)
    _powers(arguments.falls, console)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.calibration", description=__doc__)
    parser.add_argument("--lots", type=int, default=1, help=f"feeds of {LOT:,} quiet series of hourly bins, per kind")
    parser.add_argument("--falls", type=int, default=200, help="series that fall, per size and depth")
    parser.add_argument("--kinds", nargs="*", choices=get_args(Kind), default=get_args(Kind), help="kinds to calibrate")
    return parser


def _budgets(arguments: argparse.Namespace, console: Console) -> None:
    found = []
    for kind in arguments.kinds:
        found += calibrate(kind, HOUR, DAYS, BUDGETS, arguments.lots)
        found += calibrate(kind, TEN, FEWER, BUDGETS)
    console.print(
        "False alarms on quiet series; the budget is per 1,000 series and month of 30 days.\n"
        "`over`, `far below`: the exact 95 % Poisson interval of the share lies above 1, below 0.1."
    )
    console.print(report.alarms(found))


def _powers(series: int, console: Console) -> None:
    console.print(
        f"Probability of detection within a day / median bins of five minutes; budget 1, 8 days of history, day and "
        f"night up to ± 40 %, {series} falls each."
    )
    for size, (kind, sizes) in TRIED.items():
        console.print(report.power(falls(Trial(kind, FIVE, 8, 288, sizes, DEPTHS, series)), size))
    console.print(f"Promises, met when {ENOUGH:.0%} are reported in time; {series} falls each, bins of five minutes.")
    console.print(report.promises(promises(series)))


if __name__ == "__main__":
    main()
