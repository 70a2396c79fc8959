"""Headers of a dead letter: why it was rejected and where it came from; its value is the bytes as they came."""

from __future__ import annotations

from schemas.cloudevents import Headers
from schemas.reasons import Reason


def headers(reason: Reason, detail: str, topic: str, partition: int, offset: int) -> Headers:
    """The headers of one dead letter, numbers as decimal text, UTF-8."""
    fields = (
        ("reason", reason),
        ("detail", detail),
        ("topic", topic),
        ("partition", str(partition)),
        ("offset", str(offset)),
    )
    return [(name, value.encode()) for name, value in fields]
