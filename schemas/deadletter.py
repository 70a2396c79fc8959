"""Headers of a dead letter: the reason and the place of the original message. The value is its bytes, unchanged.

Of a message that is too large for the topic of dead letters, the value is the head; two more headers have the size and
the hash of the whole.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from schemas.cloudevents import Headers
from schemas.rejections import AlertReason, Reason


def headers(reason: Reason, detail: str, topic: str, partition: int, offset: int) -> Headers:
    """Return the headers of a dead letter, numbers as decimal text, UTF-8."""
    return _headers(reason=reason, detail=detail, topic=topic, partition=str(partition), offset=str(offset))


def source_headers(reason: str, detail: str, source: str, topic: str, partition: str, offset: int) -> Headers:
    """Return the headers of a record of others that fits no mapping; `topic` and `partition` may be a file."""
    place = {"topic": topic, "partition": partition, "offset": str(offset)}
    return _headers(reason=reason, detail=detail, source=source, **place)


def alert_headers(reason: AlertReason, detail: str, receiver: str, topic: str, partition: int, offset: int) -> Headers:
    """Return the headers of a revision that did not reach a receiver; `receiver` is empty when it is no revision."""
    place = {"topic": topic, "partition": str(partition), "offset": str(offset)}
    return _headers(reason=reason, detail=detail, receiver=receiver, **place)


HEAD: Final = 65_536  # bytes kept of a message that is too large


def fitted(value: bytes, most: int) -> tuple[bytes, Headers]:
    """Return a value of at most `most` bytes and no headers; else its head, and headers with its size and SHA-256."""
    if len(value) <= most:
        return value, []
    return value[: min(HEAD, most)], _headers(size=str(len(value)), sha256=sha256(value).hexdigest())


def _headers(**fields: str) -> Headers:
    return [(name, value.encode()) for name, value in fields.items()]
