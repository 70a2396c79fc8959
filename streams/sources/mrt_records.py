"""Frames of MRT files (RFC 6396, 2): plain, gzip or bzip2."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import IO, Final, TypeAlias, cast

from streams.config.errors import InputError
from streams.config.line_files import readable

BLOCK: Final = 1 << 20  # bytes that are read at once
MOST: Final = 1 << 22  # bytes of a record; one of a thousand peers has some 100,000
_HEAD: Final = Struct(">IHHI")
#: Place in the file, time (Unix seconds), type, subtype and body.
MrtRecord: TypeAlias = tuple[int, int, int, int, bytes]


def records(name: str) -> Iterator[MrtRecord]:
    """Yield the records of a file. Raises InputError, which names the file."""
    with readable(name), _opened(name) as file:
        buffer, at, begin = b"", 0, 0
        while True:
            if len(buffer) < at + 12 or len(buffer) < at + 12 + _length(name, begin + at, buffer, at):
                block = file.read(BLOCK)
                if not block:
                    break
                buffer, begin, at = buffer[at:] + block, begin + at, 0
                continue
            ts, kind, subtype, length = _HEAD.unpack_from(buffer, at)
            yield begin + at, ts, kind, subtype, buffer[at + 12 : at + 12 + length]
            at += 12 + length
        if len(buffer) > at:
            raise InputError(f"{name}: ends within the record at byte {begin + at}")


def _length(name: str, place: int, buffer: bytes, at: int) -> int:
    length = int.from_bytes(buffer[at + 8 : at + 12], "big")
    if length > MOST:
        raise InputError(f"{name}: is no MRT: a record of {length} bytes at byte {place}")
    return length


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    """Open a file that gzip or bzip2 may have compressed."""
    with Path(name).open("rb") as file:
        begin = file.peek(3)[:3]
        if begin.startswith(b"\x1f\x8b"):
            with gzip.open(file) as unzipped:
                yield cast("IO[bytes]", unzipped)
        elif begin == b"BZh":
            with bz2.open(file) as unzipped2:
                yield cast("IO[bytes]", unzipped2)
        else:
            yield file
