"""The bin report: what a reporter found in a closed bin of a feed, as in the topic `findings`. Internal."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from schemas.measurement import Country
from schemas.outage import SCHEMA, Facets, Number, Outage, Share
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


class Doubts(msgspec.Struct, frozen=True):
    """Series of one country with the same facets that may have fallen and show no outage: evidence (nats), share lost
    and since when (Unix s) of each of `entities`.
    """

    country: Country
    facets: Facets
    entities: list[Annotated[str, Meta(pattern=r"^(asn|region|country)/")]]
    evidence: list[Number]
    drop: list[Share]
    since: list[Annotated[int, Meta(ge=0, lt=END_OF_TIME)]]

    def __post_init__(self) -> None:
        if not len(self.entities) == len(self.evidence) == len(self.drop) == len(self.since):
            raise ValueError("`entities`, `evidence`, `drop` and `since` are not of one length")


class CountryFalls(msgspec.Struct, frozen=True):
    """How many scored series of each country there are, how many of them fell in the bin, and by how many hundredths of
    a standard deviation all lie low together. A country is empty where it is unknown.
    """

    countries: list[Annotated[str, Meta(pattern=r"^([A-Z]{2})?$")]]
    scored: list[Annotated[int, Meta(ge=0)]]
    fell: list[Annotated[int, Meta(ge=0)]]
    sigmas: list[int]

    def __post_init__(self) -> None:
        if not len(self.countries) == len(self.scored) == len(self.fell) == len(self.sigmas):
            raise ValueError("`countries`, `scored`, `fell` and `sigmas` are not of one length")


class BinReport(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of a reporter's report of a closed bin; `end` is in Unix seconds.

    `levels`: of all series of the feed that the reporter scores, once an hour; None in between. `silent`: the reporter
    has nothing unread and no data of the feed since this bin, so it is not waited for until it reports the feed again.
    `fault`: most of its series have fallen in this bin. `empty`: the bin has no measurement. `doubts`: series in doubt
    by this bin. `falls`: what says, added up over all shards, whether the feed is at fault; areas do not have it.
    `rewound`: how often the reporter's time of the feed has gone back, as it was false; with one more it goes back to
    `end`, and what was reported of later bins is void.
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
    doubts: list[Doubts] = []
    falls: CountryFalls | msgspec.UnsetType = msgspec.UNSET
    rewound: Annotated[int, Meta(ge=1)] | msgspec.UnsetType = msgspec.UNSET


_decoder: Final = msgspec.json.Decoder(BinReport)


def encode(report: BinReport) -> bytes:
    """Return the bytes of the message, the same for equal reports; ValueError for a level that is not finite."""
    for levels in report.levels or ():
        if not all(map(math.isfinite, levels.expected)) or not all(map(math.isfinite, levels.spread)):
            raise ValueError("a level is not a finite number")
    return msgspec.json.encode(report)


def decode_bin_report(value: bytes) -> BinReport:
    """Return the report in a message; msgspec.DecodeError when it is invalid."""
    try:
        return _decoder.decode(value)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(str(error)) from None
