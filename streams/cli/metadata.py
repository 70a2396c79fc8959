"""`ebbtide metadata update FILE…`: one table of metadata of what CAIDA, APNIC and PeeringDB publish."""

from __future__ import annotations

import logging
import os
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from streams.cli.common import settings_of
from streams.config.errors import InputError, UsageError
from streams.config.logs import say
from streams.config.metadata import MAX_FILE, MetadataRow
from streams.sources.as_tables import AsTable, as_csv, merged, read_table


def add_arguments(parser: ArgumentParser) -> None:
    """Add the action of the command, with its arguments."""
    text = "Make the table from files of CAIDA, APNIC, PeeringDB and your own; the first file that has a text gives it."
    update = parser.add_subparsers(required=True, metavar="update").add_parser("update", help=text, description=text)
    update.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a table, which may be .gz or .bz2")
    update.add_argument("--settings", type=Path, metavar="FILE", help="settings file")
    update.add_argument(
        "--output", type=Path, metavar="FILE", help="where to write (default: metadata.file of the settings)"
    )


def run(arguments: Namespace) -> None:
    """Read all tables, then write the result in place of the old one, and say what came from where."""
    output = arguments.output or settings_of(arguments).metadata.path
    if output is None:
        raise UsageError("the settings name no metadata.file: give --output FILE")
    tables = [read_table(file) for file in arguments.files]
    rows = merged(table.rows for table in tables)
    text = as_csv(rows).encode()
    if len(text) > MAX_FILE:
        raise UsageError(f"{output}: would be larger than {MAX_FILE >> 20} MiB")
    _replace(output, text)
    for file, table in zip(arguments.files, tables, strict=True):
        say(f"{file}: {_line(table)}", logging.INFO, prefix="")
    say(f"{output}: {_total(rows)}", logging.INFO, prefix="")


def _replace(file: Path, content: bytes) -> None:
    """Put the content in place of a file at once: a worker that reads it meanwhile sees the old or the new one."""
    try:
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as written:
            written.write(content)
        Path(written.name).chmod(mode)
        os.replace(written.name, file)  # noqa: PTH105
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from None


def _line(table: AsTable) -> str:
    left_out = "".join(f", {count:,} left out: {reason}" for reason, count in table.left_out.items())
    return f"{table.kind}, {len(table.rows):,} rows{left_out}"


def _total(rows: Sequence[MetadataRow]) -> str:
    entities, operators = {row.entity for row in rows}, {row.operator for row in rows if row.operator}
    countries = {row.country for row in rows if row.country}
    weighed = sum(row.weight is not None for row in rows)
    return f"{len(entities):,} entities, {len(operators):,} operators, {len(countries)} countries, {weighed:,} weights"
