"""`ebbtide worker`: the process that reads measurements from Kafka and detects outages."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from streams.cli.common import settings_of
from streams.config.holidays import demand_holidays
from streams.config.loader import default_file
from streams.worker.run import run_worker


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.set_defaults(is_worker=True)


def run(arguments: Namespace) -> None:
    """Run a worker until it is interrupted."""
    settings = settings_of(arguments)
    demand_holidays(settings.holidays.countries)
    run_worker(settings, arguments.settings or default_file())
