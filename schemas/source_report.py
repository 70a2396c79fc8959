"""What a source says of itself in the topic `sources.state`, beside its positions, with each batch that it sends."""

from __future__ import annotations

import msgspec

MARK = b"!"  # ends the keys of reports; no key of a position ends so


class SourceReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a source has come. Times are Unix seconds.

    `reported_at`: wall time. `since`: wall time from which `records` and `rejected` count. `newest`: event time; None
    before the first. `patience`: seconds after which silence is no accident; None for a source that may end. `gap`: the
    newest time in which nothing could be known.
    """

    feed: str
    reported_at: float
    since: float
    newest: float | None = None
    patience: float | None = None
    records: int = 0
    rejected: int = 0
    gap: tuple[int, int] | None = None


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(SourceReport)


def encode_report(name: str, report: SourceReport) -> tuple[bytes, bytes]:
    """Return key and value of a record."""
    return name.encode() + MARK, _ENCODER.encode(report)


def decode_report(value: bytes) -> SourceReport:
    """Return the report of a record. Raises DecodeError."""
    return _DECODER.decode(value)
