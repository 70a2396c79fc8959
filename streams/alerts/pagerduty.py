"""Events for PagerDuty's Events API v2 (https://developer.pagerduty.com/docs/events-api-v2-overview)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from streams.alerts.delivery_types import Item, Job, Shared
from streams.alerts.endpoint import Endpoint
from streams.alerts.message import Context, Message, cut, summary
from streams.alerts.notice import Notice
from streams.config.secret import Secret

SUMMARY, KEY = 1024, 255  # characters
MORE = 100  # entries of a list in the details
SEVERITIES = {"total": "critical", "major": "error", "partial": "warning"}
LINE, LINKS = 300, 20  # characters of a notice in a digest, and links
HIDDEN = "***"
_RANK = ("critical", "error", "warning", "info")


def pagerduty(endpoint: Endpoint, job: Job, context: Context) -> Message:
    """Return the event of one notice, or of a digest."""
    made = event(job.items[0], context) if job.shared is None else digest(job.items, job.shared, context)
    key = endpoint.token.reveal() if endpoint.token else ""
    headers = {"Content-Type": Secret("application/json")}
    body = orjson.dumps({"routing_key": key, **made})
    return Message(endpoint.url, headers, Secret(body.decode()), orjson.dumps({"routing_key": HIDDEN, **made}).decode())


def event(item: Item, context: Context) -> dict[str, Any]:
    """Return the event without the key: it opens, updates or resolves what has the same `dedup_key`."""
    link = context.link_to(item.notice)
    made: dict[str, Any] = {
        "event_action": "resolve" if item.action == "ended" else "trigger",
        "dedup_key": dedup_key(item.notice),
        "client": "Ebbtide",
        "payload": _payload(item),
    }
    if link is not None:
        made |= {"client_url": link, "links": [{"href": link, "text": "Look"}]}
    return made


def digest(items: Sequence[Item], shared: Shared, context: Context) -> dict[str, Any]:
    """Return the event of many: it opens or updates an alert of all that goes on, and resolves it when nothing does."""
    over = [item.notice for item in items if item.action == "ended"]
    going_on = [*(item.notice for item in items if item.action != "ended"), *shared.others]
    its = sorted(going_on or over, key=lambda one: (_RANK.index(_severity(one)), one.started_at, one.id))
    made: dict[str, Any] = {
        "event_action": "trigger" if going_on else "resolve",
        "dedup_key": cut(shared.key, KEY),
        "client": "Ebbtide",
        "payload": {
            "summary": cut(f"{len(its)} {'at once' if going_on else 'are over'}: {its[0].headline}", SUMMARY),
            "source": _joined(country for one in its for country in one.countries) or "Ebbtide",
            "severity": _severity(its[0]),
            "timestamp": max(item.notice.updated_at for item in items),
            "component": _joined(feed for one in its for feed in one.feeds),
            "group": _joined(country for one in its for country in one.countries),
            "class": _joined(kind for one in its for kind in one.kinds),
            "custom_details": {"going_on": _lines(going_on), "over": _lines(over)},
        },
    }
    links = [{"href": context.link_to(one), "text": one.id} for one in its[:LINKS] if context.link is not None]
    return made | ({"client_url": links[0]["href"], "links": links} if links else {})


def _severity(its: Notice) -> str:
    return "info" if its.phase == "suspected" else SEVERITIES[its.severity]


def _joined(names: Iterable[str]) -> str:
    return cut(", ".join(sorted(set(names))), KEY)


def _lines(notices: Sequence[Notice]) -> dict[str, str]:
    return {one.id: cut(one.headline, LINE) for one in notices[:MORE]}


def dedup_key(notice: Notice) -> str:
    """Return what all events of an incident share: its id."""
    return cut(notice.id if notice.subject == "incident" else f"outage/{notice.id}", KEY)


def _payload(item: Item) -> dict[str, Any]:
    its = item.notice
    return {
        "summary": cut(summary(item), SUMMARY),
        "source": ", ".join(its.countries or its.feeds) or "Ebbtide",
        "severity": _severity(its),
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
