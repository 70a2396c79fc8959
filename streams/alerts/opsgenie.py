"""Requests to the Alert API of Opsgenie (https://docs.opsgenie.com/docs/alert-api)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import orjson

from schemas.notification import ENDS
from schemas.severity import SEVERITIES, SUSPECTED_SEVERITY
from streams.alerts.chat import fitted_lines, lines_of
from streams.alerts.delivery_types import Job, MessageItem
from streams.alerts.endpoint import Endpoint
from streams.alerts.escaping import opsgenie_text
from streams.alerts.message import Context, Message, cut
from streams.alerts.notice import Notice
from streams.config.secret import Secret

MESSAGE, DESCRIPTION, ALIAS, TAG, TAGS, NAME = 130, 15_000, 512, 50, 20, 512  # characters, and tags of an alert
PRIORITIES = {SUSPECTED_SEVERITY: "P5", "partial": "P3", "major": "P2", "total": "P1"}
SOURCE = "Ebbtide"


def opsgenie_message(endpoint: Endpoint, job: Job, context: Context) -> Message:
    """Return the request that opens or closes an alert.

    An alert that is open ignores what is sent again, but for a note; so its priority follows in a request of its own.
    """
    alias, is_open, worst = _alert(job)
    if not is_open:
        return _request(endpoint, f"/{quote(alias, safe='')}/close?identifierType=alias", _end(job.items))
    created = _request(endpoint, "", {"alias": alias, **_alert_of(job, is_open, worst, context)})
    if all(item.action == "opened" for item in job.items):
        return created
    path = f"/{quote(alias, safe='')}/priority?identifierType=alias"
    return created._replace(then=_request(endpoint, path, {"priority": _priority(worst)}, "PUT"))


def _alert(job: Job) -> tuple[str, list[Notice], Notice]:
    """Return the alias of the alert, the notices in it that are open, and the worst of them, or of all."""
    is_open = [item.notice for item in job.items if item.action not in ENDS]
    shared = job.shared_digest
    is_open += shared.others if shared else []
    first = job.items[0].notice
    alias = shared.key if shared else first.id if first.subject == "incident" else f"outage/{first.id}"
    return cut(alias, ALIAS), is_open, max(is_open or [first], key=_rank)


def _alert_of(job: Job, is_open: Sequence[Notice], worst: Notice, context: Context) -> dict[str, Any]:
    count = f"{len(is_open)} at once: " if job.shared_digest else ""
    lines = lines_of(job.items, context, lambda text: opsgenie_text(text, DESCRIPTION))
    return {
        "message": opsgenie_text(count + worst.headline, MESSAGE),
        "description": fitted_lines(lines, DESCRIPTION),
        "note": fitted_lines(lines, DESCRIPTION),
        "priority": _priority(worst),
        "source": SOURCE,
        "entity": opsgenie_text(", ".join(worst.countries or worst.feeds), NAME),
        "tags": [opsgenie_text(tag, TAG) for tag in (*worst.countries, *worst.kinds)][:TAGS],
        "details": {"id": worst.id, "started_at": worst.started_at, "state": worst.state},
    }


def _end(items: Sequence[MessageItem]) -> dict[str, Any]:
    return {"source": SOURCE, "note": opsgenie_text("; ".join(item.reason for item in items), DESCRIPTION)}


def _rank(notice: Notice) -> int:
    return -1 if notice.phase == "suspected" else SEVERITIES[notice.severity].rank


def _priority(notice: Notice) -> str:
    return PRIORITIES[SUSPECTED_SEVERITY if notice.phase == "suspected" else notice.severity]


def _request(endpoint: Endpoint, path: str, content: dict[str, Any], method: Any = "POST") -> Message:  # noqa: ANN401
    key = endpoint.token.reveal() if endpoint.token else ""
    headers = {"Content-Type": Secret("application/json"), "Authorization": Secret(f"GenieKey {key}")}
    body = orjson.dumps(content).decode()
    url = Secret(f"{endpoint.url.reveal().rstrip('/')}/v2/alerts{path}")
    return Message(url, headers, Secret(body), body, method=method)
