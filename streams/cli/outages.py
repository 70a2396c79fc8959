"""`ebbtide outages`: the outages of all workers, which any of them knows."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from schemas.outage import RUNNING, encode
from streams.cli.common import add_worker_arguments, filters_of, includes_ended, print_lines, print_rows, worker_of
from streams.cli.tables import HEADER, line
from streams.cli.worker_client import fetch_outages


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_worker_arguments(parser)


def run(arguments: Namespace) -> None:
    """Print the outages that last now, or all that the worker knows of."""
    outages = fetch_outages(*worker_of(arguments), filters=filters_of(arguments))
    shown = [outage for outage in outages if includes_ended(arguments) or outage.state in RUNNING]
    if arguments.json:
        print_rows(map(encode, shown))
    else:
        print_lines([HEADER, *map(line, shown)])
