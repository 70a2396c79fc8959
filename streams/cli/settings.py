"""`ebbtide settings check|reference`: check the settings, or print all that there are."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Collection

from streams.cli.common import print_lines, settings_of
from streams.config.kafka import TOPIC_KEYS
from streams.config.reference import reference


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "action", choices=("check", "reference"), help="check: name the first error; reference: print all settings"
    )


def run(arguments: Namespace) -> None:
    """Print that the settings are right and which feeds they name, or print the reference in Markdown."""
    if arguments.action == "reference":
        sys.stdout.write(reference())
        return
    settings = settings_of(arguments)
    kafka = settings.kafka
    sources = f"; {_named('source', settings.sources)}" if settings.sources else ""
    print_lines([f"settings are right: {_named('feed', settings.feeds)}{sources}"])
    if kafka.prefix:
        names = ", ".join(str(getattr(kafka, key)) for key in TOPIC_KEYS)
        print_lines([f"kafka.prefix: group {kafka.app_id}, topics {names}"])


def _named(thing: str, names: Collection[str]) -> str:
    count = f"{len(names)} {thing}{'' if len(names) == 1 else 's'}"
    return f"{count}{': ' if names else ''}{', '.join(names)}"
