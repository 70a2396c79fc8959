"""`ebbtide simulate`: measurements of a situation that really happened, and what must come out of them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from streams.cli import replay
from streams.cli.common import natural, positive, print_lines, print_summary
from streams.config.errors import UsageError
from streams.evaluation import cases
from streams.evaluation.simulate.situations import SCENARIOS
from streams.evaluation.simulate.writer import write

_FILES = (cases.MEASUREMENTS, cases.LABELS, cases.FEEDS, cases.TRUTH)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("scenario", nargs="?", choices=tuple(SCENARIOS), metavar="SCENARIO", help="name; see --list")
    parser.add_argument("--list", action="store_true", help="name the scenarios and say what happens in each")
    parser.add_argument("--seed", type=natural, default=1, metavar="N", help="another draw of the same (default: 1)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder to write (default: the scenario's name)")
    parser.add_argument("--force", action="store_true", help="overwrite what is in the folder")
    parser.add_argument("--kafka", action="store_true", help="also send the measurements to Kafka")
    parser.add_argument("--speed", type=positive, metavar="N", help="with --kafka: N times its time (default: full)")


def run(arguments: Namespace) -> None:
    """Write a scenario's measurements and truth to a folder and, with `--kafka`, send the measurements to Kafka."""
    if arguments.list:
        print_lines(f"{scenario.name:23} {scenario.text}" for scenario in SCENARIOS.values())
        return
    if arguments.scenario is None or (arguments.speed and not arguments.kafka):
        raise UsageError("simulate needs SCENARIO, or --list; --speed needs --kafka")
    folder = arguments.output or Path(arguments.scenario)
    if not arguments.force and (there := next((name for name in _FILES if (folder / name).exists()), None)):
        raise UsageError(f"{folder / there} is there already: give another --output, or --force to overwrite it")
    print_summary({f"measurements in {folder}": write(SCENARIOS[arguments.scenario], arguments.seed, folder)})
    if arguments.kafka:
        replay.send(arguments, [str(folder / cases.MEASUREMENTS)])
