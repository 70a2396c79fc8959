"""`python -m tests.drill`: exit code 0 when nothing was lost, doubled or changed, 1 when something was."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.drill.crew import StuckError
from tests.drill.drill import Options, run
from tests.drill.stream import Load
from tests.drill.verdict import Verdict
from tests.kafka import ApacheKafka, installed


def main(argv: Sequence[str] | None = None) -> int:
    """Run a drill, print its time line and its table."""
    arguments = _parser().parse_args(argv)
    began, console = time.monotonic(), Console(width=160, highlight=False, markup=False)

    def tell(text: str) -> None:
        console.print(f"{time.monotonic() - began:7.1f} s  {text}")

    if not installed("the drill"):
        return 1
    load = Load(arguments.measurements, arguments.series, arguments.seed)
    options = Options(load, arguments.kills, arguments.restarts, arguments.stalls, arguments.rate, arguments.patience)
    tell(f"seed {load.seed}")
    directory = Path(tempfile.mkdtemp(prefix="ebbtide-drill-"))
    try:
        with ApacheKafka() as kafka:
            verdict = run(options, kafka, directory, tell)
    except StuckError as error:
        sys.stderr.write(f"the drill is stuck (logs in {directory}): {error}\n")
        return 1
    return _report(verdict, directory, console)


def _report(verdict: Verdict, directory: Path, console: Console) -> int:
    table = Table("result", "number")
    table.columns[1].justify = "right"
    for name, number in verdict.table.items():
        table.add_row(name, f"{number:,}")
    console.print(table)
    for text in verdict.wrong:
        console.print(text, soft_wrap=True)
    if verdict.wrong:
        console.print(f"logs in {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="of the input and of the faults")
    parser.add_argument("--measurements", type=int, default=2_000_000, help="measurements at least")
    parser.add_argument("--series", type=int, default=20_000, help="ASNs")
    parser.add_argument("--kills", type=int, default=20, help="kill -9 of a worker")
    parser.add_argument("--restarts", type=int, default=2, help="restarts of the broker, every other by kill -9")
    parser.add_argument("--stalls", type=int, default=0, help="times that a worker stands still for too long")
    parser.add_argument("--rate", type=float, default=20_000, help="measurements sent a second, at most")
    parser.add_argument("--patience", type=float, default=240, help="seconds without any progress that end the drill")
    return parser


if __name__ == "__main__":
    sys.exit(main())
