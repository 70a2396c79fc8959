"""Reads the query parameters of a request into a type of `schemas.api`, or says in one line what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from schemas.entities import country_code, entity_named, network_number
from schemas.rejections import one_line
from schemas.times import time_named
from streams.config.errors import EbbtideError

Q = TypeVar("Q", bound=msgspec.Struct)
_READERS: Mapping[str, Callable[[str], str]] = {
    "asn": lambda text: str(network_number(text)),
    "country": country_code,
    "entity": entity_named,
}


class BadQueryError(EbbtideError):
    """A parameter is unknown, repeated, or out of its bounds."""


def query_of(kind: type[Q], given: Mapping[str, Sequence[str]]) -> Q:
    """Return a query of type `kind`. `given`: the values of each parameter, in order. Raises BadQueryError."""
    try:
        query = msgspec.convert(_values(kind, given), kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadQueryError(_explain(str(error))) from None
    for name in ("from", "to"):
        for text in given.get(name, ()):
            _demand_time(name, text)
    return query


def _values(kind: type[msgspec.Struct], given: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """Return a list for each parameter that may be repeated, and a text for each other one. Raises BadQueryError."""
    many = {field.encode_name for field in msgspec.structs.fields(kind) if field.default == ()}
    for name, texts in given.items():
        if name not in many and len(texts) > 1:
            raise BadQueryError(f"`{one_line(name)}` is given {len(texts)} times, once is enough")
    read = {name: [_read(name, text) for text in texts] for name, texts in given.items()}
    return {name: texts if name in many else texts[0] for name, texts in read.items()}


def _read(name: str, text: str) -> str:
    """Return an entity in the form of messages; what is none stays, for the check of the type."""
    try:
        return _READERS[name](text) if name in _READERS else text
    except ValueError:
        return text


def _explain(message: str) -> str:
    """Return a validation error as the parameter and what is wrong with it.

    >>> _explain("Expected `int` <= 1000 - at `$.limit`")
    '`limit`: expected `int` <= 1000'
    """
    fault, _, where = message.partition(" - at `$.")
    text = one_line(fault[:1].lower() + fault[1:])
    return f"`{one_line(where.removesuffix('`'))}`: {text}" if where else text.replace("object contains", "there is an")


def _demand_time(name: str, text: str) -> None:
    try:
        time_named(text)
    except ValueError:
        raise BadQueryError(f"`{name}`: expected RFC 3339 or Unix seconds, got {one_line(text)!r}") from None
