"""Names of networks and regions, and who operates them, for headlines and for grouping."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from streams.errors import InputError


class Names(NamedTuple):
    """By entity (`asn/43754`, `region/IR-30`): what it is called, and its operator."""

    names: dict[str, str]
    operators: dict[str, str]


def read_names(file: Path | None) -> Names:
    """Return what a CSV file with the columns `entity`, `name` and (optional) `operator` says. Raises InputError."""
    if file is None:
        return Names({}, {})
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            table = csv.DictReader(lines)
            if not {"entity", "name"} <= set(table.fieldnames or ()):
                raise InputError(f"{file}:1: needs the columns entity and name")
            rows = list(table)
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: is not a table: {error}") from None
    operators = {row["entity"]: row["operator"] for row in rows if row.get("operator")}
    return Names({row["entity"]: row["name"] for row in rows if row["name"]}, operators)
