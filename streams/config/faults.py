"""All faults of a settings file at once: each with file and line, the valid values, and what may have been meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from msgspec import inspect

from streams.config.errors import SettingsError
from streams.config.loader import read_values
from streams.config.settings import Settings

MOST = 50  # faults
_MISSING = re.compile(r"Object missing required field `(.+?)`")
_WRONG_VALUE = re.compile(r"Invalid (?:enum )?value '(.+?)'")


def faults_of(path: Path, environ: Mapping[str, str]) -> tuple[list[str], Settings | None]:
    """Return a line for each fault of a file and of the environment, and the settings without what is faulty.

    There are no settings when the fault is the whole file. Raises SettingsError for a file that is no TOML.
    """
    plain, found = read_values(path, environ)
    if not plain.values and not found:
        return [f"{path}: is empty: `ebbtide init` writes a first one"], None
    removed = set[tuple[str, ...]]()
    while len(found) < MOST:
        try:
            return sorted(found, key=_line), plain.settings()
        except SettingsError as error:
            keys = tuple(error.keys)
            missing = _MISSING.search(str(error))
            if missing is None or (*keys, missing[1]) not in removed:  # else its value was the fault
                found.append(str(error) + _hint(str(error), list(keys)))
            removed.add(keys)
            if not _removed(plain.values, list(keys)):
                break
    return sorted(found, key=_line), None


def _line(fault: str) -> int:
    """Return the line that a fault names, 0 when it names none."""
    number = re.search(r":([0-9]+): ", fault)
    return int(number[1]) if number else 0


def _removed(values: Any, keys: list[str]) -> bool:  # noqa: ANN401 - TOML
    """Remove the value at a path, or the last table before it that is there; return whether one was removed."""
    for key in keys[:-1]:
        inner = values[int(key)] if isinstance(values, list) and key.isdigit() else _get(values, key)
        if not isinstance(inner, dict | list):
            break
        values = inner
    else:
        key = keys[-1] if keys else ""
        if isinstance(values, list) and key.isdigit():
            del values[int(key)]
            return True
        return bool(keys) and isinstance(values, dict) and values.pop(key, None) is not None
    return isinstance(values, dict) and values.pop(key, None) is not None


def _get(values: Any, key: str) -> Any:  # noqa: ANN401 - TOML
    return values.get(key) if isinstance(values, dict) else None


def _hint(fault: str, keys: list[str]) -> str:
    """Return what follows a fault: the name that may have been meant, or the valid values."""
    if "no such setting" in fault and keys:
        return _meant(keys[-1], sorted(_names(keys[:-1])))
    if missing := _MISSING.search(fault):
        values = _values([*keys, missing[1]])
        return f": one of {', '.join(values)}" if values else ""
    if wrong := _WRONG_VALUE.search(fault):
        values = _values(keys)
        return _meant(wrong[1], values) + (f"; valid are {', '.join(values)}" if values else "")
    return ""


def _meant(name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    return f": did you mean `{near[0]}`?" if near else ""


def _names(keys: list[str]) -> set[str]:
    """Return the names of the settings in the table at a path."""
    return {field.encode_name for kind in _kinds(keys) if isinstance(kind, inspect.StructType) for field in kind.fields}


def _values(keys: list[str]) -> list[str]:
    """Return the valid values of the setting at a path, where there are few."""
    found = [str(value) for kind in _kinds(keys) if isinstance(kind, inspect.LiteralType) for value in kind.values]
    return found if len(found) < 40 else []


def _kinds(keys: list[str]) -> list[inspect.Type]:
    kinds = list(_plain(inspect.type_info(Settings)))
    for key in keys:
        kinds = [inner for kind in kinds for step in _step(kind, key) for inner in _plain(step)]
    return kinds


def _plain(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        yield from _plain(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for inner in kind.types:
            yield from _plain(inner)
    else:
        yield kind


def _step(kind: inspect.Type, key: str) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.StructType):
        yield from (field.type for field in kind.fields if field.encode_name == key)
    elif isinstance(kind, inspect.DictType):
        yield kind.value_type
    elif isinstance(kind, inspect.VarTupleType | inspect.ListType | inspect.CollectionType):
        yield kind.item_type
