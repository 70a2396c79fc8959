"""Bytes of a snapshot row: a header in JSON, then columns, compressed. Every row says which format it has."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from streams.errors import StateError

FORMAT = 1
_MAGIC = b"EBBT"
_PREFIX = struct.Struct("<4sHI")  # magic, format, length of the header


class Packed(NamedTuple):
    """What a row holds: plain values and columns."""

    values: dict[str, Any]
    columns: dict[str, NDArray[Any]]


def pack(values: Mapping[str, Any], columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a row's bytes: the same content gives the same bytes."""
    shapes = [[name, column.dtype.str, column.shape] for name, column in columns.items()]
    header = orjson.dumps({"values": values, "columns": shapes}, option=orjson.OPT_SORT_KEYS)
    body = b"".join(np.ascontiguousarray(column).tobytes() for column in columns.values())
    return _PREFIX.pack(_MAGIC, FORMAT, len(header)) + zlib.compress(header + body, 1)


def unpack(row: bytes) -> Packed:
    """Return what `pack` was given. Raises StateError for a row that this version cannot read."""
    if len(row) < _PREFIX.size or not row.startswith(_MAGIC):
        raise StateError("a snapshot row is not one of ours")
    _, version, header_size = _PREFIX.unpack_from(row)
    if version != FORMAT:
        raise StateError(f"a snapshot row has format {version}, this version reads {FORMAT}")
    try:
        content = zlib.decompress(row[_PREFIX.size :])
    except zlib.error as error:
        raise StateError(f"a snapshot row is damaged: {error}") from None
    header = orjson.loads(content[:header_size])
    columns, at = {}, header_size
    for name, dtype, shape in header["columns"]:
        count = int(np.prod(shape, dtype=np.int64))
        columns[name] = np.frombuffer(content, dtype=dtype, count=count, offset=at).reshape(shape).copy()
        at += count * np.dtype(dtype).itemsize
    return Packed(header["values"], columns)
