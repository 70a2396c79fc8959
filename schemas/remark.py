"""What operators say of an incident: the messages of the compacted topic `remarks`.

Silence, acknowledgement and notes are of one topic, since all are a person's word on one incident, with who and why,
and everything that shows an incident shows all of them. Each has a key of its own, so that two people do not overwrite
each other; a tombstone takes it back.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from schemas.outage import Time
from schemas.times import parse_time

SCHEMA: Final = 1
MAX_TEXT: Final = 500
#: `silence`: no messages until a time. `ack`: a person is at it. `note`: a cause, or whatever a reader should have.
Kind: TypeAlias = Literal["silence", "ack", "note"]
Text: TypeAlias = Annotated[str, Meta(max_length=MAX_TEXT)]


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """A silence, an acknowledgement or a note. `until`: of a silence. `link`: of a note."""

    schema: Literal[1] = SCHEMA
    incident_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    kind: Kind
    by: Annotated[str, Meta(min_length=1, max_length=64)]
    text: Text = ""
    written_at: Time
    until: Time | None = None
    link: Annotated[str, Meta(pattern=r"^https?://[!-~]+$", max_length=2000)] | None = None


_decoder: Final = msgspec.json.Decoder(Remark)


def key(remark: Remark) -> bytes:
    """Return the key of the message: an incident has one silence and one acknowledgement, and any number of notes."""
    head = f"{remark.incident_id}/{remark.kind}"
    if remark.kind != "note":
        return head.encode()
    content = msgspec.json.encode([remark.text, remark.link])
    return f"{head}/{hashlib.blake2b(content, digest_size=4).hexdigest()}".encode()


def encode(remark: Remark) -> bytes:
    """Return the bytes of the message, the same for equal remarks."""
    return msgspec.json.encode(remark)


def decode_remark(value: bytes) -> Remark:
    """Return the remark in a message. Raises msgspec.DecodeError when it is none."""
    try:
        found = _decoder.decode(value)
        for time in filter(None, (found.written_at, found.until)):
            parse_time(time)
    except (RecursionError, UnicodeDecodeError, ValueError) as error:
        raise msgspec.DecodeError(str(error)) from None
    if (found.until is None) == (found.kind == "silence"):
        raise msgspec.DecodeError("a silence has `until`, and nothing else does")
    return found
