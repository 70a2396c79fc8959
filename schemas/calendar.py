"""The calendar message: something expected of some entities at some time, as in the topic `calendar`."""

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
    """The facets that an entry names: it says nothing of outages without them."""

    access: Access | None = None
    direction: Direction | None = None
    service: Service | None = None


class Period(msgspec.Struct, frozen=True):
    """A span of event time in which the entry counts: from when it was added until it was removed."""

    added_at: Time
    removed_at: Time | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, its fields in the order of the wire; times are RFC 3339 in UTC."""

    schema: Literal[1] = SCHEMA
    entry_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    starts: Time
    ends: Time
    entities: Annotated[list[Entity], Meta(min_length=1, max_length=10_000)]
    facets: Only = Only()
    note: Annotated[str, Meta(max_length=MAX_NOTE)] = ""
    known: list[Period] = []

    @property
    def is_there(self) -> bool:
        """Whether it was added and not removed since."""
        return bool(self.known) and self.known[-1].removed_at is None


_decoder: Final = msgspec.json.Decoder(Entry)


def entry_of(starts: float, ends: float, entities: Iterable[str], facets: Only, note: str) -> Entry:
    """The entry of these times (Unix seconds), whose id is a function of all of it; ValueError names what is wrong."""
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
    return Entry(entry_id=entry_id, starts=first, ends=last, entities=places, facets=facets, note=note)


def named(facets: Only) -> tuple[tuple[str, str], ...]:
    """The facets that are named, with their values, as outages order them."""
    return tuple((name, value) for name in facets.__struct_fields__ if (value := getattr(facets, name)) is not None)


def demand_entity(text: str) -> None:
    """ValueError when the text names no entity."""
    kind, _, name = text.partition("/")
    if kind == "asn" and _ASN.fullmatch(name) and int(name) < 1 << 32:
        return
    if (kind == "country" and _COUNTRY.fullmatch(name)) or (kind == "region" and is_region(name)):
        return
    raise ValueError(f"`entities`: {text[:80]!r} is none, such as asn/43754, region/IR-30 or country/KZ")


def encode(entry: Entry) -> bytes:
    """The message's bytes, the same for equal entries."""
    return msgspec.json.encode(entry)


def decode_entry(value: bytes) -> Entry:
    """The entry in a message; msgspec.DecodeError when it is none, or its id is not that of what it says."""
    if len(value) > MAX_BYTES:
        raise msgspec.DecodeError(f"{len(value)} bytes, at most {MAX_BYTES}")
    try:
        found = _decoder.decode(value)
        spans = [(parse_time(one.added_at), parse_time(one.removed_at)) for one in found.known if one.removed_at]
        same = entry_of(parse_time(found.starts), parse_time(found.ends), found.entities, found.facets, found.note)
    except (RecursionError, UnicodeDecodeError, ValueError) as error:
        raise msgspec.DecodeError(str(error)) from None
    if same.entry_id != found.entry_id:
        raise msgspec.DecodeError(f"entry_id is not {same.entry_id}, which what it says has")
    if any(removed <= added for added, removed in spans):
        raise msgspec.DecodeError("`removed_at` is not after `added_at`")
    return found
