"""`ebbtide incidents`: the incidents of all workers, which any of them knows."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence

import msgspec

from schemas.api import reported
from schemas.incident import OVER, Incident
from schemas.rejections import printable
from schemas.remark import MAX_TEXT, Remark, key
from schemas.times import format_time
from streams.cli.common import (
    add_worker_arguments,
    filters_of,
    includes_ended,
    print_lines,
    print_rows,
    settings_of,
    with_reason,
    worker_of,
)
from streams.cli.remarking import demand_incident, give, text_of, user
from streams.cli.tables import minute
from streams.cli.worker_client import fetch_incidents
from streams.config.errors import UsageError

HEADER = f"{'state':10}  {'severity':8}  {'since (UTC)':16}  headline"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("action", nargs="?", choices=("note",), help="note: put a note on an incident")
    parser.add_argument("id", nargs="?", metavar="ID", help="with note: the incident")
    text = with_reason(text_of(MAX_TEXT, 1))
    parser.add_argument("text", nargs="?", type=text, metavar="TEXT", help="with note: such as its cause")
    parser.add_argument("--link", metavar="URL", help="with note: where to read more")
    parser.add_argument("--by", type=with_reason(text_of(64, 1)), metavar="NAME", help="with note: who says it")
    parser.add_argument("--undo", action="store_true", help="with note: take back the note with this text and link")
    add_worker_arguments(parser)


def run(arguments: Namespace) -> None:
    """Print the incidents that are not over, or all that the worker knows of."""
    if arguments.action == "note":
        note(arguments, time.time())
        return
    notes: list[Remark] = []
    incidents = fetch_incidents(*worker_of(arguments), filters=filters_of(arguments), remarks=notes)
    shown = [incident for incident in incidents if includes_ended(arguments) or incident.state not in OVER]
    if arguments.json:
        print_rows(msgspec.json.encode(reported(incident, notes)) for incident in shown)
    else:
        print_lines([HEADER, *(text for incident in shown for text in [line(incident), *_said(incident, notes)])])


def note(arguments: Namespace, now: float) -> None:
    """Put a note on an incident at `now` (Unix seconds), or take it back. Raises EbbtideError."""
    if arguments.id is None or arguments.text is None:
        raise UsageError("incidents note takes an ID and a TEXT")
    settings = settings_of(arguments)
    made = Remark(
        incident_id=demand_incident(arguments, settings),
        kind="note",
        by=arguments.by or user(),
        text=arguments.text,
        written_at=format_time(int(now)),
        link=arguments.link,
    )
    give(settings.kafka, [] if arguments.undo else [made], [key(made)] if arguments.undo else [])
    print_lines([f"{made.incident_id}: {'the note is taken back' if arguments.undo else 'noted'}"])


def _said(incident: Incident, remarks: Sequence[Remark]) -> Iterator[str]:
    """Yield a line on each thing that operators say of an incident."""
    for found in remarks:
        if found.incident_id == incident.incident_id:
            until = f" until {minute(found.until)}" if found.until else ""
            text = " ".join(filter(None, (found.text, found.link)))
            yield f"{'':10}  {found.kind}{until} by {printable(found.by)}{f': {printable(text)}' if text else ''}"


def line(incident: Incident) -> str:
    """Return an incident as one line of a table, under `HEADER`."""
    head = f"{incident.state:10}  {incident.severity:8}  {minute(incident.started_at):16}"
    return f"{head}  {printable(incident.headline)}"  # names may hold a terminal's control codes
