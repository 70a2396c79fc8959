"""Which installation writes which topics: records in a topic `TOPIC.owner` beside each, and in `alerts.state`."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

SCHEMA: Final = 1
KEY: Final = b"installation/"


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """The workers of one `app_id`: the topics that only they write, and the feeds that they watch, each sorted."""

    schema: Literal[1] = SCHEMA
    app_id: str
    topics: list[str]
    feeds: list[str]


_decoder: Final = msgspec.json.Decoder(Installation)


def key(app_id: str) -> bytes:
    """Return the key of the message."""
    return KEY + app_id.encode()


def encode(installation: Installation) -> bytes:
    """Return the bytes of the message, the same for equal installations."""
    return msgspec.json.encode(installation)


def decode_installation(value: bytes) -> Installation:
    """Return the installation in a message. Raises msgspec.DecodeError when it is none."""
    try:
        return _decoder.decode(value)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(str(error)) from None
