"""Alerts for the API v2 of Prometheus' Alertmanager (https://prometheus.io/docs/alerting/latest/alerts_api)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from streams.alerts.delivery_types import Item
from streams.alerts.endpoint import Endpoint
from streams.alerts.message import Context, Message
from streams.alerts.notice import Notice
from streams.config.alerts import Alertmanager
from streams.config.secret import Secret

PATH = "/api/v2/alerts"
SEVERITIES = {"total": "critical", "major": "critical", "partial": "warning"}
NAMES = {"incident": "EbbtideIncident", "outage": "EbbtideOutage"}


def alertmanager(endpoint: Endpoint, items: Sequence[Item], repeats: Sequence[Notice], context: Context) -> Message:
    """Return all that is new and all that goes on, as one list of alerts."""
    assert isinstance(endpoint.receiver, Alertmanager)
    static = endpoint.receiver.labels
    alerts = [alert for item in items for alert in _new(item, static, context)]
    alerts += [_alert(one, "goes on", static, context.link, None) for one in repeats]
    url, body = endpoint.url.reveal().rstrip("/"), orjson.dumps(alerts).decode()
    headers = {"Content-Type": Secret("application/json")}
    if endpoint.token is not None:
        headers["Authorization"] = Secret(f"Bearer {endpoint.token.reveal()}")
    return Message(Secret(url if url.endswith(PATH) else url + PATH), headers, Secret(body), body)


def _new(item: Item, static: dict[str, str], context: Context) -> list[dict[str, Any]]:
    """Return the alert of a notice; before it, as ended, the one whose labels it had, since labels say which it is."""
    its, ended = item.notice, _end(item.notice) if item.action == "ended" else None
    alert = _alert(its, item.reason, static, context.link, ended)
    if item.told is None or labels(item.told) == labels(its):
        return [alert]
    old = alert | {"labels": labels(item.told) | static, "endsAt": _end(its)}
    return [old] if item.action == "ended" else [old, alert]


def _alert(its: Notice, reason: str, static: dict[str, str], link: str | None, ended: str | None) -> dict[str, Any]:
    alert: dict[str, Any] = {
        "labels": labels(its) | static,
        "annotations": {
            "summary": its.headline,
            "description": f"{its.subject} {its.id}: {its.state}, {reason}",
        },
        "startsAt": its.started_at,
    }
    if link is not None:
        alert["generatorURL"] = link.replace("{id}", its.id)
    return alert if ended is None else alert | {"endsAt": ended}


def _end(its: Notice) -> str:
    """Return when it ended: as it says, or, where that is unknown, the time of the revision that says so."""
    return max(its.ended_at or its.updated_at, its.started_at)


def labels(its: Notice) -> dict[str, str]:
    """Return what routes and groups the alert; none is empty."""
    found = {
        "alertname": NAMES[its.subject],
        f"{its.subject}_id": its.id,
        "severity": "info" if its.phase == "suspected" else SEVERITIES[its.severity],
        "extent": its.severity,
        "country": ",".join(its.countries),
        "kind": ",".join(its.kinds),
    }
    return {name: text for name, text in found.items() if text}
