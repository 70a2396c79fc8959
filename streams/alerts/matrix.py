"""Messages to a room of Matrix (https://spec.matrix.org/latest/client-server-api/#sending-events-to-a-room)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import orjson

from schemas.notification import digest_id
from streams.alerts.chat import fitted_lines, head_of, lines_of, utf8
from streams.alerts.delivery_types import MessageItem
from streams.alerts.endpoint import Endpoint
from streams.alerts.escaping import plain_text
from streams.alerts.message import Context, Message
from streams.config.receivers import Matrix
from streams.config.secret import Secret

BODY = 32_768  # bytes; a whole event may have 65,536


def matrix_message(endpoint: Endpoint, items: Sequence[MessageItem], context: Context) -> Message:
    """Return one notice, or a digest of several, as text that mentions nobody.

    The transaction is the id of the notification, so a homeserver shows a repeated message once.
    """
    assert isinstance(endpoint.receiver, Matrix)
    identity = items[0].id if len(items) == 1 else digest_id(context.receiver, [item.id for item in items])
    path = f"/_matrix/client/v3/rooms/{quote(endpoint.receiver.room, safe='')}/send/m.room.message/{identity}"
    lines = [plain_text(head_of(items)), *lines_of(items, context, plain_text)]
    content = {"msgtype": "m.text", "body": fitted_lines(lines, BODY, utf8), "m.mentions": {}}
    headers = {"Content-Type": Secret("application/json")}
    if endpoint.token is not None:
        headers["Authorization"] = Secret(f"Bearer {endpoint.token.reveal()}")
    body = orjson.dumps(content).decode()
    return Message(Secret(endpoint.url.reveal().rstrip("/") + path), headers, Secret(body), body, method="PUT")
