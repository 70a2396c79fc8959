"""Load `detectors` with one constant at a multiple of its value, wherever it is used."""

from __future__ import annotations

import ast
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from tests.constants.registry import assigned, numbers

Scalable = Any  # a number, or several


def scaled(value: Scalable, factor: float) -> Scalable:
    """Return a multiple of a value, of the same type; of a share above one half, of its distance from one.

    A whole number stays whole and at least 1; of several numbers each is scaled.
    """
    if isinstance(value, tuple):
        return tuple(scaled(part, factor) for part in value)
    if isinstance(value, np.ndarray):
        return (value * factor).astype(value.dtype)
    if isinstance(value, int | np.integer):
        return type(value)(max(round(int(value) * factor), 1))
    if 0.5 < value < 1:
        return type(value)(1 - (1 - value) * factor)
    return type(value)(value * factor)


def scale(name: str, factor: float) -> None:
    """Make a constant a multiple of itself, named as `outages.decide.FADED`; or a number in a function, named as
    `outages.decide._shape:3`. Call this before `detectors` is imported.

    The source is changed as it is loaded, so what is derived from the constant, or has it as a default, changes too.
    """
    assert not any(loaded.startswith("detectors.") for loaded in sys.modules), "detectors are loaded already"
    path, _, number = name.partition(":")
    module, _, place = f"detectors.{path}".rpartition(".")
    change = partial(_change_number, place, float(number), factor) if number else partial(_change, place, factor)
    sys.meta_path.insert(0, _Finder(module, change))


def _change(constant: str, factor: float, tree: ast.Module) -> None:
    line = next(node for node, name in assigned(tree) if name == constant)
    multiply = f"import tests.constants.scaled as _s; {constant} = _s.scaled({constant}, {factor!r})"
    at = tree.body.index(line) + 1
    tree.body[at:at] = ast.parse(multiply).body


def _change_number(function: str, number: float, factor: float, tree: ast.Module) -> None:
    for leaf in numbers(tree, function, number):
        value = scaled(float(number), factor)
        leaf.value = int(value) if isinstance(leaf.value, int) and value == int(value) else value


class _Finder:
    def __init__(self, module: str, change: Callable[[ast.Module], None]) -> None:
        self.module, self.change = module, change

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == self.module else None
        if spec and spec.origin:
            spec.loader = _Loader(name, spec.origin, self.change)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, origin: str, change: Callable[[ast.Module], None]) -> None:
        super().__init__(name, origin)
        self.change = change

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(Path(self.path).read_text(encoding="utf-8"))
        self.change(tree)
        code: CodeType = compile(tree, self.path, "exec")
        return code
