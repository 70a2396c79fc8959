"""What the files of a deployment may name, the commands of `ebbtide`, and what a composition says."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import compose_spec

from streams.cli.main import parser


def commands() -> set[str]:
    """The names of all commands."""
    groups = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return {name for group in groups for name in group.choices}


def services_of(file: Path) -> dict[str, dict[str, Any]]:
    """Return the services of a composition, with what they share, as the specification's reader has it."""
    options = compose_spec.PyOptions()
    options.apply_merge = True
    found = options.from_yaml(file.read_text())
    found.validate()
    return dict(json.loads(found.to_json())["services"])
