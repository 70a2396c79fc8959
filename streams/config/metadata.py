"""Metadata of networks and regions from a CSV file: names, countries, operators and weights."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from schemas.entities import country_code, entity_named, network_number
from streams.config.bounded_file import read_bounded
from streams.config.errors import InputError

MAX_FILE = 1 << 25  # bytes; the metadata of all networks of the Internet are a quarter of it
COLUMNS = ("entity", "name", "country", "operator", "weight")
NOBODY: Mapping[str, str] = {}


class Metadata(NamedTuple):
    """Names, operators and countries by entity (`asn/43754`, `region/IR-30`).

    `weights`: by country and entity, in any unit (users, addresses, a share) that is the same within a country.
    """

    names: Mapping[str, str] = NOBODY
    operators: Mapping[str, str] = NOBODY
    countries: Mapping[str, str] = NOBODY
    weights: Mapping[str, Mapping[str, float]] = {}


class MetadataRow(NamedTuple):
    """One line of the file; texts are empty where the cell is."""

    entity: str
    name: str
    country: str
    operator: str
    weight: float | None


def read_metadata(file: Path | None) -> Metadata:
    """Return the metadata of a file, empty without one. Raises InputError, which names file, line and column.

    Columns: `entity` or `asn`, and any of `name`, `country`, `operator`, `weight`; others are ignored. An entity may
    have several lines, one a country: it belongs to the country in which its weight is largest.
    """
    if file is None:
        return Metadata()
    try:
        text = read_bounded(file, MAX_FILE).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is not a table: {error}") from None
    return _gathered(read_rows(file, text))


def read_rows(file: Path, text: str) -> list[MetadataRow]:
    """Return the rows of a table whose text has been read. Raises InputError, which names file, line and column."""
    table = csv.DictReader(StringIO(text, newline=""))
    try:
        _demand_columns(file, table.fieldnames or ())
        return [_row(file, table.line_num, cells) for cells in table]
    except csv.Error as error:
        raise InputError(f"{file}: is not a table: {error}") from None


def _demand_columns(file: Path, columns: Iterable[str]) -> None:
    if not {"entity", "asn"} & set(columns):
        raise InputError(f"{file}:1: needs the column entity or asn")
    if not {"name", "country", "operator", "weight"} & set(columns):
        raise InputError(f"{file}:1: needs one of the columns name, country, operator, weight")


def _row(file: Path, line: int, cells: Mapping[str, str | None]) -> MetadataRow:
    entity, name, country, operator, weight = (
        (cells.get(column) or "").strip() for column in ("entity", "name", "country", "operator", "weight")
    )
    column = "entity" if entity else "asn"
    given = entity or (cells.get("asn") or "").strip()
    try:
        entity = entity_named(given) if entity else f"asn/{network_number(given)}"
    except ValueError:
        raise InputError(
            f"{file}:{line}: {column}: {given[:80]!r} is none, such as asn/43754 or region/IR-30"
        ) from None
    try:
        country = country_code(country) if country else ""
    except ValueError:
        raise InputError(f"{file}:{line}: country: {country[:80]!r} is no ISO 3166-1 code of two letters") from None
    return MetadataRow(entity, name, country, operator, _weight(file, line, weight))


def _weight(file: Path, line: int, text: str) -> float | None:
    try:
        weight = float(text) if text else None
    except ValueError:
        weight = math.nan
    if weight is not None and not 0 <= weight < math.inf:
        raise InputError(f"{file}:{line}: weight: {text[:80]!r} is no number of at least 0")
    return weight


def _gathered(rows: list[MetadataRow]) -> Metadata:
    """Return the metadata of all rows. Of several rows of an entity the heaviest wins, then the first."""
    weights: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.weight is not None and row.country:
            weights.setdefault(row.country, {})[row.entity] = row.weight
    last_wins = sorted(enumerate(rows), key=lambda numbered: (numbered[1].weight or 0.0, -numbered[0]))
    names, operators, countries = (
        {row.entity: str(getattr(row, column)) for _, row in last_wins if getattr(row, column)}
        for column in ("name", "operator", "country")
    )
    return Metadata(names, operators, countries, weights)


class Register:
    """The current metadata, shared by a process. `renew` reads the file again."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self.seen = file_stamp(file)
        self.now = read_metadata(file)

    @property
    def names(self) -> Mapping[str, str]:
        """The names of entities."""
        return self.now.names

    @property
    def operators(self) -> Mapping[str, str]:
        """The operators of entities."""
        return self.now.operators

    @property
    def weights(self) -> Mapping[str, Mapping[str, float]]:
        """The weights of entities, by country."""
        return self.now.weights

    @property
    def size(self) -> int:
        """The number of entities with any metadata."""
        weighed = (entity for weights in self.now.weights.values() for entity in weights)
        return len({*self.now.names, *self.now.countries, *self.now.operators, *weighed})

    def country_of(self, entity: str) -> str | None:
        """Return the country of an entity; None when the metadata do not name it."""
        return self.now.countries.get(entity)

    def is_stale(self) -> bool:
        """Return whether the file has changed since the last attempt to read it."""
        return file_stamp(self.file) != self.seen

    def renew(self) -> None:
        """Read the file again. Raises InputError when it is broken; the metadata then stay as they are."""
        self.seen = file_stamp(self.file)
        self.now = read_metadata(self.file)


def file_stamp(file: Path | None) -> tuple[int, int, int] | None:
    """Return time, size and inode of a file, which differ when it changes; None when there is no file."""
    try:
        found = file.stat() if file else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None
