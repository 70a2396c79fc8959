"""The file of state that `ebbtide state export` writes: the snapshots of all partitions, see docs/state.md.

It holds a line `EBBTIDE-STATE 1`, a line of JSON with the `Header`, for each row a line of JSON with its partition,
name and size followed by its bytes, and a last line with the SHA-256 of all before. Equal states are equal bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import orjson

from streams.config.errors import InputError, StateError
from streams.state.row_codec import inflated_size, unpack

FORMAT = 1
MAGIC = b"EBBTIDE-STATE "
MAX_LINE = 65_536
MAX_ROW = 1 << 30  # bytes
MOST_SMALL = 1 << 27  # bytes; what any file may decompress to
MOST_RATIO = 100  # and so many times its size; a state of 20,000 new series decompresses to 14 times
HEAD = "head"
_DIGEST = 64


class Header(msgspec.Struct, forbid_unknown_fields=True):
    """The application and topic of the state, and the version that wrote it."""

    app_id: str
    measurements: str
    partitions: int
    version: str


class RowHeader(msgspec.Struct, forbid_unknown_fields=True):
    """Partition, name and size (bytes) of the row that follows."""

    partition: int
    name: str
    size: int


class State(msgspec.Struct):
    """The rows by name of each partition that has a snapshot; the row `head` holds the small values.

    Names of rows begin with the folder of their stage, which is empty for the measurements.
    """

    header: Header
    partitions: dict[int, dict[str, bytes]]

    def offsets(self, folder: str = "") -> dict[int, int]:
        """Return the newest offset in each partition's snapshot of a stage. Raises StateError."""
        heads = {number: rows.get(f"{folder}{HEAD}") for number, rows in self.partitions.items()}
        return {number: _offset(head) for number, head in heads.items() if head is not None}


def by_folder(rows: Mapping[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Return the rows of a partition by the folder of their stage, and by their names in it."""
    found: dict[str, dict[str, bytes]] = {}
    for name, row in rows.items():
        folder, colon, inside = name.rpartition(":")
        found.setdefault(folder + colon, {})[inside] = row
    return found


def _offset(head: bytes) -> int:
    found = unpack(head).values.get("offset")
    if not isinstance(found, int) or found < -1:
        raise StateError("a snapshot's head has no offset")
    return found


def write(path: Path, state: State) -> int:
    """Write a file for its owner only, whole or not at all, and return its size (bytes). Raises InputError."""
    whole = b"".join(_parts(state))
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(whole)
            file.write(hashlib.sha256(whole).hexdigest().encode() + b"\n")
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    return len(whole) + _DIGEST + 1


def _parts(state: State) -> Iterator[bytes]:
    yield b"%s%d\n" % (MAGIC, FORMAT)
    yield orjson.dumps(msgspec.to_builtins(state.header)) + b"\n"
    for number, rows in sorted(state.partitions.items()):
        for name, content in sorted(rows.items()):
            yield orjson.dumps({"partition": number, "name": name, "size": len(content)}) + b"\n"
            yield content


def read(path: Path) -> State:
    """Return the state in a file. Raises InputError, and StateError when it is damaged or of another format."""
    try:
        with path.open("rb") as file:
            return parse(file)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except StateError as error:
        raise StateError(f"{path}: {error}") from None


def parse(file: BinaryIO) -> State:
    """Return the state in an open file. Raises StateError."""
    _check_digest(file)
    first = file.readline(MAX_LINE).removesuffix(b"\n")
    if first != b"%s%d" % (MAGIC, FORMAT):
        found = first.removeprefix(MAGIC).decode(errors="replace")[:20]
        raise StateError(f"has format {found!r}, this version reads {FORMAT}")
    header = _line(file.readline(MAX_LINE), Header)
    if header.partitions < 1:
        raise StateError("is of no partition")
    state = State(header, {})
    end = file.seek(-_DIGEST - 1, os.SEEK_END)
    file.seek(len(first) + 1)
    file.readline(MAX_LINE)
    while file.tell() < end:
        _add_row(state, file, end)
    _check_sizes(state, end)
    if any(HEAD not in rows for partition in state.partitions.values() for rows in by_folder(partition).values()):
        raise StateError("lacks a head of a partition")
    return state


def _check_sizes(state: State, size: int) -> None:
    """Raise StateError when the rows of a file of `size` bytes decompress to more than any state would."""
    most, total = MOST_SMALL + MOST_RATIO * size, 0
    for row in (row for rows in state.partitions.values() for row in rows.values()):
        total += inflated_size(row)
        if total > most:
            raise StateError(f"decompresses to more than {most // 2**20} MiB, which no state of its size does")


def _add_row(state: State, file: BinaryIO, end: int) -> None:
    row = _line(file.readline(MAX_LINE), RowHeader)
    if not 0 <= row.size <= min(MAX_ROW, end - file.tell()) or not 0 <= row.partition < state.header.partitions:
        raise StateError(f"has a row that cannot be: {row}")
    rows = state.partitions.setdefault(row.partition, {})
    if row.name in rows:
        raise StateError(f"has a row twice: {row}")
    rows[row.name] = file.read(row.size)


def _check_digest(file: BinaryIO) -> None:
    """Raise StateError unless the checksum fits; nothing is parsed before. Leaves the file at its start."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC or size < len(MAGIC) + _DIGEST + 1:
        raise StateError("is not a file of state")
    file.seek(0)
    digest, left = hashlib.sha256(), size - _DIGEST - 1
    while left and (chunk := file.read(min(left, 1 << 20))):
        digest.update(chunk)
        left -= len(chunk)
    if file.read() != digest.hexdigest().encode() + b"\n":
        raise StateError("is damaged or cut off: its checksum is not that of its content")
    file.seek(0)


def _line(text: bytes, kind: type[Any]) -> Any:  # noqa: ANN401
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise StateError(f"has a line that is none of its format: {error}") from None
