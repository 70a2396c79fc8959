"""A faster decoder for measurements that name only feeds, regions and services decoded before.

Most messages repeat a few names. A decoder with these names as enumerations looks them up instead of creating strings.
Since it refuses all other fields, no text it accepts hides deep nesting or bytes that are not UTF-8. It is a cache: it
returns None for what it has not seen, and never changes a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, product
from operator import attrgetter
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from msgspec import Meta

from schemas.measurement import Measurement, is_plain
from schemas.times import END_OF_TIME
from schemas.validate import MAX_BYTES, MAX_ELEMENTS

_NAMES: Final = ("feed", "region", "service")
_MAX_NAMES: Final = 5_000  # the cache learns no more beyond this
_LONGEST_PAUSE: Final = 64  # runs
_PAUSE_PER_NAME: Final = 0.1  # runs per name, since building a decoder takes longer with more names
Items = list[Measurement | list[Measurement]]
Time = Annotated[int, Meta(ge=0, lt=END_OF_TIME)] | Annotated[float, Meta(ge=0, lt=END_OF_TIME)]


class DecoderCache:
    """Names seen so far, and decoders of them. After a failure it pauses for some runs of values, longer each time."""

    def __init__(self) -> None:
        self._names: dict[str, set[str | None]] = {name: set() for name in _NAMES}
        self._single = self._array = _decoder(self._names)
        self._pause = 0  # length of the newest pause in runs
        self._left = 0  # runs left of it

    def decode(self, values: Sequence[bytes | None]) -> Items | None:
        """Return the measurement or list of each value; None when one names something new, or may be bad."""
        if self._left:
            self._left -= 1
            return None
        found = self._tried(values)
        self._pause = 0 if found is not None else min(2 * self._pause + 1, _LONGEST_PAUSE)
        self._left = self._pause
        return found

    def learn(self, groups: Sequence[Sequence[Measurement]]) -> None:
        """Learn the names in the run that failed last, from its good measurements."""
        before = self._size()
        if self._left != self._pause or before > _MAX_NAMES:
            return
        for (name, names), group in product(self._names.items(), groups):
            names.update(map(attrgetter(name), group))
        if self._size() > before:
            self._single, self._array = _decoder(self._names), _decoder(self._names, many=True)
            self._left = max(self._left, int(self._size() * _PAUSE_PER_NAME))

    def _size(self) -> int:
        return sum(map(len, self._names.values()))

    def _tried(self, values: Sequence[bytes | None]) -> Items | None:
        texts = cast("Sequence[bytes]", values)
        try:
            many = texts[0].startswith(b"[")
            found = list(map((self._array if many else self._single).decode, texts))
            longest = sum(map(len, texts))
        except (AttributeError, TypeError, UnicodeDecodeError, msgspec.DecodeError, RecursionError):
            return None
        if longest > MAX_BYTES and max(map(len, texts)) > MAX_BYTES:
            return None
        whole = chain.from_iterable(found) if many else found
        return None if [m for m in whole if 1.0 != m.of < m.value or not is_plain(m.member)] else found


def _decoder(names: dict[str, set[str | None]], *, many: bool = False) -> msgspec.json.Decoder[Any]:
    """Return the decoder of measurements, or of arrays of them, with these names and no others."""
    fields: list[Any] = [
        ("feed", Literal[tuple(names["feed"]) or ("",)]),
        ("ts", Time),
        ("asn", Annotated[int, Meta(ge=1, le=4_294_967_295)]),
        ("region", _optional(names["region"]), None),
        ("service", _optional(names["service"]), None),
    ]
    options: dict[str, Any] = {"gc": False, "omit_defaults": True, "kw_only": True, "forbid_unknown_fields": True}
    struct = msgspec.defstruct("NamedMeasurement", fields, bases=(Measurement,), **options)
    return msgspec.json.Decoder(Annotated[list[struct], Meta(max_length=MAX_ELEMENTS)] if many else struct)  # type: ignore[valid-type]


def _optional(seen: set[str | None]) -> Any:  # noqa: ANN401
    names = tuple(seen - {None})
    return Literal[names] | None if names else None
