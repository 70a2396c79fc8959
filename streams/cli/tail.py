"""`ebbtide tail`: outages and incidents as they change, from their topics."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Generator
from contextlib import closing
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.text import Text

from schemas.incident import decode_incident
from schemas.outage import decode_outage
from schemas.rejections import printable
from streams.broker.topic_reader import read_records
from streams.cli import incidents, tables
from streams.cli.common import print_note, print_rows, settings_of
from streams.config.settings import KafkaSettings

COLOURS = {"total": "bold red", "major": "yellow", "partial": "cyan"}


class Revision(NamedTuple):
    """One revision of an outage or incident: its line, severity, feeds, and the message."""

    line: str
    severity: str
    message: bytes


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--from-start", action="store_true", help="begin with what the topics hold")
    parser.add_argument("--once", action="store_true", help="end after the newest record")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(arguments: Namespace) -> None:
    """Print each revision as a line, coloured by severity, until interrupted."""
    console = Console(soft_wrap=True, highlight=False)
    with closing(_revisions(settings_of(arguments).kafka, arguments)) as revisions:
        for revision in revisions:
            if arguments.json:
                print_rows([revision.message])
            else:
                console.print(Text(revision.line, style=COLOURS.get(revision.severity, "")))


def _revisions(kafka: KafkaSettings, arguments: Namespace) -> Generator[Revision, None, None]:
    since = 0.0 if arguments.from_start else None
    for record in read_records(kafka, [kafka.outages, kafka.incidents], since, follows=not arguments.once):
        if record.value is None:  # forgotten by compaction
            continue
        try:
            yield _revision(record.value, record.topic == kafka.outages)
        except msgspec.DecodeError as error:
            print_note(f"topic {record.topic}, partition {record.partition}, offset {record.offset}: {error}")


def _revision(value: bytes, is_outage: bool) -> Revision:
    if is_outage:
        outage = decode_outage(value)
        return Revision(f"outage    {tables.line(outage)}", outage.severity, value)
    incident = decode_incident(value)
    return Revision(printable(f"incident  {incidents.line(incident)}"), incident.severity, value)
