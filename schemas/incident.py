"""The incident message: outages that belong together, in one of its revisions, as in the topic `incidents`."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
import orjson
from msgspec import Meta

from schemas.measurement import Country
from schemas.outage import Drop, Number, Share, Time, demand_finite
from schemas.severity import Severity

SCHEMA: Final = 1

State: TypeAlias = Literal["suspected", "ongoing", "spreading", "recovering", "ended", "expired", "retracted"]
#: States of an incident that is over.
OVER: Final[tuple[State, ...]] = ("ended", "expired", "retracted")
Kind: TypeAlias = Literal[
    "total", "partial", "mobile-only", "fixed-only", "international-only", "service-block", "feed-fault"
]
Id: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]


class Scope(msgspec.Struct, frozen=True):
    """Where: all empty when a feed is at fault."""

    countries: list[Country]
    regions: list[str]
    asns: list[Annotated[int, Meta(ge=1, le=4_294_967_295)]]


class Joined(msgspec.Struct, frozen=True):
    """When an entity first fell."""

    at: Time
    entity: Annotated[str, Meta(pattern=r"^(asn|region|country)/")]


class Confidence(msgspec.Struct, frozen=True, kw_only=True, rename={"seen_by": "for"}):
    """Which feeds bear it out. `by_feed`: nats of each where none shows it by itself; less than 0: against."""

    seen_by: list[str]
    against: list[str]
    silent: list[str]
    evidence: Number
    note: str | None = None
    by_feed: dict[str, float] | msgspec.UnsetType = msgspec.UNSET


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of an incident, its fields in the order of the wire; times are event times in RFC 3339, UTC."""

    schema: Literal[1] = SCHEMA
    incident_id: Id
    revision: Annotated[int, Meta(ge=1)]
    state: State
    scope: Scope
    kinds: list[Kind]
    severity: Severity
    affected_share: Share | None
    recovered_share: Share = 0
    services: list[str]
    headline: Annotated[str, Meta(min_length=1)]
    started_at: Time
    detected_at: Time
    confirmed_at: Time | None = None
    updated_at: Time
    ended_at: Time | None = None
    drops: list[Drop]
    spread: list[Joined]
    feeds: list[str]
    outage_ids: list[Id]
    confidence: Confidence
    suppressed_by: str | None = None
    merged_into: Id | None = None
    absorbed: list[Id] = []
    incomplete_feeds: list[str] | msgspec.UnsetType = msgspec.UNSET


_decoder: Final = msgspec.json.Decoder(Incident)


def encode(incident: Incident) -> bytes:
    """The message's bytes, the same for equal incidents; ValueError for a number that is not finite."""
    fields = msgspec.to_builtins(incident)
    demand_finite(fields)
    return orjson.dumps(fields)


def decode_incident(value: bytes) -> Incident:
    """The incident in a message; msgspec.DecodeError when it is none."""
    try:
        return _decoder.decode(value)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(str(error)) from None


def incident_id(root: str) -> str:
    """16 hex digits that are a function of the first outage's id (of a feed's fault: with `feed-fault/` before it)."""
    return hashlib.blake2b(f"incident/{root}".encode(), digest_size=8).hexdigest()
