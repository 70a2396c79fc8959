"""What templates see of a notification, and the examples that they are tried with."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from schemas.notification import Notification, Subject
from schemas.rejections import printable
from streams.alerts.notice import Notice, decode_notice

AT = "2019-12-25T05:00:00Z"
NAME = "a name with \" ' < > & { } \\ é"  # what a name may be: a body in which it is no text is refused
SHARED = (
    "subject", "headline", "state", "severity", "kinds", "countries", "regions", "asns", "services", "feeds",
    "started_at", "updated_at", "ended_at",
)  # fmt: skip
_COMMON = {
    "schema": 1, "revision": 1, "started_at": AT, "detected_at": AT, "updated_at": AT, "ended_at": None,
    "severity": "partial", "drops": [{"at": AT, "drop": 0.4}], "suppressed_by": None,
}  # fmt: skip
_INCIDENT = _COMMON | {
    "incident_id": "9b5c1d27a0e4f386", "state": "ongoing", "kinds": ["partial"], "affected_share": 0.3,
    "scope": {"countries": ["IR"], "regions": [f"IR-{NAME}"], "asns": [64496]}, "services": [NAME], "headline": NAME,
    "confirmed_at": AT, "spread": [], "feeds": ["reach"], "outage_ids": [], "merged_into": None, "absorbed": [],
    "confidence": {"for": ["reach"], "against": [], "silent": [], "evidence": 30.0},
}  # fmt: skip
_OUTAGE = _COMMON | {
    "outage_id": "4e423aff2ba6c822", "state": "open", "entity": "asn/64496", "country": "IR", "region": f"IR-{NAME}",
    "facets": {"service": NAME}, "feed": "reach", "signal": "active-probing", "started_between": [AT, AT],
    "value": 6, "expected": 10, "drop": 0.4, "max_drop": 0.4, "shape": "sudden", "evidence": 30.0, "incident_id": None,
    "explain": {"reason": NAME},
}  # fmt: skip


def values_of(notification: Notification, notice: Notice) -> dict[str, Any]:
    """Return the names that a template may use: fields of the notification, and what incidents and outages share."""
    shared = {name: getattr(notice, name) for name in SHARED}
    found = _visible({**shared, **msgspec.to_builtins(notification)})
    assert isinstance(found, dict)
    return found


def _visible(value: Any) -> Any:  # noqa: ANN401
    """Return a value in whose texts everything unprintable is escaped, so that no name has a line end."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list | tuple):
        return [_visible(inner) for inner in value]
    if isinstance(value, dict):
        return {printable(name): _visible(inner) for name, inner in value.items()}
    return value


def example(subject: Subject) -> dict[str, Any]:
    """Return the names of an incident or of an outage, with values."""
    notice = decode_notice(subject, orjson.dumps(_INCIDENT if subject == "incident" else _OUTAGE))
    made = Notification(
        type=f"{subject}.opened",  # type: ignore[arg-type]
        id="msg_" + "0" * 32,
        timestamp=AT,
        receiver="noc",
        reason="confirmed",
        data=notice.message,
    )
    return values_of(made, notice)
