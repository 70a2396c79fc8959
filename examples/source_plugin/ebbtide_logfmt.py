"""Lines such as `time=1700000040 asn=3333 note="two words"`: each becomes an object, which the source's fields map."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from streams.config.sources import SourceSettings
from streams.sources.json_decoder import JsonDecoder
from streams.sources.records import DecodedRecords, LineRecord, RawRecord


class LogfmtDecoder:
    """Decodes as `JsonDecoder` does, whose rows and counts it hands on."""

    def __init__(self, source: SourceSettings) -> None:
        self._mapping = JsonDecoder(source, is_flat=True)

    def decode(self, records: Sequence[RawRecord]) -> DecodedRecords:
        """Return the rows of records, in order. The mapping rejects what is no logfmt, since it sees that unchanged."""
        return self._mapping.decode([LineRecord(as_json(record.value or b""), record.offset) for record in records])


def as_json(line: bytes) -> bytes:
    """Return a line as a JSON object.

    >>> as_json(b'asn=3333 note="two words"')
    b'{"asn": "3333", "note": "two words"}'
    """
    try:
        pairs = [word.split("=", 1) for word in shlex.split(line.decode())]
        return json.dumps(dict(pairs)).encode()
    except ValueError:
        return line


def decoder(source: SourceSettings) -> LogfmtDecoder:
    """Return the decoder of a source: the function that the entry point names."""
    return LogfmtDecoder(source)
