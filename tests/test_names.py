"""Names: one meaning each. No public class name twice, and no identifier that says nothing."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("schemas", "detectors", "streams")
#: Public class names that occur in two places, and why.
SHARED: dict[str, str] = {}
#: Words that say nothing of what a variable, parameter, attribute, function or class is.
EMPTY_WORDS = frozenset({"held", "told", "its", "some", "those", "one", "known", "heard", "what"})


@cache
def trees(package: str) -> tuple[tuple[Path, ast.Module], ...]:
    """Return every module of a folder, parsed."""
    files = sorted((ROOT / package).rglob("*.py"))
    return tuple((path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))) for path in files)


def identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of what a module defines, assigns, takes as a parameter or uses as an attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


def test_no_public_class_name_occurs_twice() -> None:
    """A reader who searches for a class finds one, but for those listed with a reason."""
    places: dict[str, list[str]] = defaultdict(list)
    for path, tree in chain.from_iterable(map(trees, PACKAGES)):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path))
    doubles = {name: files for name, files in places.items() if len(files) > 1}
    assert set(doubles) == set(SHARED), doubles


@pytest.mark.parametrize("package", [*PACKAGES, "deploy", "tests"])
def test_identifiers_say_what_they_are(package: str) -> None:
    """`outage`, not `one`; `pending`, not `held`. A leading or trailing underscore makes no difference."""
    found = [
        f"{path}:{line} {name}"
        for path, tree in trees(package)
        for line, name in identifiers(tree)
        if name.strip("_").lower() in EMPTY_WORDS
    ]
    assert found == []
