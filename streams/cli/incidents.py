"""`ebbtide incidents`: the incidents that a running worker knows of, a line each."""

from __future__ import annotations

import sys
from argparse import Namespace

from schemas.incident import OVER, Incident, encode
from schemas.rejections import printable
from streams.cli.commands import settings_of
from streams.cli.tables import minute
from streams.cli.worker_client import known_incidents
from streams.worker.web.access import token_of

HEADER = f"{'state':10}  {'severity':8}  {'since (UTC)':16}  headline"


def incidents(arguments: Namespace) -> None:
    """Print the incidents that a running worker knows of: those that are not over, or all."""
    web = settings_of(arguments).web
    known = known_incidents(arguments.worker or f"http://{web.bind}:{web.port}", token_of(web))
    shown = [one for one in known if arguments.all or one.state not in OVER]
    if arguments.json:
        sys.stdout.buffer.writelines(encode(one) + b"\n" for one in shown)
        return
    sys.stdout.writelines(text + "\n" for text in [HEADER, *map(line, shown)])


def line(incident: Incident) -> str:
    """Return an incident as one line of a table, under `HEADER`."""
    head = f"{incident.state:10}  {incident.severity:8}  {minute(incident.started_at):16}"
    return f"{head}  {printable(incident.headline)}"  # names may hold a terminal's control codes
