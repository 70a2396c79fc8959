"""What the files of a deployment may name: the commands of `ebbtide`."""

from __future__ import annotations

import argparse

from streams.cli.main import parser


def commands() -> set[str]:
    """The names of all commands."""
    groups = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return {name for group in groups for name in group.choices}
