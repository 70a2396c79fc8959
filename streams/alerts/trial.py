"""A test incident for one receiver: opened, then ended, so that nothing stays open there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import orjson

from schemas.notification import message_id
from schemas.times import format_time
from streams.alerts.delivery_types import MessageItem
from streams.alerts.notice import Notice, decode_notice

ASN = 64_496  # reserved for documentation (RFC 5398)
REASON = "this is a test: `ebbtide alerts test` was run by hand"


def trial_items(receiver: str, now: float) -> Iterator[MessageItem]:
    """Yield what a receiver gets: the opening of an incident at `now` (Unix seconds), and its end."""
    opened, ended = _notice(now, 1), _notice(now, 2)
    yield MessageItem(_id(receiver, opened), opened, "opened", REASON, None)
    yield MessageItem(_id(receiver, ended), ended, "ended", REASON, opened)


def _id(receiver: str, notice: Notice) -> str:
    return message_id(receiver, notice.subject, notice.id, notice.revision)


def _notice(now: float, revision: int) -> Notice:
    at, over = format_time(int(now)), revision > 1
    incident = {
        "schema": 1, "incident_id": hashlib.blake2b(at.encode(), digest_size=8).hexdigest(), "revision": revision,
        "state": "ended" if over else "ongoing", "scope": {"countries": [], "regions": [], "asns": [ASN]},
        "kinds": ["total"], "severity": "total", "affected_share": 1.0, "services": [],
        "headline": f"AS{ASN}, a network of nobody, {'was' if over else 'is'} down. This is a test.",
        "started_at": at, "detected_at": at, "confirmed_at": at, "updated_at": at, "ended_at": at if over else None,
        "drops": [], "spread": [], "feeds": ["test"], "outage_ids": [], "suppressed_by": None, "merged_into": None,
        "absorbed": [], "confidence": {"for": ["test"], "against": [], "silent": [], "evidence": 100.0},
    }  # fmt: skip
    return decode_notice("incident", orjson.dumps(incident))
