"""Messages to any program, signed as Standard Webhooks says (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

from schemas.notification import Digest, Notification, digest_id, encode
from streams.alerts.delivery_types import Item
from streams.alerts.endpoint import Endpoint, key_bytes
from streams.alerts.message import Context, Message
from streams.config.secret import Secret


def webhook(endpoint: Endpoint, items: Sequence[Item], context: Context) -> Message:
    """Return one notification, or a digest of many. A repeated one has the same body, whatever the time."""
    notifications = [notification(item, context) for item in items]
    content = notifications[0] if len(items) == 1 else digest(notifications, context)
    body = encode(content)
    headers = signed(content.id, int(context.now), body, endpoint.keys)
    return Message(endpoint.url, headers, Secret(body.decode()), body.decode())


def notification(item: Item, context: Context) -> Notification:
    """Return a notice in its envelope."""
    return Notification(
        type=f"{item.notice.subject}.{item.action}",  # type: ignore[arg-type]
        id=item.id,
        timestamp=item.notice.updated_at,
        receiver=context.receiver,
        reason=item.reason,
        link=context.link_to(item.notice),
        data=item.notice.message,
    )


def digest(notifications: Sequence[Notification], context: Context) -> Digest:
    """Return many notifications as one."""
    return Digest(
        id=digest_id(context.receiver, [one.id for one in notifications]),
        timestamp=max(one.timestamp for one in notifications),
        receiver=context.receiver,
        reason=f"{len(notifications)} notifications at once",
        data=list(notifications),
    )


def signed(identity: str, time: int, body: bytes, keys: Sequence[Secret]) -> dict[str, Secret]:
    """Return the headers of a message, with a signature by each key."""
    content = f"{identity}.{time}.".encode() + body
    signatures = [hmac.new(key_bytes(key), content, hashlib.sha256).digest() for key in keys]
    return {
        "Content-Type": Secret("application/json"),
        "webhook-id": Secret(identity),
        "webhook-timestamp": Secret(str(time)),
        "webhook-signature": Secret(" ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures)),
    }
