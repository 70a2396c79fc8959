"""Sources of tests: settings as in a file, records, and what a decoder makes of them."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from streams.config.settings import Settings, from_builtins
from streams.sources.json_decoder import JsonDecoder
from streams.sources.records import DecodedRecords, LineRecord, Row

START = 1_700_000_040  # the start of a minute


FILES = 'type = "files"'
TOPIC = 'type = "kafka"\ntopic = "theirs"'


def settings(
    fields: str, kind: str = "count", more: str = "", bin_width: str = "1m", source: str = FILES, kafka: str = ""
) -> Settings:
    """Return settings with a feed `f` and a source `s`; `fields`, `more`, `source` and `kafka` are lines of TOML."""
    feed = f'[feeds.f]\nsignal = "traffic"\nkind = "{kind}"\nbin = "{bin_width}"\n'
    head = f'[kafka]\n{kafka}\n{feed}[sources.s]\nfeed = "f"\n{source}\n'
    return from_builtins(tomllib.loads(f"{head}[sources.s.fields]\n{fields}\n{more}"))


def line(value: object, offset: int = 0, **more: Any) -> LineRecord:  # noqa: ANN401
    """Return a record of a JSON value, or of bytes as they are."""
    return LineRecord(value if isinstance(value, bytes) else json.dumps(value).encode(), offset, **more)


def decoded(fields: str, *records: LineRecord, kind: str = "count", more: str = "") -> DecodedRecords:
    """Return what the mapping makes of records."""
    return JsonDecoder(settings(fields, kind, more).sources["s"]).decode(records)


def row(ts: float, asn: int = 3333, value: float = 1, at: int = 0, **more: Any) -> Row:  # noqa: ANN401
    """Return a row of a network."""
    return Row(at, ts, (asn, None, None, None, None, None), value, **more)
