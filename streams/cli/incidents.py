"""`ebbtide incidents`: the incidents of all workers, which any of them knows."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from schemas.incident import OVER, Incident, encode
from schemas.rejections import printable
from streams.cli.common import add_worker_arguments, filters_of, includes_ended, print_lines, print_rows, worker_of
from streams.cli.tables import minute
from streams.cli.worker_client import fetch_incidents

HEADER = f"{'state':10}  {'severity':8}  {'since (UTC)':16}  headline"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_worker_arguments(parser)


def run(arguments: Namespace) -> None:
    """Print the incidents that are not over, or all that the worker knows of."""
    incidents = fetch_incidents(*worker_of(arguments), filters=filters_of(arguments))
    shown = [incident for incident in incidents if includes_ended(arguments) or incident.state not in OVER]
    if arguments.json:
        print_rows(map(encode, shown))
    else:
        print_lines([HEADER, *map(line, shown)])


def line(incident: Incident) -> str:
    """Return an incident as one line of a table, under `HEADER`."""
    head = f"{incident.state:10}  {incident.severity:8}  {minute(incident.started_at):16}"
    return f"{head}  {printable(incident.headline)}"  # names may hold a terminal's control codes
