"""Headers of a dead letter: the reason and the place of the original message. The value is its bytes, unchanged."""

from __future__ import annotations

from schemas.cloudevents import Headers
from schemas.rejections import AlertReason, Reason


def headers(reason: Reason, detail: str, topic: str, partition: int, offset: int) -> Headers:
    """Return the headers of a dead letter, numbers as decimal text, UTF-8."""
    return _headers(reason=reason, detail=detail, topic=topic, partition=str(partition), offset=str(offset))


def alert_headers(reason: AlertReason, detail: str, receiver: str, topic: str, partition: int, offset: int) -> Headers:
    """Return the headers of a revision that did not reach a receiver; `receiver` is empty when it is no revision."""
    place = {"topic": topic, "partition": str(partition), "offset": str(offset)}
    return _headers(reason=reason, detail=detail, receiver=receiver, **place)


def _headers(**fields: str) -> Headers:
    return [(name, value.encode()) for name, value in fields.items()]
