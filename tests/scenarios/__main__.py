"""`make situations`: draws of each situation, and in how many exactly what happened came out; the rest is told."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from streams.evaluation.simulate.situations import SCENARIOS
from tests.scenarios.situations import Outcome, complaints, run

COLUMNS = (
    "situation",
    "draws",
    "exactly right",
    "in truth",
    "found",
    "split",
    "merged wrongly",
    "kinds right",
    "false",
)


def main() -> None:
    """Print a line of the table for each situation, and what was not right in which draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which (default: all)")
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="draws of each (default: 10)")
    arguments = parser.parse_args()
    sys.stdout.write(f"| {' | '.join(COLUMNS)} |\n|---|{'--:|' * (len(COLUMNS) - 1)}\n")
    for name in arguments.names or SCENARIOS:
        _situation(name, arguments.seeds)


def _situation(name: str, seeds: int) -> None:
    differences, outcomes = [], []
    for seed in range(1, seeds + 1):
        with tempfile.TemporaryDirectory() as scratch:
            outcomes.append(run(name, seed, Path(scratch)))
            differences.append(complaints(outcomes[-1]))
    sys.stdout.write(_line(name, outcomes, differences.count([])) + "\n")
    sys.stdout.flush()
    for seed, lines in enumerate(differences, start=1):
        sys.stderr.writelines(f"{name}, seed {seed}: {text}\n" for text in lines)


def _line(name: str, outcomes: list[Outcome], right: int) -> str:
    matches = [outcome.matches for outcome in outcomes]
    sums = [
        sum(getattr(match, field) for match in matches)
        for field in ("truths", "found", "split", "merged", "kinds_right")
    ]
    return f"| {' | '.join(map(str, (name, len(matches), right, *sums, sum(match.false for match in matches))))} |"


if __name__ == "__main__":
    main()
