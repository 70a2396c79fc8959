"""Messages to Slack in its Block Kit, within its limits (https://docs.slack.dev/reference/block-kit/blocks)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from streams.alerts.delivery_types import Item
from streams.alerts.endpoint import Endpoint
from streams.alerts.message import Context, Message, summary
from streams.config.secret import Secret

HEADER, SECTION, TEXT, URL, FIELD = 150, 3000, 4000, 3000, 1900  # characters
LINE = 280  # characters of a notice in a digest
SIGNS = {"opened": "🔴", "changed": "🟠", "ended": "🟢"}
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@\u200b"}
MORE = 20  # networks or regions that are named


def slack(endpoint: Endpoint, items: Sequence[Item], context: Context) -> Message:
    """Return one notice, or a digest of many, as blocks; `text` is for where blocks are not shown."""
    made = one(items[0], context) if len(items) == 1 else digest(items)
    body = orjson.dumps(made)
    headers = {"Content-Type": Secret("application/json")}
    return Message(endpoint.url, headers, Secret(body.decode()), body.decode())


def one(item: Item, context: Context) -> dict[str, Any]:
    """Return a notice on its own."""
    its, title = item.notice, f"{SIGNS[item.action]} {_title(item)}"
    blocks = [_header(title), _section(escaped(summary(item), SECTION))]
    blocks.append({"type": "section", "fields": [_text(text) for text in _fields(item)]})
    link = context.link_to(item.notice)
    if link is not None and len(link) <= URL:
        button = {"type": "button", "text": _plain("Look"), "url": link}
        blocks.append({"type": "actions", "elements": [button]})
    origin = f"{its.subject} {its.id}, revision {its.revision}, {its.updated_at}"
    blocks.append({"type": "context", "elements": [_text(escaped(origin, LINE))]})
    return {"text": escaped(f"{title}: {summary(item)}", TEXT), "blocks": blocks}


def digest(items: Sequence[Item]) -> dict[str, Any]:
    """Return many notices as a list of lines, as many in a section as it bears."""
    title = f"{len(items)} notifications at once"
    lines = [f"{SIGNS[item.action]} {escaped(summary(item), LINE)}" for item in items]
    blocks = [_header(title), *(_section(text) for text in _packed(lines))]
    return {"text": escaped(f"{title}: {summary(items[0])}", TEXT), "blocks": blocks}


def escaped(text: str, length: int) -> str:
    """Return a text that Slack shows as it is, no links, nobody mentioned, cut to a length between characters.

    >>> escaped("<!channel> & all", 100)
    '&lt;!channel&gt; &amp; all'
    """
    whole = [_ESCAPES.get(character, character) for character in text]
    if sum(map(len, whole)) <= length:
        return "".join(whole)
    room, kept = length - 1, []
    for part in whole:
        room -= len(part)
        if room < 0:
            break
        kept.append(part)
    return "".join(kept) + "…"


def _packed(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines in as few texts as hold them."""
    text = ""
    for line in lines:
        if text and len(text) + 1 + len(line) > SECTION:
            yield text
            text = ""
        text = f"{text}\n{line}" if text else line
    if text:
        yield text


def _title(item: Item) -> str:
    its = item.notice
    where = ", ".join(its.countries) or ", ".join(its.feeds)
    return f"{where}: {its.severity}, {its.state}" if item.action != "ended" else f"{where}: {its.state}"


def _fields(item: Item) -> list[str]:
    its = item.notice
    fields = {
        "Since": its.started_at,
        "Until": its.ended_at or "",
        "Severity": its.severity,
        "Kinds": ", ".join(its.kinds),
        "Regions": _some(its.regions),
        "Networks": _some([f"AS{asn}" for asn in its.asns]),
        "Feeds": ", ".join(its.feeds),
        "Why now": item.reason,
    }
    return [f"*{name}*\n{escaped(text, FIELD)}" for name, text in fields.items() if text]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MORE} more" if len(names) > MORE else ""
    return ", ".join(names[:MORE]) + more


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": _plain(escaped(text, HEADER))}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
