"""What a receiver got of an incident or outage: the messages of the compacted topic `alerts.state`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
import orjson
from msgspec import Meta

from schemas.notification import Subject
from schemas.outage import Time

SCHEMA: Final = 1
#: `attempted`: the opening may have arrived. As with `open`, the receiver must still get the end.
Status: TypeAlias = Literal["attempted", "open", "none"]


class AlertState(msgspec.Struct, frozen=True, kw_only=True):
    """The newest settled revision of an incident or outage for one receiver, and whether it is open there.

    `last_notice` (`told` in JSON): the message that the receiver has, while it is open. `digest`: the key of its
    PagerDuty digest. `offset`: of the revision in its topic. `written_at`: wall time of this state, in whole seconds.
    """

    schema: Literal[1] = SCHEMA
    receiver: str
    subject: Subject
    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    partition: Annotated[int, Meta(ge=0)]
    revision: Annotated[int, Meta(ge=0)]
    status: Status
    last_notice: dict[str, Any] | None = msgspec.field(name="told", default=None)
    digest: str | None = None
    offset: Annotated[int, Meta(ge=0)] | None = None
    written_at: Time | None = None


_decoder: Final = msgspec.json.Decoder(AlertState)


def key(state: AlertState) -> bytes:
    """Return the key of the message."""
    return f"{state.receiver}/{state.subject}/{state.id}".encode()


def encode(state: AlertState) -> bytes:
    """Return the bytes of the message, the same for equal states."""
    return orjson.dumps(msgspec.to_builtins(state))


def decode_state(value: bytes) -> AlertState:
    """Return the state in a message. Raises msgspec.DecodeError when it is none."""
    try:
        return _decoder.decode(value)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(str(error)) from None
