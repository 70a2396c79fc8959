"""The numeric constants of `detectors/`: module-level names in capitals."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).parents[2]
ROOM = ROOT / "detectors"
_CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*")


class Constant(NamedTuple):
    """A constant: its full name without `detectors.`, its value as text, and the comment beside it."""

    name: str
    value: str
    comment: str


def constants() -> list[Constant]:
    """Return all numbers, and tuples or arrays of numbers, in the order of the files."""
    return [constant for path in sorted(ROOM.rglob("*.py")) for constant in _of(path)]


def _of(path: Path) -> Iterator[Constant]:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    source = path.read_text(encoding="utf-8")
    for node, name in assigned(ast.parse(source)):
        value = getattr(importlib.import_module(module), name)
        if is_numeric(value):
            lines = source.splitlines()[node.lineno - 1 : node.end_lineno]
            comment = " ".join(line.partition("  # ")[2] for line in lines).strip()
            yield Constant(f"{module}.{name}".removeprefix("detectors."), shown(value), comment)


def assigned(tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    """Yield the names in capitals that a module assigns at its top level."""
    for node in tree.body:
        for target in _targets(node):
            for leaf in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(leaf, ast.Name) and _CAPITALS.fullmatch(leaf.id):
                    yield node, leaf.id


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) and node.value else []


def numbers(tree: ast.Module, function: str, value: float) -> list[ast.Constant]:
    """Return the places in the functions of this name where a number is written out."""
    bodies = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == function]
    leaves = [leaf for body in bodies for leaf in ast.walk(body) if isinstance(leaf, ast.Constant)]
    return [leaf for leaf in leaves if type(leaf.value) in (int, float) and leaf.value == value]


def written(place: str, value: str) -> bool:
    """Return whether a number is written out in a function, named as `outages.decide._shape`."""
    module, _, function = place.rpartition(".")
    path = ROOM.joinpath(*module.split(".")).with_suffix(".py")
    return bool(path.exists() and numbers(ast.parse(path.read_text(encoding="utf-8")), function, float(value)))


def is_numeric(value: object) -> bool:
    """Return whether a value is a number, or numbers only."""
    if isinstance(value, tuple | np.ndarray):
        return len(value) > 0 and all(is_numeric(part) for part in np.ravel(np.asarray(value, dtype=object)))
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def shown(value: object) -> str:
    """Return a value as the table has it: six digits."""
    if isinstance(value, tuple | np.ndarray):
        return ", ".join(shown(part) for part in np.ravel(np.asarray(value)).tolist())
    return f"{value:.6g}"
