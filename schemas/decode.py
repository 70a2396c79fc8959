"""Message values to measurements and dead letters: a chunk at once when all is well, one by one where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Annotated, Any, Final, cast

import msgspec
from msgspec import Meta

from schemas.judge import MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, SPACE, is_sound, judge
from schemas.measurement import Measurement
from schemas.reasons import Reason

_FAN_OUT: Final = 16
_OPENERS: Final = frozenset(b"{[")
_CLOSERS: Final = frozenset(b"}]")
_first: Final[Any] = itemgetter(0)
_last: Final[Any] = itemgetter(-1)

_Items = list[Measurement | list[Measurement]]
_decoder: Final[msgspec.json.Decoder[Measurement | list[Measurement]]] = msgspec.json.Decoder(
    Measurement | Annotated[list[Measurement], Meta(max_length=MAX_ELEMENTS)]
)


@dataclass(frozen=True, slots=True)
class Dead:
    """A dead letter: the index of its message, the bytes that are rejected, and why."""

    index: int
    payload: bytes
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """Measurements in order, the index of the message that each came from, and the dead letters in order."""

    measurements: list[Measurement]
    source: list[int] | range
    dead: list[Dead]


def decode(values: Sequence[bytes | None]) -> Decoded:
    """Decode whole message values, each one measurement or an array of up to 10,000; never raises on what they hold.

    The outcome is that of judging each value alone, whatever stands beside it.
    """
    items = _at_once(values)
    if items is None:
        bare = [value and value.strip(SPACE) for value in values]
        items = _at_once(bare) if bare != list(values) else None
    return _in_parts(values) if items is None else _flat(items)


def _at_once(values: Sequence[bytes | None]) -> _Items | None:
    """All values decoded in one call, or None when one is or may be bad."""
    if not values:
        return []
    try:
        text = b"\n".join(cast("Sequence[bytes]", values))
        # Why no value can hide in its neighbours: a line feed is illegal inside a JSON string, and inside an array or
        # object a closing bracket is never followed by an opening one without a comma. So where each value begins with
        # an opening and ends with a closing bracket, no item reaches across a join; and n items in n values that are
        # not blank are one item each.
        if not (_OPENERS.issuperset(map(_first, values)) and _CLOSERS.issuperset(map(_last, values))):
            return None
        items = _decoder.decode_lines(text)
        if not text.isascii():
            text.decode()
    except (TypeError, IndexError, UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    return items if _is_plain(values, text, items) else None


def _is_plain(values: Sequence[bytes | None], text: bytes, items: _Items) -> bool:
    """Whether the items are one for each value, none too large or nested too deep, and every measurement is sound."""
    if len(items) != len(values):
        return False
    if len(text) > MAX_BYTES and max(map(len, cast("Sequence[bytes]", values))) > MAX_BYTES:
        return False
    arrays = [item for item in items if item.__class__ is list] if b"[" in text else []
    found = _flat(items).measurements
    spare = text.count(b"{") + text.count(b"[") - len(found) - len(arrays)
    return spare < MAX_DEPTH and is_sound(found)


def _flat(items: _Items) -> Decoded:
    """The measurements of the items in order, arrays opened."""
    if list not in set(map(type, items)):
        return Decoded(cast("list[Measurement]", items), range(len(items)), [])
    measurements: list[Measurement] = []
    source: list[int] = []
    for index, item in enumerate(items):
        group = item if isinstance(item, list) else [item]
        measurements += group
        source += [index] * len(group)
    return Decoded(measurements, source, [])


def _in_parts(values: Sequence[bytes | None]) -> Decoded:
    """The same in parts, so that a bad value slows down only those next to it; small parts value by value."""
    size = -(-len(values) // _FAN_OUT)
    out = Decoded([], [], [])
    for start in range(0, len(values), size):
        part = values[start : start + size]
        _append(out, start, decode(part) if size > 1 else _one(part[0]))
    return out


def _append(out: Decoded, start: int, part: Decoded) -> None:
    """Add a part whose first message has this index."""
    out.measurements.extend(part.measurements)
    cast("list[int]", out.source).extend(start + index for index in part.source)
    out.dead.extend(replace(dead, index=start + dead.index) for dead in part.dead)


def _one(value: bytes | None) -> Decoded:
    """One value, judged alone."""
    measurements, rejected = judge(value)
    dead = [Dead(0, payload, error.reason, error.detail) for payload, error in rejected]
    return Decoded(measurements, [0] * len(measurements), dead)
