"""Encodes a snapshot row: a format number, then a JSON header and columns, compressed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from schemas.rejections import one_line
from streams.config.errors import StateError

FORMAT = 1  # grows with every change of the content of rows; rows of another format are refused, see docs/state.md
MAX_CONTENT = 1 << 28  # bytes
PIECE = 1 << 20  # bytes
_MAGIC = b"EBBT"
_PREFIX = struct.Struct("<4sHI")  # magic, format, length of the header


class Packed(NamedTuple):
    """The content of a row: plain values and columns."""

    values: dict[str, Any]
    columns: dict[str, NDArray[Any]]


def pack(values: Mapping[str, Any], columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a row's bytes; equal content gives equal bytes."""
    shapes = [[name, column.dtype.str, column.shape] for name, column in columns.items()]
    header = orjson.dumps({"values": values, "columns": shapes}, option=orjson.OPT_SORT_KEYS)
    body = b"".join(np.ascontiguousarray(column).tobytes() for column in columns.values())
    return _PREFIX.pack(_MAGIC, FORMAT, len(header)) + zlib.compress(header + body, 1)


def unpack(row: bytes) -> Packed:
    """Return the content of a row. Raises StateError for a row that this version cannot read."""
    if len(row) < _PREFIX.size or not row.startswith(_MAGIC):
        raise StateError("a snapshot row is not one of ours")
    _, version, header_size = _PREFIX.unpack_from(row)
    if version != FORMAT:
        raise StateError(
            f"a snapshot row has format {version}, this version reads {FORMAT}: run the version that wrote it, or see "
            "docs/state.md"
        )
    try:
        return _content(_inflated(row[_PREFIX.size :]), header_size)
    except (zlib.error, ValueError, TypeError, LookupError, RecursionError) as error:
        raise StateError(f"a snapshot row is damaged: {one_line(str(error))}") from None


def inflated_size(row: bytes) -> int:
    """Return how many bytes a row decompresses to, without keeping them; what is no row of ours counts as empty."""
    stream, rest, size = zlib.decompressobj(), row[_PREFIX.size :], 0
    while rest and not stream.eof and size <= MAX_CONTENT:
        try:
            size += len(stream.decompress(rest, PIECE))
        except zlib.error:
            return size
        rest = stream.unconsumed_tail
    return size


def _inflated(body: bytes) -> bytes:
    """Decompress up to `MAX_CONTENT` bytes: a few bytes may expand to gigabytes."""
    stream = zlib.decompressobj()
    content = stream.decompress(body, MAX_CONTENT)
    if not stream.eof or stream.unused_data:
        raise ValueError(f"cut off, or more than {MAX_CONTENT} bytes")
    return content


def _content(content: bytes, header_size: int) -> Packed:
    header = orjson.loads(content[:header_size])
    columns, at = {}, header_size
    for name, dtype, shape in header["columns"]:
        count = int(np.prod(shape, dtype=np.int64))
        if count < 0 or not isinstance(name, str) or not isinstance(dtype, str):
            raise ValueError("a column that cannot be")
        columns[name] = np.frombuffer(content, dtype=dtype, count=count, offset=at).reshape(shape).copy()
        at += count * np.dtype(dtype).itemsize
    if not isinstance(header["values"], dict):
        raise ValueError("no values")
    return Packed(header["values"], columns)
