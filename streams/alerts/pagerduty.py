"""Events for the Events API v2 of PagerDuty (https://developer.pagerduty.com/docs/events-api-v2-overview)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from schemas.notification import ENDS
from schemas.severity import SEVERITIES, SUSPECTED_SEVERITY
from streams.alerts.delivery_types import Job, MessageItem, SharedDigest
from streams.alerts.endpoint import Endpoint
from streams.alerts.escaping import pagerduty_details, pagerduty_text
from streams.alerts.message import HIDDEN, Context, Message, cut, summary
from streams.alerts.notice import Notice
from streams.config.secret import Secret

SUMMARY, KEY = 1024, 255  # characters
MAX_ENTRIES = 100  # of a list in the details
LINE, LINKS = 300, 20  # characters of a notice in a digest, and links


def pagerduty_message(endpoint: Endpoint, job: Job, context: Context) -> Message:
    """Return the event of one notice, or of a digest."""
    digest = job.shared_digest
    content = event(job.items[0], context) if digest is None else digest_event(job.items, digest, context)
    key = endpoint.token.reveal() if endpoint.token else ""
    headers = {"Content-Type": Secret("application/json")}
    body = orjson.dumps({"routing_key": key, **content}).decode()
    shown = orjson.dumps({"routing_key": HIDDEN, **content}).decode()
    return Message(endpoint.url, headers, Secret(body), shown)


def event(item: MessageItem, context: Context) -> dict[str, Any]:
    """Return an event, without the routing key. It opens, updates or resolves the alert of its `dedup_key`."""
    link = context.link_to(item.notice)
    content: dict[str, Any] = {
        "event_action": "resolve" if item.action in ENDS else "trigger",
        "dedup_key": dedup_key(item.notice),
        "client": "Ebbtide",
        "payload": _payload(item),
    }
    if link is not None:
        content |= {"client_url": link, "links": [{"href": link, "text": "Look"}]}
    return content


def digest_event(items: Sequence[MessageItem], digest: SharedDigest, context: Context) -> dict[str, Any]:
    """Return the event of a digest: it opens or updates the alert, and resolves it when nothing in it is open."""
    over = [item.notice for item in items if item.action in ENDS]
    is_open = [*(item.notice for item in items if item.action not in ENDS), *digest.others]
    notices = sorted(is_open or over, key=_worst_first)
    countries = _joined(country for notice in notices for country in notice.countries)
    count = f"{len(notices)} {'at once' if is_open else 'are over'}"
    content: dict[str, Any] = {
        "event_action": "trigger" if is_open else "resolve",
        "dedup_key": cut(digest.key, KEY),
        "client": "Ebbtide",
        "payload": {
            "summary": pagerduty_text(f"{count}: {notices[0].headline}", SUMMARY),
            "source": countries or "Ebbtide",
            "severity": _severity(notices[0]),
            "timestamp": max(item.notice.updated_at for item in items),
            "component": _joined(feed for notice in notices for feed in notice.feeds),
            "group": countries,
            "class": _joined(kind for notice in notices for kind in notice.kinds),
            "custom_details": {"going_on": _lines(is_open), "over": _lines(over)},
        },
    }
    if context.link is not None:
        links = [{"href": context.link_to(notice), "text": notice.id} for notice in notices[:LINKS]]
        content |= {"client_url": links[0]["href"], "links": links}
    return content


def _worst_first(notice: Notice) -> tuple[int, str, str]:
    rank = -1 if notice.phase == "suspected" else SEVERITIES[notice.severity].rank
    return -rank, notice.started_at, notice.id


def _severity(notice: Notice) -> str:
    return SUSPECTED_SEVERITY if notice.phase == "suspected" else SEVERITIES[notice.severity].pagerduty


def _joined(names: Iterable[str]) -> str:
    return pagerduty_text(", ".join(sorted(set(names))), KEY)


def _lines(notices: Sequence[Notice]) -> dict[str, str]:
    return {notice.id: pagerduty_text(notice.headline, LINE) for notice in notices[:MAX_ENTRIES]}


def dedup_key(notice: Notice) -> str:
    """Return the key that all events of an incident or outage share."""
    return cut(notice.id if notice.subject == "incident" else f"outage/{notice.id}", KEY)


def _payload(item: MessageItem) -> dict[str, Any]:
    notice = item.notice
    return {
        "summary": pagerduty_text(summary(item), SUMMARY),
        "source": pagerduty_text(", ".join(notice.countries or notice.feeds), KEY) or "Ebbtide",
        "severity": _severity(notice),
        "timestamp": notice.updated_at,
        "component": pagerduty_text(", ".join(notice.feeds), KEY),
        "group": pagerduty_text(", ".join(notice.countries), KEY),
        "class": pagerduty_text(", ".join(notice.kinds), KEY),
        "custom_details": {"why_now": item.reason, **details(notice)},
    }


def details(notice: Notice) -> dict[str, Any]:
    """Return the message with its lists cut, since an event may have 512 kB."""
    fields = [
        (name, value[:MAX_ENTRIES] if isinstance(value, list) else value) for name, value in _flat(notice.message)
    ]
    return {pagerduty_text(name, KEY): pagerduty_details(value) for name, value in fields}


def _flat(message: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the fields of a message, and at the end those of its `scope`."""
    scope = message.get("scope")
    inner = list(scope.items()) if isinstance(scope, dict) else []
    return [(name, value) for name, value in message.items() if name != "scope"] + inner
