"""Reads Parquet files, with the extra `parquet`: each row is a JSON object of its cells that are not null."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from streams.config.errors import InputError, UsageError

ROWS = 2000  # of a batch


def parquet_rows(name: str) -> Iterator[bytes]:
    """Yield the rows of a file. Raises InputError, which names the file, and UsageError without pyarrow."""
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise UsageError(f'{name}: Parquet needs pyarrow: pip install "ebbtide[parquet]"') from None
    try:
        with ParquetFile(name) as file:
            if len(set(file.schema_arrow.names)) < len(file.schema_arrow.names):
                raise InputError(f"{name}: two columns have one name")
            for batch in file.iter_batches(ROWS):
                yield from map(_object, batch.to_pylist())
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{name}: cannot be read as Parquet: {str(error).splitlines()[0]}") from None


def _object(row: dict[str, Any]) -> bytes:
    cells = {column: cell for column, cell in row.items() if cell is not None}
    return orjson.dumps(cells, default=_text, option=orjson.OPT_NAIVE_UTC)


def _text(cell: object) -> str:
    return cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell)
