"""`ebbtide state export|import|reset`: what its arguments ask for."""

from __future__ import annotations

import sys
from argparse import Namespace

from streams.cli import state_transfer
from streams.cli.commands import settings_of, spinner
from streams.config.errors import UsageError
from streams.state.state_file import State


def state(arguments: Namespace) -> None:
    """Write a group's state to a file, read it from one, or delete it."""
    what, file, its = arguments.what, arguments.file, settings_of(arguments)
    _check(arguments)
    with spinner() as progress:
        task = progress.add_task("records of the changelog", total=None)

        def tick(records: int) -> None:
            progress.update(task, completed=records)

        if what == "reset":
            done = f"deleted {state_transfer.reset(its.kafka, tick)} rows of group {its.kafka.app_id} and its offsets"
        elif what == "import":
            done = f"imported {_offsets(state_transfer.import_(its, file, arguments.force, tick))}"
        else:
            done = f"exported {_offsets(state_transfer.export(its.kafka, file, tick))}"
    sys.stdout.write(f"{done}\n")


def _check(arguments: Namespace) -> None:
    what = arguments.what
    if (arguments.file is None) != (what == "reset"):
        raise UsageError(f"state {what} takes {'no file' if arguments.file else 'a FILE'}")
    if (arguments.force and what != "import") or (arguments.yes and what != "reset"):
        raise UsageError("--force is of state import, --yes of state reset")
    if what == "reset" and not arguments.yes:
        raise UsageError("state reset deletes all that the group has learnt: say --yes if you mean it")


def _offsets(its: State) -> str:
    ends = ", ".join(f"{number} to offset {offset}" for number, offset in sorted(its.offsets().items()))
    return f"the state of {its.header.measurements}, partition {ends}"
