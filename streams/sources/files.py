"""Reads files: tables with a header, Parquet, or JSON lines. Each row or line is a record, each file a part."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from glob import glob, has_magic
from itertools import islice

import orjson

from streams.config.errors import InputError, UsageError
from streams.config.line_files import read_lines
from streams.sources.parquet import parquet_rows
from streams.sources.part_clock import Position
from streams.sources.records import LineRecord, RecordChunk

RECORDS = 2000  # of a chunk
TABLES = (".csv", ".tsv")
ENDS = b"\r\n"  # of a row, whose first and last cell may be empty between tabs
_DELIMITERS = ",;\t|"


def matching(paths: Iterable[str]) -> list[str]:
    """Return the files that paths name; matches of `*` or `?` sorted. Raises InputError when there is none."""
    found = [name for path in paths for name in _matching(path)]
    return list(dict.fromkeys(found))


def _matching(path: str) -> list[str]:
    if not has_magic(path):
        return [path]
    found = sorted(glob(path, recursive=True))  # noqa: PTH207 (the names are shown as they are written)
    if not found:
        raise InputError(f"{path}: matches no file")
    return found


def is_table(name: str) -> bool:
    """Return whether the name of a file says that it is a table."""
    return name.removesuffix(".gz").endswith(TABLES)


def format_of(names: Sequence[str]) -> str:
    """Return the format of files by their names. Raises UsageError when they differ."""
    formats = {"csv" if is_table(name) else "json" for name in names}
    if len(formats) > 1:
        raise UsageError(f"files of both kinds, CSV and JSON lines, in one source: {names[0]} … {names[-1]}")
    return formats.pop()


def read_files(
    names: Sequence[str], has_header: bool, positions: Mapping[str, Position] | None = None
) -> Iterator[RecordChunk]:
    """Yield the records of files from their positions, file after file. Raises InputError, which names the file.

    `has_header`: they are tables; a row is a JSON object of its cells that are not empty.
    """
    begins = {name: position.offset for name, position in (positions or {}).items()}
    for name in names:
        values = _values(name, has_header)
        records = (LineRecord(value, offset) for offset, value in enumerate(values) if offset >= begins.get(name, 0))
        while found := list(islice(records, RECORDS)):
            yield RecordChunk(name, found)
        yield RecordChunk(name, [], last=True)


def _values(name: str, has_header: bool) -> Iterator[bytes]:
    if name.endswith(".parquet"):
        return parquet_rows(name)
    return _rows(name) if has_header else iter(read_lines(name))


def _rows(name: str) -> Iterator[bytes]:
    lines = (line.decode("utf-8-sig", errors="replace") + "\n" for line in read_lines(name, ENDS))
    first = next(lines, "")
    delimiter = max(_DELIMITERS, key=first.count)
    header = [column.strip() for column in next(csv.reader([first], delimiter=delimiter), [])]
    if len(set(header)) < len(header):
        raise InputError(f"{name}:1: two columns have one name")
    table = csv.reader(lines, delimiter=delimiter)
    try:
        for cells in table:
            yield _object(header, cells)
    except csv.Error as error:
        raise InputError(f"{name}:{table.line_num + 1}: is no table: {error}") from None


def _object(header: list[str], cells: list[str]) -> bytes:
    """Return a row as a JSON object; as an array, which no mapping fits, when it has more or fewer cells."""
    if len(cells) != len(header):
        return orjson.dumps(cells)
    return orjson.dumps({column: cell.strip() for column, cell in zip(header, cells, strict=True) if cell.strip()})
