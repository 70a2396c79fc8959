"""What `silence`, `ack` and `incidents note` share: who and why, the incident, and the topic."""

from __future__ import annotations

import getpass
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence

import msgspec

from schemas.incident import OVER
from schemas.remark import MAX_TEXT, Remark, decode_remark, encode
from streams.cli.common import print_note, with_reason, worker_url
from streams.cli.worker_client import AnswerError, WorkerUnreachableError, ask
from streams.config.errors import EbbtideError, UsageError
from streams.config.settings import KafkaSettings, Settings, token_of


def add_who_and_why(parser: ArgumentParser) -> None:
    """Add `--by`, `--because` and `--worker`."""
    parser.add_argument("--by", type=with_reason(text_of(64, 1)), default=user(), metavar="NAME", help="who says it")
    because = with_reason(text_of(MAX_TEXT))
    parser.add_argument("--because", type=because, default="", metavar="TEXT", help="why, for all who see the incident")
    parser.add_argument("--worker", metavar="URL", help="the worker that knows the incident (default: of the settings)")


def text_of(most: int, least: int = 0) -> Callable[[str], str]:
    """Return what reads a text of `least` to `most` characters on one line. It raises ValueError."""

    def read(text: str) -> str:
        if not least <= len(text) <= most or not text.isprintable():
            raise ValueError(f"not a line of {least} to {most:,} characters: {text[:80]!r}")
        return text

    return read


class IncidentOverError(EbbtideError):
    """Nothing is sent of the incident any more, so nothing can be kept from being sent."""


def demand_lasting(arguments: Namespace, settings: Settings) -> str:
    """Return the id of the incident. Raises as `demand_incident`, and IncidentOverError when it is over."""
    incident_id, state, home = _found(arguments, settings)
    if state in OVER:
        why = f"is in {home}: give that" if home else f"is {state}: nothing more is sent of it"
        raise IncidentOverError(f"incident {incident_id} {why}")
    return incident_id


def demand_incident(arguments: Namespace, settings: Settings) -> str:
    """Return the id of the incident. Raises UsageError when it is none, or when the worker has no such incident."""
    return _found(arguments, settings)[0]


def _found(arguments: Namespace, settings: Settings) -> tuple[str, str | None, str | None]:
    """Return the id of the incident, its state, and the incident that it was merged into; None is not known."""
    incident_id = str(arguments.id)
    if not re.fullmatch(r"[0-9a-f]{16}", incident_id):
        raise UsageError(f"{incident_id[:80]!r} is no incident: give 16 digits such as 9b5c1d27a0e4f386")
    web = settings.web
    url = worker_url(arguments.worker or f"{web.bind}:{web.port}")
    try:
        incident = ask(url, f"/api/v1/incidents/{incident_id}", token_of(web))
        return incident_id, incident.get("state"), incident.get("merged_into")
    except AnswerError as error:
        if error.status == 404:
            raise UsageError(f"the worker at {url} has no incident {incident_id}") from None
        raise
    except WorkerUnreachableError as error:
        print_note(f"{error}; so whether there is an incident {incident_id} was not checked")
    return incident_id, None, None


def give(kafka: KafkaSettings, remarks: Sequence[Remark], removed: Sequence[bytes] = ()) -> None:
    """Write remarks, or delete some. Raises BrokerError, and UsageError for one that no reader would take."""
    from streams.broker.remark_topic import write

    for remark in remarks:
        try:
            decode_remark(encode(remark))
        except msgspec.DecodeError as error:
            raise UsageError(str(error)) from None
    write(kafka, remarks, removed)


def user() -> str:
    """Return the name of the user who runs the command."""
    try:
        return getpass.getuser()[:64]
    except (KeyError, OSError):  # a user without a name, as in a container
        return "unknown"
