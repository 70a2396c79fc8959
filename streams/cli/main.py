"""The command line: `ebbtide COMMAND`. Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from streams.cli import (
    alerts,
    calendar,
    demo,
    detect,
    explain,
    incidents,
    metadata,
    outages,
    replay,
    score,
    settings,
    simulate,
    source,
    state,
    topics,
    worker,
)
from streams.config.errors import EbbtideError

INTERRUPTED = 130


class Command(Protocol):
    """A module of a command, which has the command's name."""

    __name__: str
    HELP: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments of the command."""

    def run(self, arguments: Namespace) -> None:
        """Run the command. Raises EbbtideError when it fails."""


COMMANDS: tuple[Command, ...] = (
    demo,
    worker,
    alerts,
    replay,
    source,
    detect,
    outages,
    incidents,
    score,
    simulate,
    explain,
    topics,
    state,
    calendar,
    metadata,
    settings,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; an error is one line on standard error."""
    arguments = parser().parse_args(argv)
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
    sys.stderr.write(f"ebbtide: {text}\n")
    return code


def parser() -> ArgumentParser:
    """Return the parser of the whole command line."""
    whole = ArgumentParser(prog="ebbtide", description="Says which networks have gone dark, and since when.")
    whole.add_argument("--version", action="version", version=f"ebbtide {version('ebbtide')}")
    names = whole.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2]
        subparser = names.add_parser(name, help=command.HELP, description=command.HELP)
        subparser.set_defaults(command=command.run)
        subparser.add_argument("--settings", type=Path, metavar="FILE", help="settings file (default: ./ebbtide.toml)")
        command.add_arguments(subparser)
    return whole
