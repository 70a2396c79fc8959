"""Text files read by lines, plain or gzip, in chunks; `-` is standard input."""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from io import BufferedReader
from itertools import groupby, islice
from pathlib import Path
from typing import IO, cast

from streams.config.errors import InputError

LINES = 4000
MAX_LINE = 16 * 1024 * 1024  # bytes; a message may have 1 MiB, and a longer line means that the file has no lines
PIECE = 1 << 18  # bytes of standard input that are read at once
STDIN = "-"
BLANK = b" \t\r\n"


def read_lines(name: str, around: bytes = BLANK) -> Iterator[bytes]:
    """Yield the lines of a file, without the bytes `around` them; blank ones are left out. `-` is standard input.

    Raises InputError with a line that names the file.
    """
    with readable(name), _open(name) as file:
        for line in iter(partial(file.readline, MAX_LINE), b""):
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                raise _too_long(name)
            yield from _bare([line], around)


def read_chunks(names: Iterable[str], size: int = LINES) -> Iterator[list[bytes]]:
    """Yield the lines of all files, one after the other, in lists of at most `size`.

    Lines of standard input come as soon as they are there, since whoever writes them may go on for days.
    """
    for is_stdin, group in groupby(names, STDIN.__eq__):
        if is_stdin:
            yield from (found for piece in _pieces() if (found := _bare(piece)))
            continue
        lines = (line for name in group for line in read_lines(name))
        while chunk := list(islice(lines, size)):
            yield chunk


def _pieces() -> Iterator[list[bytes]]:
    """Yield the lines of each piece of standard input. Raises InputError."""
    with readable(STDIN), _open(STDIN) as file:
        rest = b""
        while piece := cast("BufferedReader", file).read1(PIECE):
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) >= MAX_LINE or max(map(len, lines), default=0) >= MAX_LINE:
                raise _too_long(STDIN)
            yield lines
        yield [rest]


def _bare(lines: Iterable[bytes], around: bytes = BLANK) -> list[bytes]:
    """Return lines without the bytes around them, and without blank ones."""
    return [bare for line in lines if (bare := line.strip(around))]


def _too_long(name: str) -> InputError:
    return InputError(f"{name}: has a line of more than {MAX_LINE} bytes")


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Raise InputError, which names the file, where what is read within fails or cannot be decompressed."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name}: cannot be read: {reason}") from None


def place_of(names: Iterable[str], content: bytes) -> str | None:
    """Return `file:line` of the first line that is the content, or an array with it; None if in none, or in a pipe."""
    for name in filter(os.path.isfile, names):  # the rest of a pipe, or of standard input, may never come
        with _open(name) as file:
            for number, line in enumerate(file, 1):
                bare = line.strip(BLANK)
                if bare == content or (bare.startswith(b"[") and content in bare):
                    return f"{name}:{number}"
    return None


@contextmanager
def _open(name: str) -> Iterator[IO[bytes]]:
    """Open a file once, since it may be a pipe; standard input is left open."""
    with nullcontext(sys.stdin.buffer) if name == STDIN else Path(name).open("rb") as file:
        if not cast("BufferedReader", file).peek(2).startswith(b"\x1f\x8b"):
            yield file
            return
        with gzip.open(file) as unzipped:
            yield cast("IO[bytes]", unzipped)
