"""The calendar message: an expected loss of entities at a time, as in the topic `calendar`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
import orjson
from msgspec import Meta

from schemas.measurement import Access, Direction, is_region
from schemas.outage import Time
from schemas.times import END_OF_TIME, format_time, parse_time

SCHEMA: Final = 1
MAX_BYTES: Final = 1 << 20
MAX_NOTE: Final = 500

Entity: TypeAlias = Annotated[str, Meta(pattern=r"^(asn|region|country)/", max_length=72)]
Service: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
_ASN: Final = re.compile(r"[1-9][0-9]{0,9}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")


class Only(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Facets of an entry: it covers only outages that have them."""

    access: Access | None = None
    direction: Direction | None = None
    service: Service | None = None


class Period(msgspec.Struct, frozen=True):
    """A span of event time in which the entry counts: from its addition to its removal."""

    added_at: Time
    removed_at: Time | None = None


class CalendarEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, fields in the order of the wire. Times are RFC 3339 in UTC. `periods` is `known` in JSON."""

    schema: Literal[1] = SCHEMA
    entry_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    starts: Time
    ends: Time
    entities: Annotated[list[Entity], Meta(min_length=1, max_length=10_000)]
    facets: Only = Only()
    note: Annotated[str, Meta(max_length=MAX_NOTE)] = ""
    periods: list[Period] = msgspec.field(name="known", default_factory=list)

    @property
    def is_active(self) -> bool:
        """Whether the entry was added and not removed since."""
        return bool(self.periods) and self.periods[-1].removed_at is None


_decoder: Final = msgspec.json.Decoder(CalendarEntry)


def entry_of(starts: float, ends: float, entities: Iterable[str], facets: Only, note: str) -> CalendarEntry:
    """Return an entry from times in Unix seconds; its id is a hash of all arguments. ValueError names what is wrong."""
    if not 0 <= starts < END_OF_TIME or not 0 <= ends < END_OF_TIME:
        raise ValueError("`starts` and `ends` lie in the years 1970 to 9999")
    if ends <= starts:
        raise ValueError(f"`ends` is not after `starts`: {format_time(ends)}, {format_time(starts)}")
    places = sorted(set(entities))
    if not places:
        raise ValueError("`entities` names none: give for example country/KZ")
    for place in places:
        demand_entity(place)
    if len(note) > MAX_NOTE:
        raise ValueError(f"`note` has {len(note)} characters, at most {MAX_NOTE}")
    first, last = format_time(starts), format_time(ends)
    content = orjson.dumps([first, last, places, sorted(named(facets)), note])
    entry_id = hashlib.blake2b(content, digest_size=8).hexdigest()
    return CalendarEntry(entry_id=entry_id, starts=first, ends=last, entities=places, facets=facets, note=note)


def named(facets: Only) -> tuple[tuple[str, str], ...]:
    """Return the facets that are set, with their values, in the order of `Outage.facets`."""
    return tuple((name, value) for name in facets.__struct_fields__ if (value := getattr(facets, name)) is not None)


def demand_entity(text: str) -> None:
    """Raise ValueError when the text names no entity."""
    kind, _, name = text.partition("/")
    if kind == "asn" and _ASN.fullmatch(name) and int(name) < 1 << 32:
        return
    if (kind == "country" and _COUNTRY.fullmatch(name)) or (kind == "region" and is_region(name)):
        return
    raise ValueError(f"`entities`: {text[:80]!r} is none, such as asn/43754, region/IR-30 or country/KZ")


def encode(entry: CalendarEntry) -> bytes:
    """Return the bytes of the message, the same for equal entries."""
    return msgspec.json.encode(entry)


def decode_entry(value: bytes) -> CalendarEntry:
    """Return the entry in a message; msgspec.DecodeError when it is invalid or has a wrong id."""
    if len(value) > MAX_BYTES:
        raise msgspec.DecodeError(f"{len(value)} bytes, at most {MAX_BYTES}")
    try:
        found = _decoder.decode(value)
        spans = [(parse_time(span.added_at), parse_time(span.removed_at)) for span in found.periods if span.removed_at]
        same = entry_of(parse_time(found.starts), parse_time(found.ends), found.entities, found.facets, found.note)
    except (RecursionError, UnicodeDecodeError, ValueError) as error:
        raise msgspec.DecodeError(str(error)) from None
    if same.entry_id != found.entry_id:
        raise msgspec.DecodeError(f"entry_id is not {same.entry_id}, the hash of its content")
    if any(removed <= added for added, removed in spans):
        raise msgspec.DecodeError("`removed_at` is not after `added_at`")
    return found
