"""The measurement: one observation at one instant of event time, as in the topic `measurements`."""

from __future__ import annotations

import re
from itertools import product
from string import ascii_uppercase
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias
from unicodedata import is_normalized

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from schemas.times import END_OF_TIME

Access: TypeAlias = Literal["mobile", "fixed"]
Direction: TypeAlias = Literal["domestic", "international"]
FACETS: Final = ("access", "direction", "service")

#: Every code of two capital letters: ISO 3166-1 changes, and its user-assigned codes are in use.
COUNTRIES: Final = tuple("".join(pair) for pair in product(ascii_uppercase, repeat=2))

if TYPE_CHECKING:
    Country: TypeAlias = str
else:
    # An enumeration is checked by one lookup in C and shares its strings; a pattern costs a call into `re`.
    Country = Literal[COUNTRIES]

_VISIBLE: Final = (
    r"[^\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]{1,%d}(?![\s\S])"
)
#: Visible characters: none is a control, a line separator, invisible or turns the direction; same in ECMA 262 and `re`.
SERVICE_PATTERN: Final = "^" + _VISIBLE % 64
MEMBER_PATTERN: Final = "^" + _VISIBLE % 128
#: `CC-name`, at most 64 characters.
REGION_PATTERN: Final = "^[A-Z]{2}-" + _VISIBLE % 61
_REGION: Final = re.compile(REGION_PATTERN)
_NAME: Final = re.compile(MEMBER_PATTERN)

#: Names that have the form; a cache that never changes a result.
VALID_REGIONS: Final[set[str]] = set()
_MAX_REGIONS: Final = 65_536


class Measurement(msgspec.Struct, gc=False, omit_defaults=True, eq=False):
    """One observation at one instant of event time. Unknown fields are ignored."""

    # After `schemas.decode.decode` every `ts` is a number and an entity is there.

    feed: Annotated[str, Meta(min_length=1, max_length=64)]
    ts: (
        Annotated[int, Meta(ge=0, lt=END_OF_TIME)]
        | Annotated[float, Meta(ge=0, lt=END_OF_TIME)]
        | Annotated[str, Meta(max_length=64)]
    )
    asn: Annotated[int, Meta(ge=1, le=4_294_967_295)] | None = None
    country: Country | None = None
    region: str | None = None
    access: Access | None = None
    direction: Direction | None = None
    service: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    value: Annotated[float, Meta(ge=0)] = 1.0
    of: Annotated[float, Meta(ge=0)] = 1.0
    member: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    up: bool | None = None

    def __eq__(self, other: object) -> bool:
        """Whether all fields are equal; `decoder_cache` decodes into subclasses."""
        return isinstance(other, Measurement) and asdict(self) == asdict(other)

    __hash__ = None  # type: ignore[assignment]


def entity_of(measurement: Measurement) -> str:
    """The finest entity named: `asn/N`, else `region/CC-name`, else `country/CC`; ValueError when there is none."""
    if measurement.asn is not None:
        return f"asn/{measurement.asn}"
    if measurement.region is not None:
        return f"region/{measurement.region}"
    if measurement.country is not None:
        return f"country/{measurement.country}"
    raise ValueError("a measurement needs one of asn, region, country")


def is_name(text: str) -> bool:
    r"""Whether a service or a member is one line of visible characters in Unicode's form NFC, of any length.

    >>> is_name("Zoom"), is_name("a\nb"), is_name("\u202eoliv")
    (True, False, False)
    """
    if text.isascii():
        return text.isprintable()
    return _NAME.match(text) is not None and is_normalized("NFC", text)


def is_plain(name: str | None) -> bool:
    """Whether a name needs no closer look: it is absent or of printable ASCII."""
    return name is None or (name.isascii() and name.isprintable())


def is_region(name: str) -> bool:
    """Whether the name has the form `CC-name`. Valid names are cached, since regions repeat."""
    if name in VALID_REGIONS:
        return True
    if _REGION.match(name) is None or not is_normalized("NFC", name):
        return False
    if len(VALID_REGIONS) >= _MAX_REGIONS:
        VALID_REGIONS.clear()
    VALID_REGIONS.add(name)
    return True
