"""The page on the API for people: the OpenAPI document as headings, tables and requests to try."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from schemas.documents.openapi import document

Schema = Mapping[str, Any]
_WORDS = {"integer": "number", "boolean": "true or false"}


class Field(NamedTuple):
    """A parameter, or a field of a body. `values`: what it may be; `example`: part of a request, of parameters only."""

    name: str
    values: str
    text: str
    example: str = ""


class Operation(NamedTuple):
    """A path. `body`: what it answers; `example`: a request, without the leading slash; `errors`: status and text."""

    path: str
    text: str
    parameters: Sequence[Field]
    body: str
    example: str
    errors: Sequence[tuple[str, str]]


class Body(NamedTuple):
    """A type of what is answered."""

    name: str
    text: str
    fields: Sequence[Field]


_document = cache(document)


def endpoints(there: Mapping[str, str]) -> Sequence[Operation]:
    """Return all paths of the API, in the order of the document. `there`: ids that are answered."""
    return [_endpoint(path, item["get"], there) for path, item in _document()["paths"].items()]


def bodies() -> Sequence[Body]:
    """Return all types of the answers, by name."""
    schemas = _document()["components"]["schemas"]
    return [
        Body(name, " ".join(schema.get("description", "").split()), _fields(schema)) for name, schema in schemas.items()
    ]


def _endpoint(path: str, operation: Schema, there: Mapping[str, str]) -> Operation:
    asked = [
        {**asked, "example": there[asked["name"]]} if asked["name"] in there else asked
        for asked in operation["parameters"]
    ]
    answers = operation["responses"]
    ((media, content),) = answers["200"]["content"].items()
    errors = [(status, answer["description"]) for status, answer in answers.items() if status >= "400"]
    body = values(content["schema"]) if "json" in media else media
    return Operation(path, operation["summary"], [*map(_parameter, asked)], body, _request(path, asked), errors)


def _parameter(asked: Schema) -> Field:
    example = _part(asked) if "example" in asked else ""
    return Field(asked["name"], _option(asked["schema"]), asked.get("description", "Part of the path."), example)


def _part(asked: Schema) -> str:
    if asked["in"] == "path":
        return quote(asked["example"])
    return urlencode({asked["name"]: asked["example"]}, doseq=True, safe="/:")


def _request(path: str, asked: Sequence[Schema]) -> str:
    """Return a request of the path with the first parameter that narrows it."""
    for parameter in asked:
        path = path.replace(f"{{{parameter['name']}}}", _part(parameter) if parameter["in"] == "path" else "")
    first = next((_part(parameter) for parameter in asked if parameter["in"] == "query"), None)
    return path.lstrip("/") + (f"?{first}" if first else "")


def _fields(schema: Schema) -> list[Field]:
    return [
        Field(name, values(rule), rule.get("description", "")) for name, rule in schema.get("properties", {}).items()
    ]


def values(schema: Schema) -> str:
    """Return what a JSON Schema allows, in words; patterns are left to the document.

    >>> values({"type": "array", "items": {"$ref": "#/components/schemas/Drop"}})
    'list of Drop'
    >>> values({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "number", "minimum": 0}, {"type": "null"}]})
    'number from 0, or null'
    >>> values({"enum": ["major", "total"]}), values({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100})
    ('major, total', 'number from 1 to 1,000; 100 if left out')
    """
    text = _alternatives(schema)
    return f"{text}; {schema['default']} if left out" if schema.get("default") else text


def _alternatives(schema: Schema) -> str:
    if "anyOf" in schema:
        return _either(map(_option, schema["anyOf"]))
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_either(map(_option, schema.get('prefixItems', [schema.get('items', {})])))}"
    if inner := schema.get("additionalProperties"):
        return f"object of {values(inner)}"
    return _word(schema) + _range(schema)


def _option(schema: Schema) -> str:
    """Return what a part of a choice allows; the words of the document are narrower than its type."""
    return schema.get("description") or values(schema)


def _either(texts: Iterable[str]) -> str:
    return ", or ".join(dict.fromkeys(texts))


def _word(schema: Schema) -> str:
    word = str(schema.get("type", "any value"))
    is_time = schema.get("format") == "date-time" or "T[0-9]{2}:" in schema.get("pattern", "")
    return "time" if is_time else _WORDS.get(word, word)


def _range(schema: Schema) -> str:
    parts = (f" {word} {schema[key]:,}" for word, key in (("from", "minimum"), ("to", "maximum")) if key in schema)
    return "".join(parts)
