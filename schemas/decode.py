"""Decodes message values into measurements and dead letters: whole chunks at once, single values where one is bad."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Final, cast

import msgspec
from msgspec import Meta

from schemas.decoder_cache import DecoderCache, Items
from schemas.measurement import Measurement
from schemas.rejections import Reason
from schemas.validate import MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, is_sound, openings, validate

#: Bytes decoded and checked at once: more would not stay in the processor's cache.
_PART_BYTES: Final = 100_000
_FAN_OUT: Final = 8

_decoder: Final[msgspec.json.Decoder[Measurement | list[Measurement]]] = msgspec.json.Decoder(
    Measurement | Annotated[list[Measurement], Meta(max_length=MAX_ELEMENTS)]
)

_cache: Final = DecoderCache()


@dataclass(frozen=True, slots=True)
class RejectedValue:
    """Rejected bytes: the index of their message, the bytes as they came, and why."""

    index: int
    payload: bytes
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """Measurements in order, the index of the message of each, and rejected values in order."""

    measurements: list[Measurement]
    source: list[int] | range
    dead: list[RejectedValue]


def decode(values: Sequence[bytes | None]) -> Decoded:
    """Return the measurements and rejected bytes of message values, each one measurement or an array of up to 10,000.

    Never raises. The result equals `validate` of each value alone.
    """
    return join_parts(list(decode_parts(values)))


def decode_validated(text: bytes) -> Measurement:
    """Return the measurement of a text that is valid already and has a number as `ts`; checks no rule again."""
    try:
        return cast("Measurement", _decoder.decode(text))
    except msgspec.ValidationError:  # such as a country in lower case
        return validate(text)[0][0]


def decode_parts(values: Sequence[bytes | None], first: int = 0) -> Iterator[Decoded]:
    """Yield what `decode` returns part by part, so that a caller reads a part while it is in the processor's cache.

    `first`: the index of the first message.
    """
    size = max(1, _PART_BYTES // (len(values[0] or b"") + 1)) if values else 1
    for start in range(0, len(values), size):
        part = values[start : start + size]
        items = _cache.decode(part)
        if items is not None:
            yield _flat(first + start, items)
            continue
        decoded = list(_decode_part(first + start, part))
        _cache.learn([piece.measurements for piece in decoded])
        yield from decoded


def _decode_part(start: int, values: Sequence[bytes | None]) -> Iterator[Decoded]:
    """Decode values at once, or in ever smaller parts, so that a bad value slows down few others.

    `start`: the index of the first.
    """
    whole = _at_once(start, values)
    if whole is not None:
        yield whole
    elif len(values) <= _FAN_OUT:
        yield from map(_alone, range(start, start + len(values)), values)
    else:
        size = -(-len(values) // _FAN_OUT)
        for at in range(0, len(values), size):
            yield from _decode_part(start + at, values[at : at + size])


def _at_once(start: int, values: Sequence[bytes | None]) -> Decoded | None:
    """Return all values decoded, or None when one is or may be bad."""
    try:
        # One call for each value costs no more than one call for all of them joined and the proof that none of
        # them hides in its neighbours (measured), and needs no proof.
        items = list(map(_decoder.decode, cast("Sequence[bytes]", values)))
        text = b"".join(cast("Sequence[bytes]", values))
        if not text.isascii():
            text.decode()
    except (TypeError, UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    found = _flat(start, items) if b"[" in text else Decoded(_singles(items), range(start, start + len(items)), [])
    if len(text) > MAX_BYTES and max(map(len, cast("Sequence[bytes]", values))) > MAX_BYTES:
        return None
    return found if _is_shallow(text, items, found) and is_sound(found.measurements) else None


def _is_shallow(text: bytes, items: Items, found: Decoded) -> bool:
    """Whether no item is nested too deep, by the number of brackets in all of them."""
    arrays = 0 if isinstance(found.source, range) else sum(item.__class__ is list for item in items)
    return openings(text) - len(found.measurements) - arrays < MAX_DEPTH


def _flat(start: int, items: Items) -> Decoded:
    """Return the measurements of the items in order, those of arrays one by one."""
    if list not in set(map(type, items)):
        return Decoded(_singles(items), range(start, start + len(items)), [])
    groups = [item if isinstance(item, list) else [item] for item in items]
    source = [index for index, group in enumerate(groups, start) for _ in group]
    return Decoded(list(chain.from_iterable(groups)), source, [])


def _singles(items: Items) -> list[Measurement]:
    return cast("list[Measurement]", items)


def _alone(index: int, value: bytes | None) -> Decoded:
    """Return the result of one value."""
    measurements, rejected = validate(value)
    dead = [RejectedValue(index, payload, error.reason, error.detail) for payload, error in rejected]
    return Decoded(measurements, [index] * len(measurements), dead)


def join_parts(parts: list[Decoded]) -> Decoded:
    """Return the parts as one; the source stays a range when every message was one measurement."""
    if len(parts) == 1:
        return parts[0]
    measurements = list(chain.from_iterable(part.measurements for part in parts))
    dead = list(chain.from_iterable(part.dead for part in parts))
    if all(isinstance(part.source, range) for part in parts):
        return Decoded(measurements, range(len(measurements)), dead)
    return Decoded(measurements, list(chain.from_iterable(part.source for part in parts)), dead)
