"""Messages of a bot to a chat of Telegram (https://core.telegram.org/bots/api#sendmessage)."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from schemas.notification import ENDS
from streams.alerts.chat import fitted_lines, head_of, lines_of, utf16
from streams.alerts.delivery_types import MessageItem
from streams.alerts.endpoint import Endpoint
from streams.alerts.escaping import plain_text
from streams.alerts.message import Context, Message
from streams.config.receivers import Telegram
from streams.config.secret import Secret

TEXT = 4096  # units of UTF-16


def telegram_message(endpoint: Endpoint, items: Sequence[MessageItem], context: Context) -> Message:
    """Return one notice, or a digest of several. It has no markup, and its link has no preview."""
    assert isinstance(endpoint.receiver, Telegram)
    lines = [plain_text(head_of(items)), *lines_of(items, context, plain_text)]
    content = {
        "chat_id": endpoint.receiver.chat,
        "text": fitted_lines(lines, TEXT, utf16),
        "link_preview_options": {"is_disabled": True},
        "disable_notification": all(item.action in ENDS for item in items),
    }
    token = endpoint.token.reveal() if endpoint.token else ""
    url = Secret(f"{endpoint.url.reveal().rstrip('/')}/bot{token}/sendMessage")
    body = orjson.dumps(content).decode()
    return Message(url, {"Content-Type": Secret("application/json")}, Secret(body), body)
