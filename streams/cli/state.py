"""`ebbtide state export|import|reset|expire`: a group's state to a file, from a file, deleted, or given up for good."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from streams.cli import state_transfer
from streams.cli.common import counter, print_lines, settings_of
from streams.cli.state_expiry import expire
from streams.config.errors import UsageError
from streams.config.settings import Settings
from streams.state.state_file import State

#: Actions that need `--yes`, and what they do.
CONFIRMED = {
    "reset": "deletes all that the group has learnt",
    "expire": "ends all outages and incidents that go on",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "action",
        choices=("export", "import", "reset", "expire"),
        help="write to a file, read from a file, or delete; expire: end the outages and incidents that go on",
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="with export and import")
    parser.add_argument("--force", action="store_true", help="with import: replace the state that is there")
    parser.add_argument("--yes", action="store_true", help="with reset and expire: it is meant")
    parser.add_argument("--feed", metavar="NAME", help="with reset: delete the state of this feed only")


def run(arguments: Namespace) -> None:
    """Export, import or delete a group's state, and print what was done."""
    settings = settings_of(arguments)
    _check(arguments)
    with counter("records of the changelog") as show:
        done = _done(arguments, settings, show)
    print_lines([done])


def _done(arguments: Namespace, settings: Settings, tick: Callable[[int], None]) -> str:
    if arguments.action == "reset" and arguments.feed is not None:
        done = state_transfer.reset_feed(settings, arguments.feed, tick)
        place = f"{done.partitions} partitions of group {settings.kafka.app_id}"
        return f"deleted the state of feed {arguments.feed} in {place}; ended {done.outages} outages of it"
    if arguments.action == "reset":
        rows = state_transfer.reset(settings.kafka, tick)
        return f"deleted {rows} rows of group {settings.kafka.app_id} and its offsets"
    if arguments.action == "import":
        return f"imported {_offsets(state_transfer.import_(settings, arguments.file, arguments.force, tick))}"
    if arguments.action == "expire":
        ended = expire(settings, tick)
        return f"ended {ended.outages} outages and {ended.incidents} incidents, whose ends are unknown"
    return f"exported {_offsets(state_transfer.export(settings.kafka, arguments.file, tick))}"


def _check(arguments: Namespace) -> None:
    """Raise UsageError for arguments that do not go together."""
    action = arguments.action
    if (arguments.file is None) != (action in CONFIRMED):
        raise UsageError(f"state {action} takes {'no file' if arguments.file else 'a FILE'}")
    feed = arguments.feed is not None and action != "reset"
    if (arguments.force and action != "import") or (arguments.yes and action not in CONFIRMED) or feed:
        raise UsageError("--force goes with state import, --yes with state reset and expire, --feed with reset")
    if action in CONFIRMED and not arguments.yes:
        raise UsageError(f"state {action} {CONFIRMED[action]}: add --yes to confirm")


def _offsets(state: State) -> str:
    ends = ", ".join(f"{number} to offset {offset}" for number, offset in sorted(state.offsets().items()))
    return f"the state of {state.header.measurements}, partition {ends}"
