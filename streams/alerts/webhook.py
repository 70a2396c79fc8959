"""Messages to a webhook, signed as in Standard Webhooks (https://www.standardwebhooks.com) where there are keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

from schemas.notification import Digest, Notification, digest_id, encode
from schemas.rejections import json_line
from streams.alerts.delivery_types import MessageItem
from streams.alerts.endpoint import Endpoint, key_bytes
from streams.alerts.message import Context, Message
from streams.alerts.template_example import values_of
from streams.alerts.templates import JSON, demand_json, rendered_body, rendered_headers
from streams.config.secret import Secret


def webhook_message(endpoint: Endpoint, items: Sequence[MessageItem], context: Context) -> Message:
    """Return a notification, or a digest of several. A repeated message has the same body at any time.

    Raises TemplateFaultError.
    """
    notifications = [notification(item, context) for item in items]
    content = notifications[0] if len(items) == 1 else digest(notifications, context)
    templates, token = endpoint.templates, endpoint.token.reveal() if endpoint.token else ""
    values = values_of(notifications[0], items[0].notice)
    own = {} if templates is None else rendered_headers(templates.headers, {**values, "token": token})
    body = json_line(encode(content)).decode()
    if templates is not None and templates.body is not None:
        body = rendered_body(templates.body, values)
        demand_json(body, own)
    headers = {"Content-Type": Secret(JSON), **signed(content.id, int(context.now), body.encode(), endpoint.keys)}
    if token and not (templates and templates.uses_token):
        headers["Authorization"] = Secret(f"Bearer {token}")
    return Message(endpoint.url, _merged(headers, own), Secret(body), body)


def _merged(headers: dict[str, Secret], own: dict[str, Secret]) -> dict[str, Secret]:
    """Return headers, in which the operator's replace those of the same name in any case."""
    names = {name.lower() for name in own}
    return {**{name: value for name, value in headers.items() if name.lower() not in names}, **own}


def notification(item: MessageItem, context: Context) -> Notification:
    """Return the notification of one notice."""
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
    """Return the digest of several notifications."""
    return Digest(
        id=digest_id(context.receiver, [member.id for member in notifications]),
        timestamp=max(member.timestamp for member in notifications),
        receiver=context.receiver,
        reason=f"{len(notifications)} notifications at once",
        data=list(notifications),
    )


def signed(identity: str, time: int, body: bytes, keys: Sequence[Secret]) -> dict[str, Secret]:
    """Return the headers of a message, with one signature a key, or none. `time` is in Unix seconds."""
    content = f"{identity}.{time}.".encode() + body
    signatures = [hmac.new(key_bytes(key), content, hashlib.sha256).digest() for key in keys]
    signature = " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in signatures)
    headers = {"webhook-id": Secret(identity), "webhook-timestamp": Secret(str(time))}
    return {**headers, "webhook-signature": Secret(signature)} if keys else headers
