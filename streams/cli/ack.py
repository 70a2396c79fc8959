"""`ebbtide ack ID`: a person is at an incident, so `ebbtide alerts` sends no openings and no lesser changes of it."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace

from schemas.remark import Remark
from schemas.times import format_time
from streams.cli.common import print_lines, settings_of
from streams.cli.remarking import add_who_and_why, demand_incident, demand_lasting, give


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("id", metavar="ID", help="the incident, as `ebbtide incidents` and the page show it")
    parser.add_argument("--undo", action="store_true", help="nobody is at it any more")
    add_who_and_why(parser)


def run(arguments: Namespace) -> None:
    """Acknowledge an incident, or take that back."""
    acknowledge(arguments, time.time())


def acknowledge(arguments: Namespace, now: float) -> None:
    """Acknowledge an incident at `now` (Unix seconds), or take that back. Raises EbbtideError."""
    settings = settings_of(arguments)
    incident_id = (demand_incident if arguments.undo else demand_lasting)(arguments, settings)
    if arguments.undo:
        give(settings.kafka, [], [f"{incident_id}/ack".encode()])
        print_lines([f"{incident_id}: no longer acknowledged"])
        return
    at = format_time(int(now))
    made = Remark(incident_id=incident_id, kind="ack", by=arguments.by, text=arguments.because, written_at=at)
    give(settings.kafka, [made])
    print_lines([f"{incident_id}: acknowledged by {arguments.by}"])
