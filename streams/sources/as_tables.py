"""Reads tables about networks that others publish, and makes one table of metadata of several.

| table | published as | gives |
|---|---|---|
| CAIDA's AS organizations | `….as-org2info.txt`, `….as-org2info.jsonl` | name, operator, the operator's country |
| APNIC's estimate of users | `aspop?f=j` (JSON), or the table as CSV | name, and users in each country |
| PeeringDB | `api/net` or a whole dump (JSON) | name; of a dump also operator and country |
| our own | CSV, see docs/metadata.md | all columns, and regions and countries too |

Each may be compressed by gzip or bzip2. A file is recognised by its content, not by its name.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import msgspec

from streams.config.bounded_file import read_decompressed
from streams.config.errors import InputError
from streams.config.metadata import COLUMNS, MetadataRow, read_rows
from streams.sources import as_formats
from streams.sources.as_formats import Read, UnusableError

MAX_FILE = 1 << 29  # bytes, of a file and of what is in it; PeeringDB's whole dump has a fifth of it


class AsTable(NamedTuple):
    """The rows of a file, what it is, and how many of its entries were left out, by reason."""

    kind: str
    rows: list[MetadataRow]
    left_out: Mapping[str, int]


def read_table(file: Path) -> AsTable:
    """Return the rows of a table. Raises InputError, which names the file, when it is none of those above."""
    text = _text(file)
    try:
        kind, read = _recognised(file, text)
        return _usable(file, kind, read(text))
    except (msgspec.MsgspecError, csv.Error) as error:
        raise InputError(f"{file}: is not what it looks like: {error}") from None


def _text(file: Path) -> str:
    try:
        return read_decompressed(file, MAX_FILE).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is no text in UTF-8: {error}") from None


def _recognised(file: Path, text: str) -> tuple[str, Callable[[str], list[Read]]]:
    """Return what a table is and how to read it, by the first thing in it. Raises InputError."""
    if "# format:" in text[:65_536] and text.startswith("#"):
        return "CAIDA AS organizations", as_formats.caida_text
    if not text.lstrip().startswith("{"):
        return _csv_kind(file, text)
    with suppress(msgspec.DecodeError):  # the first line of another table need not be whole
        if "type" in msgspec.json.decode(text.lstrip().partition("\n")[0], type=dict[str, msgspec.Raw]):
            return "CAIDA AS organizations", as_formats.caida_lines
    keys = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    for key, found in _BY_KEY.items():
        if key in keys:
            return found
    raise InputError(f"{file}: JSON without {', '.join(_BY_KEY)}: it is neither of APNIC nor of PeeringDB")


_BY_KEY: Mapping[str, tuple[str, Callable[[str], list[Read]]]] = {
    "Data": ("APNIC users", as_formats.apnic_json),
    "data": ("PeeringDB networks", as_formats.peeringdb_api),
    "net": ("PeeringDB dump", as_formats.peeringdb_dump),
}


def _csv_kind(file: Path, text: str) -> tuple[str, Callable[[str], list[Read]]]:
    columns = next(csv.reader(StringIO(text[:65_536], newline="")), [])
    if {"AS", "CC", "Users (est.)"} <= set(columns):
        return "APNIC users", as_formats.apnic_csv
    return "Ebbtide metadata", lambda _: [_given(row) for row in read_rows(file, text)]


def _given(row: MetadataRow) -> Read:
    return lambda: row


def _usable(file: Path, kind: str, reads: Iterable[Read]) -> AsTable:
    rows, left_out = [], Counter[str]()
    for read in reads:
        try:
            rows.append(read())
        except UnusableError as reason:
            left_out[str(reason)] += 1
    if not rows:
        raise InputError(f"{file}: {kind}: has no network that can be used")
    return AsTable(kind, rows, dict(sorted(left_out.items())))


def merged(tables: Iterable[Iterable[MetadataRow]]) -> list[MetadataRow]:
    """Return one row for each entity and country, sorted; the first table that has a text gives it.

    An entity with users in several countries has a row in each, the largest first. The country of a table without
    users counts only where no table has users.

    >>> users = [MetadataRow("asn/1", "", "KZ", "", 5.0)]
    >>> owners = [MetadataRow("asn/1", "One", "US", "One Inc", None)]
    >>> for row in merged([owners, users]):
    ...     print(*row, sep=",")
    asn/1,One,KZ,One Inc,5.0
    """
    found: dict[str, dict[str, str]] = {}
    weights: dict[str, dict[str, float]] = {}
    for row in (row for table in tables for row in table):
        texts = found.setdefault(row.entity, {})
        for column in ("name", "operator", "country"):
            if text := getattr(row, column):
                texts.setdefault(column, text)
        if row.weight is not None and row.country:
            weights.setdefault(row.entity, {}).setdefault(row.country, row.weight)
    return [row for entity in sorted(found, key=_order) for row in _rows(entity, found[entity], weights.get(entity))]


def _rows(entity: str, texts: Mapping[str, str], weights: Mapping[str, float] | None) -> list[MetadataRow]:
    name, operator = texts.get("name", ""), texts.get("operator", "")
    if not weights:
        return [MetadataRow(entity, name, texts.get("country", ""), operator, None)]
    largest_first = sorted(weights.items(), key=lambda weighed: (-weighed[1], weighed[0]))
    return [MetadataRow(entity, name, country, operator, weight) for country, weight in largest_first]


def _order(entity: str) -> tuple[str, int, str]:
    kind, _, code = entity.partition("/")
    return kind, int(code) if code.isdigit() else 0, code


def as_csv(rows: Iterable[MetadataRow]) -> str:
    """Return rows as the text of a metadata file."""
    out = StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((*row[:4], "" if row.weight is None else f"{row.weight:.15g}") for row in rows)
    return out.getvalue()
