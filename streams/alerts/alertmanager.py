"""Alerts for the API v2 of Prometheus Alertmanager (https://prometheus.io/docs/alerting/latest/alerts_api)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from schemas.notification import ENDS
from schemas.severity import SEVERITIES, SUSPECTED_SEVERITY
from streams.alerts.delivery_types import MessageItem
from streams.alerts.endpoint import Endpoint
from streams.alerts.escaping import alertmanager_text
from streams.alerts.message import Context, Message
from streams.alerts.notice import Notice
from streams.config.receivers import Alertmanager
from streams.config.secret import Secret

PATH = "/api/v2/alerts"
NAMES = {"incident": "EbbtideIncident", "outage": "EbbtideOutage"}


def alertmanager_message(
    endpoint: Endpoint, items: Sequence[MessageItem], repeats: Sequence[Notice], context: Context
) -> Message:
    """Return new alerts and repeated ones, as one list."""
    assert isinstance(endpoint.receiver, Alertmanager)
    static = endpoint.receiver.labels
    alerts = [alert for item in items for alert in _new(item, static, context)]
    alerts += [_alert(notice, "goes on", static, context.link, None) for notice in repeats]
    url, body = endpoint.url.reveal().rstrip("/"), orjson.dumps(alerts).decode()
    headers = {"Content-Type": Secret("application/json")}
    if endpoint.token is not None:
        headers["Authorization"] = Secret(f"Bearer {endpoint.token.reveal()}")
    return Message(Secret(url if url.endswith(PATH) else url + PATH), headers, Secret(body), body)


def _new(item: MessageItem, static: dict[str, str], context: Context) -> list[dict[str, Any]]:
    """Return the alert of a notice. If its labels changed, the alert with the old labels ends first."""
    notice, ended = item.notice, _end(item.notice) if item.action in ENDS else None
    alert = _alert(notice, item.reason, static, context.link, ended)
    if item.previous is None or labels(item.previous) == labels(notice):
        return [alert]
    old = alert | {"labels": labels(item.previous) | static, "endsAt": _end(notice)}
    return [old] if item.action in ENDS else [old, alert]


def _alert(notice: Notice, reason: str, static: dict[str, str], link: str | None, ended: str | None) -> dict[str, Any]:
    alert: dict[str, Any] = {
        "labels": labels(notice) | static,
        "annotations": {
            "summary": alertmanager_text(notice.headline),
            "description": alertmanager_text(f"{notice.subject} {notice.id}: {notice.state}, {reason}"),
        },
        "startsAt": notice.started_at,
    }
    if link is not None:
        alert["generatorURL"] = link.replace("{id}", notice.id)
    return alert if ended is None else alert | {"endsAt": ended}


def _end(notice: Notice) -> str:
    """Return the time of its end, or of this revision when the end is unknown; never before its start."""
    return max(notice.ended_at or notice.updated_at, notice.started_at)


def labels(notice: Notice) -> dict[str, str]:
    """Return the labels, which identify the alert. None is empty."""
    found = {
        "alertname": NAMES[notice.subject],
        f"{notice.subject}_id": notice.id,
        "severity": SUSPECTED_SEVERITY if notice.phase == "suspected" else SEVERITIES[notice.severity].alertmanager,
        "extent": notice.severity,
        "country": ",".join(notice.countries),
        "kind": ",".join(notice.kinds),
    }
    return {name: alertmanager_text(text) for name, text in found.items() if text}
