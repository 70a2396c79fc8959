"""Messages to webhooks: a revision of an incident or outage in an envelope, or a digest of several."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
import orjson
from msgspec import Meta

from schemas.outage import Time

SCHEMA: Final = 1

Subject: TypeAlias = Literal["incident", "outage"]
#: `opened`: the first notification. `changed`: a change worth a message. `ended`: over. `suppressed`: explained
#: while it goes on.
Action: TypeAlias = Literal["opened", "changed", "ended", "suppressed"]
#: The actions after which nobody needs to act any more.
ENDS: Final[tuple[Action, ...]] = ("ended", "suppressed")
Type: TypeAlias = Literal[
    "incident.opened", "incident.changed", "incident.ended", "incident.suppressed",
    "outage.opened", "outage.changed", "outage.ended", "outage.suppressed",
]  # fmt: skip
MessageId: TypeAlias = Annotated[str, Meta(pattern=r"^msg_[0-9a-f]{32}$")]


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One revision for one receiver. Fields are in the order of the JSON."""

    schema: Literal[1] = SCHEMA
    type: Type
    id: MessageId
    timestamp: Time
    receiver: str
    reason: str
    link: str | None = None
    data: dict[str, Any]


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """Several notifications in one message. Each keeps the id that it has alone."""

    schema: Literal[1] = SCHEMA
    type: Literal["digest"] = "digest"
    id: MessageId
    timestamp: Time
    receiver: str
    reason: str
    data: list[Notification]


def encode(message: Notification | Digest) -> bytes:
    """Return the bytes of a message, the same for equal messages."""
    return orjson.dumps(msgspec.to_builtins(message))


def message_id(receiver: str, subject: Subject, identity: str, revision: int) -> str:
    """Return the id of a notification: a function of receiver, incident or outage, and revision."""
    return _id([receiver, subject, identity, revision])


def digest_id(receiver: str, members: list[str]) -> str:
    """Return the id of a digest: a function of the receiver and of the ids of its members."""
    return _id([receiver, "digest", *members])


def _id(parts: list[str | int]) -> str:
    return f"msg_{hashlib.blake2b(orjson.dumps(parts), digest_size=16).hexdigest()}"
