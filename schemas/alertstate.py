"""What a receiver has been told of an incident or outage, as in the compacted topic `alerts.state`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
import orjson
from msgspec import Meta

from schemas.notification import Subject
from schemas.outage import Time

SCHEMA: Final = 1
#: `attempted`: a first message may have arrived, nobody knows; like `open`, its end is still to be told.
Status: TypeAlias = Literal["attempted", "open", "none"]


class AlertState(msgspec.Struct, frozen=True, kw_only=True):
    """The newest settled revision for one receiver, and what it holds to be going on.

    `digest`: names what it was told of in, where that ends as a whole (PagerDuty). `offset`: of that revision in its
    topic. `written_at`: wall time of this state, in whole seconds.
    """

    schema: Literal[1] = SCHEMA
    receiver: str
    subject: Subject
    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    partition: Annotated[int, Meta(ge=0)]
    revision: Annotated[int, Meta(ge=0)]
    status: Status
    told: dict[str, Any] | None = None
    digest: str | None = None
    offset: Annotated[int, Meta(ge=0)] | None = None
    written_at: Time | None = None


_decoder: Final = msgspec.json.Decoder(AlertState)


def key(state: AlertState) -> bytes:
    """The message's key."""
    return f"{state.receiver}/{state.subject}/{state.id}".encode()


def encode(state: AlertState) -> bytes:
    """The message's bytes, the same for equal states."""
    return orjson.dumps(msgspec.to_builtins(state))


def decode_state(value: bytes) -> AlertState:
    """The state in a message; msgspec.DecodeError when it is none."""
    try:
        return _decoder.decode(value)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(str(error)) from None
