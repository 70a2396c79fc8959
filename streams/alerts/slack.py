"""Messages to Slack as Block Kit, within its limits (https://docs.slack.dev/reference/block-kit/blocks)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from streams.alerts.delivery_types import MessageItem
from streams.alerts.endpoint import Endpoint
from streams.alerts.escaping import slack_text
from streams.alerts.message import SIGNS, Context, Message, digest_title, fields, summary, title
from streams.config.secret import Secret

HEADER, SECTION, TEXT, URL, FIELD = 150, 3000, 4000, 3000, 1900  # characters
LINE = 280  # characters of a notice in a digest
_AS_IT_IS = {"mrkdwn": False, "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}


def slack_message(endpoint: Endpoint, items: Sequence[MessageItem], context: Context) -> Message:
    """Return one notice, or a digest of several, as blocks. Clients that show no blocks show `text`."""
    content = single(items[0], context) if len(items) == 1 else digest(items)
    body = orjson.dumps(content)
    headers = {"Content-Type": Secret("application/json")}
    return Message(endpoint.url, headers, Secret(body.decode()), body.decode())


def single(item: MessageItem, context: Context) -> dict[str, Any]:
    """Return the message of one notice."""
    notice, head = item.notice, f"{SIGNS[item.action]} {title(item)}"
    blocks = [_header(head), _section(slack_text(summary(item), SECTION))]
    blocks.append(
        {
            "type": "section",
            "fields": [_plain(f"{name}: {slack_text(text, FIELD)}") for name, text in fields(item).items()],
        }
    )
    link = context.link_to(notice)
    if link is not None and len(link) <= URL:
        button = {"type": "button", "text": _plain("Look"), "url": link}
        blocks.append({"type": "actions", "elements": [button]})
    origin = f"{notice.subject} {notice.id}, revision {notice.revision}, {notice.updated_at}"
    blocks.append({"type": "context", "elements": [_plain(slack_text(origin, LINE))]})
    return {"text": slack_text(f"{head}: {summary(item)}", TEXT), **_AS_IT_IS, "blocks": blocks}


def digest(items: Sequence[MessageItem]) -> dict[str, Any]:
    """Return the message of several notices: a line each, packed into as few sections as possible."""
    head = digest_title(items)
    lines = [f"{SIGNS[item.action]} {slack_text(summary(item), LINE)}" for item in items]
    blocks = [_header(head), *(_section(text) for text in _packed(lines))]
    return {"text": slack_text(f"{head}: {summary(items[0])}", TEXT), **_AS_IT_IS, "blocks": blocks}


def _packed(lines: Sequence[str]) -> Iterator[str]:
    """Yield texts of whole lines, each within the limit of a section."""
    text = ""
    for line in lines:
        if text and len(text) + 1 + len(line) > SECTION:
            yield text
            text = ""
        text = f"{text}\n{line}" if text else line
    if text:
        yield text


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": _plain(slack_text(text, HEADER))}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text)}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
