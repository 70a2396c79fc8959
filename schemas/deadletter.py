"""Headers of a dead letter: why it was rejected and where it came from; its value is the bytes as they came."""

from __future__ import annotations

from schemas.cloudevents import Headers
from schemas.rejections import AlertReason, Reason


def headers(reason: Reason, detail: str, topic: str, partition: int, offset: int) -> Headers:
    """The headers of one dead letter, numbers as decimal text, UTF-8."""
    return _headers(reason=reason, detail=detail, topic=topic, partition=str(partition), offset=str(offset))


def alert_headers(reason: AlertReason, detail: str, receiver: str, topic: str, partition: int, offset: int) -> Headers:
    """The headers of a revision that a receiver was not told of; without a receiver when it is no revision at all."""
    place = {"topic": topic, "partition": str(partition), "offset": str(offset)}
    return _headers(reason=reason, detail=detail, receiver=receiver, **place)


def _headers(**fields: str) -> Headers:
    return [(name, value.encode()) for name, value in fields.items()]
