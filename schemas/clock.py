"""The clock message: a shard announces to every partition that a feed has reached a new bin."""

from __future__ import annotations

import math
from typing import Annotated, Final

import msgspec
import orjson
from msgspec import Meta

from schemas.times import END_OF_TIME


class Clock(msgspec.Struct, frozen=True):
    """The newest event time of a feed, in Unix seconds, and the partition of the measurement topic that had it."""

    feed: Annotated[str, Meta(min_length=1, max_length=64)]
    newest: Annotated[int, Meta(ge=0, lt=END_OF_TIME)] | Annotated[float, Meta(ge=0, lt=END_OF_TIME)]
    partition: Annotated[int, Meta(ge=0)]


MAX_BYTES: Final = 4096
_decoder: Final = msgspec.json.Decoder(Clock)


def encode(clock: Clock) -> bytes:
    """Return the bytes of the message, the same for equal clocks; ValueError for a time that is not finite."""
    if not math.isfinite(clock.newest):
        raise ValueError(f"not a time: {clock.newest}")
    return orjson.dumps(msgspec.to_builtins(clock))


def decode_clock(value: bytes) -> Clock:
    """Return the clock in a message; msgspec.DecodeError when it is invalid or too long."""
    if len(value) > MAX_BYTES:
        raise msgspec.DecodeError(f"{len(value)} bytes, at most {MAX_BYTES}")
    try:
        return _decoder.decode(value)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(str(error)) from None
