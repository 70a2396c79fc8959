"""Decoding at once what looks like what was decoded before: nothing is left to prove, so it is quicker.

Most measurements name few feeds, regions and services, again and again. As enumerations these are looked up rather
than made anew, and where every field is known, none hides bytes that are not UTF-8, or depth. It is a cache: it says
nothing of what it does not know, and never changes an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, product
from operator import attrgetter
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from msgspec import Meta

from schemas.measurement import Measurement
from schemas.times import END_OF_TIME
from schemas.validate import MAX_BYTES, MAX_ELEMENTS

_NAMES: Final = ("feed", "region", "service")
_MOST: Final = 5_000  # names; when it knows that many it learns no more
_LONGEST_PAUSE: Final = 64
_PAUSE_PER_NAME: Final = 0.1  # runs, since a decoder takes the longer to make the more names it knows
Items = list[Measurement | list[Measurement]]
Time = Annotated[int, Meta(ge=0, lt=END_OF_TIME)] | Annotated[float, Meta(ge=0, lt=END_OF_TIME)]


class Familiar:
    """Knows names. After runs of values that it could not decode it is not tried for a while, ever longer."""

    def __init__(self) -> None:
        self._names: dict[str, set[str | None]] = {name: set() for name in _NAMES}
        self._one = self._many = _decoder(self._names)
        self._pause = 0  # runs of values for which it is not tried after the next that fails
        self._left = 0  # … of which are left

    def decode(self, values: Sequence[bytes | None]) -> Items | None:
        """Return what each value holds, a measurement or a list; None when any is not familiar, or may be bad."""
        if self._left:
            self._left -= 1
            return None
        found = self._tried(values)
        self._pause = 0 if found is not None else min(2 * self._pause + 1, _LONGEST_PAUSE)
        self._left = self._pause
        return found

    def learn(self, groups: Sequence[Sequence[Measurement]]) -> None:
        """Get to know the names in the run that failed last: its measurements that are good all the same."""
        known = self._size()
        if self._left != self._pause or known > _MOST:
            return
        for (name, names), group in product(self._names.items(), groups):
            names.update(map(attrgetter(name), group))
        if self._size() > known:
            self._one, self._many = _decoder(self._names), _decoder(self._names, many=True)
            self._left = max(self._left, int(self._size() * _PAUSE_PER_NAME))

    def _size(self) -> int:
        return sum(map(len, self._names.values()))

    def _tried(self, values: Sequence[bytes | None]) -> Items | None:
        texts = cast("Sequence[bytes]", values)
        try:
            many = texts[0].startswith(b"[")
            found = list(map((self._many if many else self._one).decode, texts))
            longest = sum(map(len, texts))
        except (AttributeError, TypeError, UnicodeDecodeError, msgspec.DecodeError, RecursionError):
            return None
        if longest > MAX_BYTES and max(map(len, texts)) > MAX_BYTES:
            return None
        whole = chain.from_iterable(found) if many else found
        return None if [m for m in whole if 1.0 != m.of < m.value] else found


def _decoder(names: dict[str, set[str | None]], *, many: bool = False) -> msgspec.json.Decoder[Any]:
    """Return the decoder of measurements, or of arrays of them, with these names and no others."""
    fields: list[Any] = [
        ("feed", Literal[tuple(names["feed"]) or ("",)]),
        ("ts", Time),
        ("asn", Annotated[int, Meta(ge=1, le=4_294_967_295)]),
        ("region", _optional(names["region"]), None),
        ("service", _optional(names["service"]), None),
    ]
    one = msgspec.defstruct(
        "Known", fields, bases=(Measurement,), gc=False, omit_defaults=True, kw_only=True, forbid_unknown_fields=True
    )
    return msgspec.json.Decoder(Annotated[list[one], Meta(max_length=MAX_ELEMENTS)] if many else one)  # type: ignore[valid-type]


def _optional(known: set[str | None]) -> Any:  # noqa: ANN401
    names = tuple(known - {None})
    return Literal[names] | None if names else None
