"""The finding message: what a reporter says of a bin of a feed that closed. Internal, from shards to incidents."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from schemas.measurement import Country
from schemas.outage import SCHEMA, Facets, Number, Outage
from schemas.times import END_OF_TIME


class Levels(msgspec.Struct, frozen=True):
    """Expected level and spread of each series of one country with the same facets.

    `expected` and `spread` have a number for each of `entities`.
    """

    country: Country
    facets: Facets
    entities: list[Annotated[str, Meta(pattern=r"^(asn|region|country)/")]]
    expected: list[Number]
    spread: list[Number]

    def __post_init__(self) -> None:
        if not len(self.entities) == len(self.expected) == len(self.spread):
            raise ValueError("`entities`, `expected` and `spread` are not of one length")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of what a reporter says of a bin, named by its end in Unix seconds.

    `levels`: of all that it scores of this feed, told once an hour; None in between. `silent`: it has no data of the
    feed, and was read to its end: it only tells how far its time has come. `fault`: most of its series have fallen in
    this bin. `empty`: none was measured in it.
    """

    schema: Literal[1] = SCHEMA
    reporter: Annotated[str, Meta(pattern=r"^(shard/[0-9]+|areas/[a-z+]+)$")]
    feed: Annotated[str, Meta(min_length=1, max_length=64)]
    end: Annotated[int, Meta(ge=0, lt=END_OF_TIME)]
    piece: Annotated[int, Meta(ge=0)] = 0
    last: bool = True
    silent: bool = False
    fault: bool = False
    empty: bool = False
    outages: list[Outage] = []
    levels: list[Levels] | None = None


_decoder: Final = msgspec.json.Decoder(Finding)


def encode(finding: Finding) -> bytes:
    """The message's bytes, the same for equal findings; ValueError for a level that is not finite."""
    for levels in finding.levels or ():
        if not all(map(math.isfinite, levels.expected)) or not all(map(math.isfinite, levels.spread)):
            raise ValueError("a level is not a finite number")
    return msgspec.json.encode(finding)


def decode_finding(value: bytes) -> Finding:
    """The finding in a message; msgspec.DecodeError when it is none."""
    try:
        return _decoder.decode(value)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(str(error)) from None
