"""The partial message: what one shard adds to the areas of a feed, for one combination and one bin, or a part of it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
import orjson
from msgspec import Meta

from schemas.times import END_OF_TIME

MAX_AREAS: Final = 500  # per message: with the longest names and numbers it stays below a broker's limit
MAX_BYTES: Final = 1_000_000
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Count = Annotated[int, Meta(ge=0)]
Start = Annotated[int, Meta(ge=0, lt=END_OF_TIME)]
Names = Annotated[list[str], Meta(max_length=MAX_AREAS)]


class AreaSumPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One shard's sums of up to 500 areas; each area has an element in every list.

    `rewound`: how often the shard's time of the feed has gone back, as it was false.
    `false_from`: the start (Unix s) of the first bin that the shard closed before it was over.
    """

    feed: Annotated[str, Meta(min_length=1, max_length=64)]
    kind: Literal["gauge", "count", "distinct", "ratio", "presence"]
    bin: Annotated[int, Meta(ge=1)]
    areas: Name
    start: Start
    shard: Count
    piece: Count = 0
    pieces: Annotated[int, Meta(ge=1, le=100_000)] = 1
    weight: Count | None = None
    doubted: bool = False
    spoke: bool = False
    unread: bool | msgspec.UnsetType = msgspec.UNSET
    rewound: Annotated[int, Meta(ge=1)] | msgspec.UnsetType = msgspec.UNSET
    false_from: int | msgspec.UnsetType = msgspec.UNSET
    entities: Names = []
    countries: Annotated[list[str | None], Meta(max_length=MAX_AREAS)] = []
    facets: dict[str, Names] = {}
    ranks: Annotated[list[Annotated[int, Meta(ge=0, le=3)]], Meta(max_length=MAX_AREAS)] = []
    sums: dict[str, Annotated[list[Annotated[int, Meta(ge=0, lt=2**53)]], Meta(max_length=MAX_AREAS)]] = {}

    def __post_init__(self) -> None:
        lengths = {len(self.countries), len(self.ranks), *map(len, self.facets.values()), *map(len, self.sums.values())}
        if lengths != {len(self.entities)}:
            raise ValueError("the lists have different lengths")
        if self.piece >= self.pieces or self.start % self.bin:
            raise ValueError("`piece` is not below `pieces`, or `start` is no multiple of `bin`")

    @property
    def is_last(self) -> bool:
        """Whether this is the last part; parts arrive in order."""
        return self.piece == self.pieces - 1


_decoder: Final = msgspec.json.Decoder(AreaSumPart)


def encode(part: AreaSumPart) -> bytes:
    """Return the bytes of the message, the same for equal parts."""
    return orjson.dumps(msgspec.to_builtins(part))


def decode_partial(value: bytes | None) -> AreaSumPart:
    """Return the part in a message; msgspec.DecodeError when it is missing, invalid or too long."""
    if value is None or len(value) > MAX_BYTES:
        raise msgspec.DecodeError("nothing" if value is None else f"{len(value)} bytes, at most {MAX_BYTES}")
    try:
        return _decoder.decode(value)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(str(error)) from None
