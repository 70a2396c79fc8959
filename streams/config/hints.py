"""What follows a fault of the settings: the name that may have been meant, or the valid values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import inspect

from streams.config.meant import meant
from streams.config.settings import Settings

MISSING = re.compile(r"Object missing required field `(.+?)`")
_WRONG_VALUE = re.compile(r"Invalid (?:enum )?value '(.+?)'")


def hint(fault: str, keys: list[str]) -> str:
    """Return what follows a fault: the name that may have been meant, or the valid values."""
    if "no such setting" in fault and keys:
        return meant(keys[-1], sorted(_names(keys[:-1])))
    if missing := MISSING.search(fault):
        values = _values([*keys, missing[1]])
        return f": one of {', '.join(values)}" if values else ""
    if wrong := _WRONG_VALUE.search(fault):
        values = _values(keys)
        return meant(wrong[1], values) + (f"; valid are {', '.join(values)}" if values else "")
    return ""


def _names(keys: list[str]) -> set[str]:
    """Return the names of the settings in the table at a path."""
    return {field.encode_name for kind in _kinds(keys) if isinstance(kind, inspect.StructType) for field in kind.fields}


def _values(keys: list[str]) -> list[str]:
    """Return the valid values of the setting at a path, where there are few."""
    kinds = _kinds(keys)
    found = [str(value) for kind in kinds if isinstance(kind, inspect.LiteralType) for value in kind.values]
    return list(dict.fromkeys(found)) if len(found) < 40 else []


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
        if key == kind.tag_field:
            yield inspect.LiteralType((kind.tag,))
        yield from (field.type for field in kind.fields if field.encode_name == key)
    elif isinstance(kind, inspect.DictType):
        yield kind.value_type
    elif isinstance(kind, inspect.VarTupleType | inspect.ListType | inspect.CollectionType):
        yield kind.item_type
