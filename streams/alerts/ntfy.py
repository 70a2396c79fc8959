"""Messages to a topic of ntfy, published as JSON (https://docs.ntfy.sh/publish/#publish-as-json)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from schemas.notification import ENDS
from schemas.severity import SEVERITIES
from streams.alerts.chat import cut_to, fitted_lines, head_of, lines_of, utf8
from streams.alerts.delivery_types import MessageItem
from streams.alerts.endpoint import Endpoint
from streams.alerts.escaping import plain_text
from streams.alerts.message import HIDDEN, Context, Message
from streams.config.secret import Secret

MESSAGE, TITLE = 4096, 250  # bytes; a longer message would become an attached file
LOW, NORMAL, URGENT = 2, 3, 5


def ntfy_message(endpoint: Endpoint, items: Sequence[MessageItem], context: Context) -> Message:
    """Return one notice, or a digest of several."""
    content = _content(items, context)
    topic = endpoint.topic.reveal() if endpoint.topic else ""
    headers = {"Content-Type": Secret("application/json")}
    if endpoint.token is not None:
        headers["Authorization"] = Secret(f"Bearer {endpoint.token.reveal()}")
    body = orjson.dumps({"topic": topic, **content}).decode()
    return Message(endpoint.url, headers, Secret(body), orjson.dumps({"topic": HIDDEN, **content}).decode())


def _content(items: Sequence[MessageItem], context: Context) -> dict[str, Any]:
    content: dict[str, Any] = {
        "title": cut_to(plain_text(head_of(items)), TITLE, utf8),
        "message": fitted_lines(lines_of(items, context, plain_text), MESSAGE, utf8),
        "markdown": False,
        "priority": max(_priority(item) for item in items),
    }
    link = context.link_to(items[0].notice) if len(items) == 1 else None
    return content | {"click": link} if link else content


def _priority(item: MessageItem) -> int:
    """Return the priority: urgent when all is down, low when it is over or not confirmed."""
    if item.action in ENDS or item.notice.phase == "suspected":
        return LOW
    return min(URGENT, NORMAL + SEVERITIES[item.notice.severity].rank)
