"""Load `detectors` with one constant at a multiple of its value, wherever it is used."""

from __future__ import annotations

import ast
import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from tests.constants.registry import assigned

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
    """Make a constant, named as `outages.decide.FADED`, a multiple of itself. Call this before `detectors` is imported.

    The source is changed as it is loaded, so what is derived from the constant, or has it as a default, changes too.
    """
    assert not any(loaded.startswith("detectors.") for loaded in sys.modules), "detectors are loaded already"
    module, _, constant = f"detectors.{name}".rpartition(".")
    sys.meta_path.insert(0, _Finder(module, constant, factor))


class _Finder:
    def __init__(self, module: str, constant: str, factor: float) -> None:
        self.module, self.constant, self.factor = module, constant, factor

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == self.module else None
        if spec and spec.origin:
            spec.loader = _Loader(name, spec.origin, self.constant, self.factor)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, origin: str, constant: str, factor: float) -> None:
        super().__init__(name, origin)
        self.constant, self.factor = constant, factor

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(Path(self.path).read_text(encoding="utf-8"))
        line = next(node for node, name in assigned(tree) if name == self.constant)
        multiply = f"import tests.constants.scaled as _s; {self.constant} = _s.scaled({self.constant}, {self.factor!r})"
        at = tree.body.index(line) + 1
        tree.body[at:at] = ast.parse(multiply).body
        code: CodeType = compile(tree, self.path, "exec")
        return code
