"""`ebbtide silence ID 2h`: `ebbtide alerts` sends nothing of an incident for a time."""

from __future__ import annotations

import math
import time
from argparse import ArgumentParser, Namespace

from schemas.remark import Remark
from schemas.times import format_time
from streams.cli.common import print_lines, settings_of, with_reason
from streams.cli.remarking import add_who_and_why, demand_incident, demand_lasting, give
from streams.config.durations import seconds
from streams.config.errors import UsageError

MOST = 365 * 86_400  # seconds


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("id", metavar="ID", help="the incident, as `ebbtide incidents` and the page show it")
    parser.add_argument("span", nargs="?", type=with_reason(_span), metavar="SPAN", help="for how long, such as 2h")
    parser.add_argument("--end", action="store_true", help="end the silence now")
    add_who_and_why(parser)


def run(arguments: Namespace) -> None:
    """Silence an incident, or end its silence."""
    silence(arguments, time.time())


def silence(arguments: Namespace, now: float) -> None:
    """Silence an incident from `now` (Unix seconds), or end its silence. Raises EbbtideError."""
    if arguments.end == (arguments.span is not None):
        raise UsageError("give a SPAN such as 2h, or --end")
    settings = settings_of(arguments)
    incident_id = (demand_incident if arguments.end else demand_lasting)(arguments, settings)
    if arguments.end:
        give(settings.kafka, [], [f"{incident_id}/silence".encode()])
        print_lines([f"{incident_id}: the silence has ended"])
        return
    until = format_time(math.ceil(now + arguments.span))
    made = Remark(
        incident_id=incident_id,
        kind="silence",
        by=arguments.by,
        text=arguments.because,
        written_at=format_time(int(now)),
        until=until,
    )
    give(settings.kafka, [made])
    print_lines([f"{incident_id}: silent until {until}"])


def _span(text: str) -> float:
    span = seconds(text)
    if not 0 < span <= MOST:
        raise ValueError(f"{text!r} is not a span of at most 365 days, such as 2h")
    return float(span)
