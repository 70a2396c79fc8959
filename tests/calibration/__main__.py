"""`python -m tests.calibration`: false alarms of quiet series by law, and how soon falls are found."""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from rich.console import Console

from detectors.types import Kind
from tests.calibration import report
from tests.calibration.alarms import LOT
from tests.calibration.campaign import campaign, pieces, usual_days
from tests.calibration.falls import DEPTHS, Trial, falls
from tests.calibration.feeds import calibrate_feeds, separately
from tests.calibration.fused import together
from tests.calibration.laws import LAWS, NAMED
from tests.calibration.promises import ENOUGH, promises

FIVE = 300
TRIED: dict[str, tuple[Kind, tuple[float, ...]]] = {
    "a bin (count)": ("count", (1, 5, 20, 100, 10_000)),
    "noise (gauge)": ("gauge", (0.005, 0.01, 0.03, 0.1)),
    "trials (ratio of 0.9)": ("ratio", (1, 5, 20, 100, 10_000)),
}
SHORT = ("mixed", "holidays", "business", "clocks", "school", "ar", "lognormal", "first-days", "networks")


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables."""
    arguments = _parser().parse_args(argv)
    console = Console(width=160)
    _budgets(arguments, console)
    if arguments.falls:
        _powers(arguments.falls, console)


def _parser() -> argparse.ArgumentParser:
    laws = "; ".join(f"{law.name}: {law.says}" for law in LAWS)
    parser = argparse.ArgumentParser(prog="python -m tests.calibration", description=__doc__, epilog=laws)
    parser.add_argument("--laws", nargs="*", choices=sorted(NAMED), default=SHORT, metavar="LAW", help="see below")
    parser.add_argument("--kinds", nargs="*", choices=get_args(Kind), default=get_args(Kind))
    parser.add_argument("--widths", nargs="*", type=int, default=[3_600, 7_200], help="bin widths in seconds")
    parser.add_argument("--budgets", nargs="*", type=float, default=[1.0], help="alarms in 1,000 series and month")
    parser.add_argument("--series", type=int, default=LOT, help="of each law, kind, width and lot")
    parser.add_argument("--days", type=int, help="default: 30 for bins below an hour, a year for days, else 60")
    parser.add_argument("--lots", type=int, default=1, help="runs with other seeds")
    parser.add_argument("--grid", action="store_true", help="a column for each width, in place of a row")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--file", type=Path, help="keep results here, and run only what it does not have")
    parser.add_argument("--feeds", nargs="*", type=int, default=(), help="also entities with so many feeds, 1 to 5")
    parser.add_argument("--falls", type=int, default=0, help="also try so many falls per size and depth")
    return parser


def _budgets(arguments: argparse.Namespace, console: Console) -> None:
    a = arguments
    asked = pieces(a.laws, a.kinds, a.widths, a.budgets, a.series, a.days, a.lots)
    found = list(campaign(asked, a.jobs, a.file))
    for number, width, budget, lot in itertools.product(a.feeds, a.widths, a.budgets, range(a.lots)):
        counts = (separately, together)[:number]
        days = a.days or usual_days(width)
        found += [calibrate_feeds(number, width, days, count, lot, a.series, budget) for count in counts]
    console.print(
        "False alarms on quiet series; the budget is per 1,000 series and month of 30 days.\n"
        "`over`, `far below`: the exact 95 % Poisson interval of the share lies above 1, below 0.1."
    )
    console.print(report.grid(found) if a.grid else report.alarms(found))
    console.print("All kinds, widths and lots of a law; series in months of 30 days.")
    console.print(report.totals(found))


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
