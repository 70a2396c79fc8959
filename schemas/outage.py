"""The outage message: one series below its baseline, in one of its revisions, as in the topic `outages`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
import orjson
from msgspec import Meta

from schemas.measurement import Country
from schemas.severity import Severity

SCHEMA: Final = 1

State: TypeAlias = Literal["suspected", "open", "recovering", "closed", "retracted", "rebaselined", "expired"]
#: States of an outage that has not ended.
RUNNING: Final[tuple[State, ...]] = ("suspected", "open", "recovering")
Shape: TypeAlias = Literal["sudden", "stepwise", "gradual"]

Time: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$")]
Number: TypeAlias = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0)]
#: What narrows a series within its entity, by the facet's name; an absent facet means all of it.
Facets: TypeAlias = dict[
    Annotated[str, Meta(pattern=r"^(access|direction|service)$")], Annotated[str, Meta(min_length=1, max_length=64)]
]
Share: TypeAlias = Annotated[int, Meta(ge=0, le=1)] | Annotated[float, Meta(ge=0, le=1)]


class Drop(msgspec.Struct, frozen=True):
    """One distinct fall: the start of its bin, and the share of the expected level lost by then."""

    at: Time
    drop: Share


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of an outage, its fields in the order of the wire; times are event times in RFC 3339, UTC."""

    schema: Literal[1] = SCHEMA
    outage_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    revision: Annotated[int, Meta(ge=1)]
    state: State
    entity: Annotated[str, Meta(pattern=r"^(asn|region|country)/")]
    country: Country | None = None
    region: str | None = None
    facets: Facets
    feed: Annotated[str, Meta(min_length=1, max_length=64)]
    signal: Annotated[str, Meta(min_length=1)]
    started_at: Time
    started_between: tuple[Time, Time]
    detected_at: Time
    updated_at: Time
    ended_at: Time | None = None
    value: Number | None
    expected: Number
    drop: Share
    max_drop: Share
    severity: Severity
    shape: Shape
    drops: list[Drop]
    evidence: Number
    suppressed_by: str | None = None
    incident_id: str | None = None
    missing_bins: Annotated[int, Meta(ge=1)] | msgspec.UnsetType = msgspec.UNSET
    explain: dict[str, Any]


_decoder: Final = msgspec.json.Decoder(Outage)


def encode(outage: Outage) -> bytes:
    """The message's bytes, the same for equal outages; ValueError for a number that is not finite."""
    fields = msgspec.to_builtins(outage)
    fields["facets"] = dict(sorted(outage.facets.items()))
    demand_finite(fields)
    return orjson.dumps(fields)


def decode_outage(value: bytes) -> Outage:
    """The outage in a message; msgspec.DecodeError when it is none."""
    try:
        return _decoder.decode(value)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(str(error)) from None


def outage_id(feed: str, entity: str, facets: Mapping[str, str], opened: int, again: int = 0) -> str:
    """16 hex digits that are a function of the series and the start of the opening bin, in Unix seconds.

    `again`: how often time had gone back before that bin, if it closes not for the first time.
    """
    series = orjson.dumps([feed, entity, sorted(facets.items()), opened, *([again] if again else [])])
    return hashlib.blake2b(series, digest_size=8).hexdigest()


def lost(outage: Outage) -> float:
    """The share of `expected` that `value` lacks, 0 to 1; `drop`, the level of several bins, where it is unknown."""
    if outage.value is None or outage.expected <= 0:
        return float(outage.drop)
    return min(max(1 - outage.value / outage.expected, 0.0), 1.0)


def rounded(x: float, digits: int = 4) -> float:
    """The number as a float of so many decimals, so that the last bits of arithmetic do not reach the wire."""
    if not math.isfinite(x):
        raise ValueError(f"not a finite number: {x}")
    return round(float(x), digits) + 0.0


def demand_finite(value: object) -> None:
    """ValueError when a number anywhere inside is not finite: orjson would write it as null."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"not a finite number: {value}")
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            demand_finite(inner)
