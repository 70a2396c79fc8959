"""Reads a file up to a limit, so that a wrong path such as a device cannot fill the memory."""

from __future__ import annotations

import bz2
import gzip
import zlib
from io import BytesIO
from pathlib import Path

from streams.config.errors import InputError


def first_bytes(file: Path, most: int) -> bytes:
    """Return the first bytes of a file, at most so many. Raises OSError."""
    with file.open("rb") as opened:
        return opened.read(most)


def read_bounded(file: Path, limit: int) -> bytes:
    """Return the content of a file of at most `limit` bytes. Raises InputError, which names the file."""
    try:
        content = first_bytes(file, limit + 1)
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise InputError(f"{file}: is larger than {limit // 2**20} MiB")
    return content


def read_decompressed(file: Path, limit: int) -> bytes:
    """Return what is in a file, which gzip or bzip2 may have compressed; neither it nor that is larger than `limit`.

    Raises InputError, which names the file.
    """
    content = read_bounded(file, limit)
    try:
        if content.startswith(b"\x1f\x8b"):
            content = gzip.GzipFile(fileobj=BytesIO(content)).read(limit + 1)
        elif content.startswith(b"BZh"):
            content = bz2.BZ2File(BytesIO(content)).read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file}: cannot be decompressed: {error}") from None
    if len(content) > limit:
        raise InputError(f"{file}: is larger than {limit // 2**20} MiB once decompressed")
    return content
