"""Messages to an incoming webhook of Mattermost (https://developers.mattermost.com/integrate/webhooks/incoming/)."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from streams.alerts.chat import fitted_lines, head_of, lines_of, utf16
from streams.alerts.delivery_types import MessageItem
from streams.alerts.endpoint import Endpoint
from streams.alerts.escaping import mattermost_text
from streams.alerts.message import Context, Message
from streams.config.secret import Secret

TEXT = 16_383  # characters of a post


def mattermost_message(endpoint: Endpoint, items: Sequence[MessageItem], context: Context) -> Message:
    """Return one notice, or a digest of several, in Markdown in which every name is text."""
    head, *lines = [f"**{mattermost_text(head_of(items))}**", *lines_of(items, context, mattermost_text)]
    text = fitted_lines([head, *(f"- {line}" if len(items) > 1 else line for line in lines)], TEXT, utf16)
    body = orjson.dumps({"text": text}).decode()
    return Message(endpoint.url, {"Content-Type": Secret("application/json")}, Secret(body), body)
