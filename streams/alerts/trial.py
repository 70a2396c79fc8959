"""A test outage for one receiver: opened, then ended, so that nothing stays open there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import orjson

from schemas.notification import message_id
from schemas.times import format_time
from streams.alerts.delivery_types import MessageItem
from streams.alerts.notice import Notice, decode_notice

ENTITY = "asn/64496"  # reserved for documentation (RFC 5398)
REASON = "this is a test: `ebbtide alerts test` was run by hand"


def trial_items(receiver: str, now: float) -> Iterator[MessageItem]:
    """Yield what a receiver gets: the opening of an outage at `now` (Unix seconds), and its end."""
    opened, ended = _notice(now, 1), _notice(now, 2)
    yield MessageItem(_id(receiver, opened), opened, "opened", REASON, None)
    yield MessageItem(_id(receiver, ended), ended, "ended", REASON, opened)


def _id(receiver: str, notice: Notice) -> str:
    return message_id(receiver, notice.subject, notice.id, notice.revision)


def _notice(now: float, revision: int) -> Notice:
    at, over = format_time(int(now)), revision > 1
    outage = {
        "schema": 1, "outage_id": hashlib.blake2b(at.encode(), digest_size=8).hexdigest(), "revision": revision,
        "state": "closed" if over else "open", "entity": ENTITY, "country": None, "region": None, "facets": {},
        "feed": "test", "signal": "test", "started_at": at, "started_between": [at, at], "detected_at": at,
        "updated_at": at, "ended_at": at if over else None, "value": 10 if over else 0, "expected": 10,
        "drop": 0.0 if over else 1.0, "max_drop": 1.0, "severity": "total", "shape": "sudden", "drops": [],
        "evidence": 100.0, "suppressed_by": None, "incident_id": None, "explain": {"reason": REASON},
    }  # fmt: skip
    return decode_notice("outage", orjson.dumps(outage))
