"""JSON Schemas of the types, as msgspec makes them, with what a reader needs besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import Any, Final

import msgspec

from schemas.measurement import COUNTRIES, MEMBER_PATTERN, REGION_PATTERN, SERVICE_PATTERN


def _named(pattern: str, most: int) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "minLength": 1, "maxLength": most, "pattern": pattern}, {"type": "null"}]}


REGION: Final = {"anyOf": [{"type": "string", "maxLength": 64, "pattern": REGION_PATTERN}, {"type": "null"}]}
SERVICE: Final = _named(SERVICE_PATTERN, 64)
MEMBER: Final = _named(MEMBER_PATTERN, 128)


def component(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The schema of a type, without those of the types inside."""
    return components([kind], "#/$defs/")[kind.__name__]


def always_there(kind: type[msgspec.Struct]) -> list[str]:
    """The fields of a type that each message has, on the wire: all but what is absent where there is nothing."""
    return [field.encode_name for field in msgspec.structs.fields(kind) if field.default is not msgspec.UNSET]


def components(kinds: Sequence[type], prefix: str) -> dict[str, dict[str, Any]]:
    """The schemas of types and of those inside them, by name; a reference is the prefix and the name."""
    _, found = msgspec.json.schema_components(kinds, ref_template=prefix + "{name}")
    schemas: dict[str, dict[str, Any]] = _readable(found)
    return schemas


def described(schema: dict[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """The schema with a description of each field; KeyError when one has none."""
    fields = {name: {"description": texts[name], **rule} for name, rule in schema["properties"].items()}
    return schema | {"properties": fields}


def _readable(schema: object) -> Any:  # noqa: ANN401 (JSON of any shape, the same as went in)
    """The schema with the form of a country's code in place of the list of all, and docstrings without indentation."""
    if isinstance(schema, list):
        return [_readable(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("enum") == list(COUNTRIES):
        return {"type": "string", "pattern": "^[A-Z]{2}$", "minLength": 2, "maxLength": 2}
    readable = {key: _readable(inner) for key, inner in schema.items()}
    if isinstance(text := readable.get("description"), str):
        readable["description"] = cleandoc(text)  # versions of msgspec differ in this
    return readable
