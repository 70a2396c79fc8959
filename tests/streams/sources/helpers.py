"""Sources of tests: settings as in a file, records, and what a decoder makes of them."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from streams.config.settings import Settings, from_builtins
from streams.sources.json_decoder import JsonDecoder
from streams.sources.records import DecodedRecords, LineRecord, Row

START = 1_700_000_040  # the start of a minute


def settings(fields: str, kind: str = "count", more: str = "", bin_width: str = "1m") -> Settings:
    """Return settings with one feed `f` and one source `s` of files; `fields` and `more` as in TOML."""
    text = f'[feeds.f]\nsignal = "traffic"\nkind = "{kind}"\nbin = "{bin_width}"\n'
    return from_builtins(
        tomllib.loads(f'{text}[sources.s]\ntype = "files"\nfeed = "f"\n[sources.s.fields]\n{fields}\n{more}')
    )


def line(value: object, offset: int = 0, **more: Any) -> LineRecord:  # noqa: ANN401
    """Return a record of a JSON value, or of bytes as they are."""
    return LineRecord(value if isinstance(value, bytes) else json.dumps(value).encode(), offset, **more)


def decoded(fields: str, *records: LineRecord, kind: str = "count", more: str = "") -> DecodedRecords:
    """Return what the mapping makes of records."""
    return JsonDecoder(settings(fields, kind, more).sources["s"]).decode(records)


def row(ts: float, asn: int = 3333, value: float = 1, at: int = 0, **more: Any) -> Row:  # noqa: ANN401
    """Return a row of a network."""
    return Row(at, ts, (asn, None, None, None, None, None), value, **more)
