"""`ebbtide worker`: the process that reads measurements from Kafka and detects outages."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from streams.cli.common import settings_of
from streams.cli.log_options import add_log_arguments, log_options
from streams.config.loader import default_file
from streams.config.log_format import TEXT
from streams.worker.run import run_worker


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_log_arguments(parser)


def run(arguments: Namespace) -> None:
    """Run a worker until it is interrupted."""
    log = log_options(arguments, arguments.log_level, TEXT, usual="info")
    run_worker(settings_of(arguments), log, arguments.settings or default_file())
