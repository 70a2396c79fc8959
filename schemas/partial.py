"""The partial message: one shard's part in the areas of a feed, of one combination and one bin, or a piece of it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
import orjson
from msgspec import Meta

from schemas.times import END_OF_TIME

MAX_AREAS: Final = 500  # of a piece: with the longest names and numbers it stays below what a broker takes
MAX_BYTES: Final = 1_000_000
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Count = Annotated[int, Meta(ge=0)]
Start = Annotated[int, Meta(ge=0, lt=END_OF_TIME)]
Some = Annotated[list[str], Meta(max_length=MAX_AREAS)]


class Piece(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A piece of a partial; each area has an element in every list; fields: `schemas.documents.descriptions`."""

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
    entities: Some = []
    countries: Annotated[list[str | None], Meta(max_length=MAX_AREAS)] = []
    facets: dict[str, Some] = {}
    ranks: Annotated[list[Annotated[int, Meta(ge=0, le=3)]], Meta(max_length=MAX_AREAS)] = []
    sums: dict[str, Annotated[list[Annotated[int, Meta(ge=0, lt=2**53)]], Meta(max_length=MAX_AREAS)]] = {}

    def __post_init__(self) -> None:
        lengths = {len(self.countries), len(self.ranks), *map(len, self.facets.values()), *map(len, self.sums.values())}
        if lengths != {len(self.entities)}:
            raise ValueError("lists of different lengths")
        if self.piece >= self.pieces or self.start % self.bin:
            raise ValueError("a piece beyond the last, or a start that is none")

    @property
    def is_last(self) -> bool:
        """Whether the partial is complete with this piece, as pieces come in order."""
        return self.piece == self.pieces - 1


_decoder: Final = msgspec.json.Decoder(Piece)


def encode(piece: Piece) -> bytes:
    """The message's bytes, the same for equal pieces."""
    return orjson.dumps(msgspec.to_builtins(piece))


def decode_partial(value: bytes | None) -> Piece:
    """The piece in a message; msgspec.DecodeError when it is none, or is longer than any."""
    if value is None or len(value) > MAX_BYTES:
        raise msgspec.DecodeError("nothing" if value is None else f"{len(value)} bytes, at most {MAX_BYTES}")
    try:
        return _decoder.decode(value)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(str(error)) from None
