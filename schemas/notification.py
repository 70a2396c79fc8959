"""What a generic webhook is told: a revision of an incident or outage in an envelope, or many of them as a digest."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
import orjson
from msgspec import Meta

from schemas.outage import Time

SCHEMA: Final = 1

Subject: TypeAlias = Literal["incident", "outage"]
#: What happened: told for the first time, changed in a way that matters, or over.
Action: TypeAlias = Literal["opened", "changed", "ended"]
Type: TypeAlias = Literal[
    "incident.opened", "incident.changed", "incident.ended", "outage.opened", "outage.changed", "outage.ended"
]
MessageId: TypeAlias = Annotated[str, Meta(pattern=r"^msg_[0-9a-f]{32}$")]


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One revision, told to one receiver, its fields in the order of the wire."""

    schema: Literal[1] = SCHEMA
    type: Type
    id: MessageId
    timestamp: Time
    receiver: str
    reason: str
    link: str | None = None
    data: dict[str, Any]


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """Many notifications in one message, in a storm; each keeps the id that it would have alone."""

    schema: Literal[1] = SCHEMA
    type: Literal["digest"] = "digest"
    id: MessageId
    timestamp: Time
    receiver: str
    reason: str
    data: list[Notification]


def encode(message: Notification | Digest) -> bytes:
    """The message's bytes, the same for equal messages."""
    return orjson.dumps(msgspec.to_builtins(message))


def message_id(receiver: str, subject: Subject, identity: str, revision: int) -> str:
    """The id of a notification: a function of who is told of which revision of what."""
    return _id([receiver, subject, identity, revision])


def digest_id(receiver: str, members: list[str]) -> str:
    """The id of a digest: a function of who is told and of its members' ids."""
    return _id([receiver, "digest", *members])


def _id(parts: list[str | int]) -> str:
    return f"msg_{hashlib.blake2b(orjson.dumps(parts), digest_size=16).hexdigest()}"
