"""The command line: `ebbtide COMMAND`. Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted."""

from __future__ import annotations

import gc
import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, cast

from streams.cli.command_parser import CommandParser
from streams.cli.examples import EXIT_CODES, epilog
from streams.cli.log_options import add_log_arguments, log_of
from streams.config.errors import EbbtideError

INTERRUPTED = 130


# What is imported is only the module of the command that runs: all of them take a second.
COMMANDS: Mapping[str, str] = {
    "demo": "Run a broker, a worker and a recorded day, and print the outages in it.",
    "init": "Write a first settings file, from few questions or from --feed.",
    "check": "Check settings, metadata, receivers, sources, broker and topics, and name all faults at once.",
    "worker": "Read measurements from Kafka and send outages, until interrupted.",
    "alerts": "Send incidents to people and programs, until interrupted.",
    "replay": "Send files of measurements to Kafka.",
    "record": "Write the measurements of a topic to a file, in order of time.",
    "dead": "Show dead letters, count them by reason, or send them again.",
    "source": "Read data of others, as the sources of the settings say, and make measurements of them.",
    "detect": "Run the pipeline on files, without Kafka, and print outages as JSON lines.",
    "tail": "Print outages and incidents as they change, until interrupted.",
    "outages": "Print the outages that last now, as a running worker reports them.",
    "incidents": "Print the incidents that last now, as a running worker reports them.",
    "silence": "Send nothing of an incident for a time.",
    "ack": "Say that a person is at an incident.",
    "score": "Compare outages with the labels of a recording.",
    "simulate": "Write measurements of a situation, and what must come out of them.",
    "explain": "Explain bin by bin why an entity was reported as down, or was not.",
    "topics": "Create the topics that are missing, or check them.",
    "state": "Export, import or reset what a group of workers has learnt.",
    "calendar": "Add, list, remove or import what is expected to be down.",
    "metadata": "Make the table of metadata from tables about networks that others publish.",
    "completion": "Print a script by which bash, zsh or fish complete commands and options.",
    "settings": "Check the settings, or print the reference of all settings.",
}


class Command(Protocol):
    """A module of a command, which has the command's name."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments of the command."""

    def run(self, arguments: Namespace) -> None:
        """Run the command. Raises EbbtideError when it fails."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; an error is one line on standard error."""
    words = sys.argv[1:] if argv is None else argv
    named = next((word for word in words if not word.startswith("-")), "")
    arguments = parser({named} & COMMANDS.keys()).parse_args(words)
    with log_of(arguments):
        return _end_of(arguments)


def _end_of(arguments: Namespace) -> int:
    """Run a command and return its exit code."""
    try:
        arguments.command(arguments)
    except EbbtideError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has left; without this the interpreter complains once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _fail(text: str, code: int) -> int:
    import logging

    from streams.config.logs import say

    say(text, logging.ERROR)
    return code


def parser(commands: Collection[str] = COMMANDS.keys()) -> ArgumentParser:
    """Return the parser of the command line; it knows the names of all commands, and the arguments of those given."""
    whole = CommandParser(
        prog="ebbtide", description="Says which networks have gone dark, and since when.", epilog=EXIT_CODES
    )
    whole.add_argument("--version", action="version", version=f"ebbtide {version('ebbtide')}")
    names = whole.add_subparsers(required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        subparser = names.add_parser(
            name, help=text, description=text, epilog=epilog(name), formatter_class=RawDescriptionHelpFormatter
        )
        if name in commands:
            _complete(subparser, _imported(name))
    return whole


def _imported(name: str) -> Command:
    """Return the module of a command. Imports leave no garbage, and to look for some takes a tenth of their time."""
    gc.disable()
    try:
        return cast(Command, import_module(f"streams.cli.{name}"))
    finally:
        gc.enable()


def _complete(subparser: ArgumentParser, command: Command) -> None:
    subparser.set_defaults(command=command.run)
    subparser.add_argument("--settings", type=Path, metavar="FILE", help="settings file (default: ./ebbtide.toml)")
    command.add_arguments(subparser)
    add_log_arguments(subparser)
