"""`ebbtide state export|import|reset`: the state of a group of workers to a file, from a file, or deleted."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from streams.cli import state_transfer
from streams.cli.common import counter, print_lines, settings_of
from streams.config.errors import UsageError
from streams.config.settings import Settings
from streams.state.state_file import State


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "action", choices=("export", "import", "reset"), help="write to a file, read from a file, or delete"
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="with export and import")
    parser.add_argument("--force", action="store_true", help="with import: replace the state that is there")
    parser.add_argument("--yes", action="store_true", help="with reset: delete all that the group has learnt")


def run(arguments: Namespace) -> None:
    """Export, import or delete a group's state, and print what was done."""
    settings = settings_of(arguments)
    _check(arguments)
    with counter("records of the changelog") as show:
        done = _done(arguments, settings, show)
    print_lines([done])


def _done(arguments: Namespace, settings: Settings, tick: Callable[[int], None]) -> str:
    if arguments.action == "reset":
        rows = state_transfer.reset(settings.kafka, tick)
        return f"deleted {rows} rows of group {settings.kafka.app_id} and its offsets"
    if arguments.action == "import":
        return f"imported {_offsets(state_transfer.import_(settings, arguments.file, arguments.force, tick))}"
    return f"exported {_offsets(state_transfer.export(settings.kafka, arguments.file, tick))}"


def _check(arguments: Namespace) -> None:
    """Raise UsageError for arguments that do not go together."""
    action = arguments.action
    if (arguments.file is None) != (action == "reset"):
        raise UsageError(f"state {action} takes {'no file' if arguments.file else 'a FILE'}")
    if (arguments.force and action != "import") or (arguments.yes and action != "reset"):
        raise UsageError("--force goes with state import, --yes with state reset")
    if action == "reset" and not arguments.yes:
        raise UsageError("state reset deletes all that the group has learnt: add --yes to confirm")


def _offsets(state: State) -> str:
    ends = ", ".join(f"{number} to offset {offset}" for number, offset in sorted(state.offsets().items()))
    return f"the state of {state.header.measurements}, partition {ends}"
