"""Messages to Slack as Block Kit, within its limits (https://docs.slack.dev/reference/block-kit/blocks)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from streams.alerts.delivery_types import MessageItem
from streams.alerts.endpoint import Endpoint
from streams.alerts.escaping import slack_text
from streams.alerts.message import Context, Message, summary
from streams.config.secret import Secret

HEADER, SECTION, TEXT, URL, FIELD = 150, 3000, 4000, 3000, 1900  # characters
LINE = 280  # characters of a notice in a digest
SIGNS = {"opened": "🔴", "changed": "🟠", "ended": "🟢"}
_AS_IT_IS = {"mrkdwn": False, "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
MAX_NAMES = 20  # networks or regions in a field


def slack_message(endpoint: Endpoint, items: Sequence[MessageItem], context: Context) -> Message:
    """Return one notice, or a digest of several, as blocks. Clients that show no blocks show `text`."""
    content = single(items[0], context) if len(items) == 1 else digest(items)
    body = orjson.dumps(content)
    headers = {"Content-Type": Secret("application/json")}
    return Message(endpoint.url, headers, Secret(body.decode()), body.decode())


def single(item: MessageItem, context: Context) -> dict[str, Any]:
    """Return the message of one notice."""
    notice, title = item.notice, f"{SIGNS[item.action]} {_title(item)}"
    blocks = [_header(title), _section(slack_text(summary(item), SECTION))]
    blocks.append({"type": "section", "fields": [_plain(text) for text in _fields(item)]})
    link = context.link_to(notice)
    if link is not None and len(link) <= URL:
        button = {"type": "button", "text": _plain("Look"), "url": link}
        blocks.append({"type": "actions", "elements": [button]})
    origin = f"{notice.subject} {notice.id}, revision {notice.revision}, {notice.updated_at}"
    blocks.append({"type": "context", "elements": [_plain(slack_text(origin, LINE))]})
    return {"text": slack_text(f"{title}: {summary(item)}", TEXT), **_AS_IT_IS, "blocks": blocks}


def digest(items: Sequence[MessageItem]) -> dict[str, Any]:
    """Return the message of several notices: a line each, packed into as few sections as possible."""
    title = f"{len(items)} notifications at once"
    lines = [f"{SIGNS[item.action]} {slack_text(summary(item), LINE)}" for item in items]
    blocks = [_header(title), *(_section(text) for text in _packed(lines))]
    return {"text": slack_text(f"{title}: {summary(items[0])}", TEXT), **_AS_IT_IS, "blocks": blocks}


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


def _title(item: MessageItem) -> str:
    notice = item.notice
    where = ", ".join(notice.countries) or ", ".join(notice.feeds)
    return f"{where}: {notice.severity}, {notice.state}" if item.action != "ended" else f"{where}: {notice.state}"


def _fields(item: MessageItem) -> list[str]:
    notice = item.notice
    fields = {
        "Since": notice.started_at,
        "Until": notice.ended_at or "",
        "Severity": notice.severity,
        "Kinds": ", ".join(notice.kinds),
        "Regions": _first(notice.regions),
        "Networks": _first([f"AS{asn}" for asn in notice.asns]),
        "Feeds": ", ".join(notice.feeds),
        "Why now": item.reason,
    }
    return [f"{name}: {slack_text(text, FIELD)}" for name, text in fields.items() if text]


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": _plain(slack_text(text, HEADER))}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text)}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
