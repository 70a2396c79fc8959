"""`ebbtide worker`: the process that reads measurements from Kafka and detects outages."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from streams.cli.common import settings_of
from streams.config.holidays import demand_holidays
from streams.worker.run import run_worker

LEVELS = ("debug", "info", "warning", "error")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--log-level", choices=LEVELS, default="warning", help="what is logged (default: warning)")


def run(arguments: Namespace) -> None:
    """Run a worker until it is interrupted."""
    settings = settings_of(arguments)
    demand_holidays(settings.holidays.countries)
    run_worker(settings, arguments.log_level.upper())
