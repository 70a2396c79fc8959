"""Events for PagerDuty's Events API v2 (https://developer.pagerduty.com/docs/events-api-v2-overview)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from streams.alerts.delivery import Item
from streams.alerts.endpoint import Endpoint
from streams.alerts.message import Context, Message, cut, summary
from streams.alerts.notice import Notice
from streams.secret import Secret

SUMMARY, KEY = 1024, 255  # characters
MORE = 100  # entries of a list in the details
SEVERITIES = {"total": "critical", "major": "error", "partial": "warning"}
HIDDEN = "***"


def pagerduty(endpoint: Endpoint, items: Sequence[Item], context: Context) -> Message:
    """Return the event of one notice: PagerDuty takes one at a time."""
    (item,) = items
    made = event(item, context)
    key = endpoint.token.reveal() if endpoint.token else ""
    headers = {"Content-Type": Secret("application/json")}
    body = orjson.dumps({"routing_key": key, **made})
    return Message(endpoint.url, headers, Secret(body.decode()), orjson.dumps({"routing_key": HIDDEN, **made}).decode())


def event(item: Item, context: Context) -> dict[str, Any]:
    """Return the event without the key: it opens, updates or resolves what has the same `dedup_key`."""
    link = context.link_to(item)
    made: dict[str, Any] = {
        "event_action": "resolve" if item.action == "ended" else "trigger",
        "dedup_key": dedup_key(item.notice),
        "client": "Ebbtide",
        "payload": _payload(item),
    }
    if link is not None:
        made |= {"client_url": link, "links": [{"href": link, "text": "Look"}]}
    return made


def dedup_key(notice: Notice) -> str:
    """Return what all events of an incident share: its id."""
    return cut(notice.id if notice.subject == "incident" else f"outage/{notice.id}", KEY)


def _payload(item: Item) -> dict[str, Any]:
    its = item.notice
    doubt = its.phase == "suspected"
    return {
        "summary": cut(summary(item), SUMMARY),
        "source": ", ".join(its.countries or its.feeds) or "Ebbtide",
        "severity": "info" if doubt else SEVERITIES[its.severity],
        "timestamp": its.updated_at,
        "component": cut(", ".join(its.feeds), KEY),
        "group": cut(", ".join(its.countries), KEY),
        "class": cut(", ".join(its.kinds), KEY),
        "custom_details": {"why_now": item.reason, **details(its)},
    }


def details(notice: Notice) -> dict[str, Any]:
    """Return the message with its lists cut: an event may have 512 kB."""
    return {name: value[:MORE] if isinstance(value, list) else value for name, value in _flat(notice.message)}


def _flat(message: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the fields with those of `scope` among them."""
    scope = message.get("scope")
    inner = list(scope.items()) if isinstance(scope, dict) else []
    return [(name, value) for name, value in message.items() if name != "scope"] + inner
