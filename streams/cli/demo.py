"""`ebbtide demo`: a broker, a worker, and a recorded day replayed through both."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from streams.cli.common import shipped
from streams.cli.demo_run import Demo, run_demo
from streams.config.errors import UsageError
from streams.config.loader import DEFAULT_SETTINGS, load
from streams.evaluation import cases
from streams.evaluation.simulate.situations import SCENARIOS
from streams.evaluation.simulate.writer import write

RECORDING = Path("tests/data/atlas-2016-06-16")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--file", metavar="FILE", help="another recording, with --settings for its feeds")
    parser.add_argument("--scenario", choices=tuple(SCENARIOS), metavar="NAME", help="situation; see simulate --list")
    parser.add_argument("--broker", metavar="HOST:PORT", help="a real Kafka instead of the embedded broker")
    parser.add_argument("--keep", action="store_true", help="keep running after the end of the recording")


def run(arguments: Namespace) -> None:
    """Run the demo on the shipped recording, on another with its own settings, or on a simulated situation."""
    if arguments.scenario and (arguments.file or arguments.settings):
        raise UsageError("demo --scenario has its own file and settings: leave out --file and --settings")
    with TemporaryDirectory(prefix="ebbtide-") as scratch:
        folder = shipped(RECORDING)
        if arguments.scenario:
            folder = Path(scratch)
            write(SCENARIOS[arguments.scenario], 1, folder)
        file = arguments.settings or (DEFAULT_SETTINGS if arguments.file else folder / cases.FEEDS)
        recording = arguments.file or str(folder / cases.MEASUREMENTS)
        run_demo(Demo(load(file, os.environ), file, recording, arguments.broker, arguments.keep), Console())
