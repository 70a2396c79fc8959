"""Snapshots in a key-value table: written row by row, valid only as a whole.

Each named row has two places, A and B. A snapshot writes changed rows to the places that the current snapshot does not
use. Last, it writes one record, the head: the place of each row, and the source offset that all rows include. A crash
between any two writes leaves the previous snapshot whole. A long row is stored in pieces, since brokers limit messages.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple

from streams.config.errors import StateError
from streams.state.row_codec import pack, unpack

PIECE = 800_000  # bytes; a broker accepts messages of 1 MB by default


def is_head(key: bytes) -> bool:
    """Return whether a key is that of a head, which must not be written before its rows are."""
    return key.endswith(b"/head/")


class Loaded(NamedTuple):
    """A snapshot: plain values, among them `offset`, and the bytes of each named row."""

    values: dict[str, Any]
    rows: dict[str, bytes]


class SnapshotStore:
    """The snapshots of one partition of a topic in a table of bytes by bytes; `folder` is the prefix of their rows."""

    def __init__(self, table: MutableMapping[bytes, bytes], partition: int, folder: str = "") -> None:
        self.table = table
        self.partition = partition
        self.folder = folder
        self.places: dict[str, str] = {}  # by name, see _place
        self.bytes_written = 0

    def load(self) -> Loaded | None:
        """Return the newest whole snapshot, or None when there is none.

        Raises StateError for an unknown format, and for a row that was not written with the head.
        """
        head = self.table.get(self._key("head", "", 0))
        if head is None:
            return None
        values = unpack(head).values
        self.places = values.pop("places")
        return Loaded(values, {name: self._checked(name, place) for name, place in self.places.items()})

    def save(self, values: Mapping[str, Any], changed: Mapping[str, bytes], gone: frozenset[str] = frozenset()) -> None:
        """Write the changed rows, then the head that makes them valid; then remove the other rows in `gone`."""
        gone -= changed.keys()
        places = {name: place for name, place in self.places.items() if name not in gone}
        for name, row in changed.items():
            if name in places and self._read(name, places[name]) == row:
                continue
            places[name] = _place("B" if places.get(name, "B")[0] == "A" else "A", row)
            for number, piece in enumerate(_pieces(row)):
                self._put(self._key(name, places[name], number), piece)
        self._put(self._key("head", "", 0), pack({**values, "places": places}, {}))
        for name in changed:
            self._drop(name, places[name], _count(places[name]))
        for name in gone & self.places.keys():
            self._drop(name, "A", 0)
            self._drop(name, "B", 0)
        self.places = places

    def keys(self) -> set[bytes]:
        """Return the keys in the table of the snapshot that was written or loaded last."""
        rows = {self._key(name, place, n) for name, place in self.places.items() for n in range(_count(place))}
        return rows | {self._key("head", "", 0)}

    def _checked(self, name: str, place: str) -> bytes:
        """Return a row. Raises StateError if its checksum is not in the head: another worker may have written it."""
        row = self._read(name, place)
        if _place(place[0], row) != place:
            raise StateError(
                f"partition {self.partition}: snapshot row {self.folder}{name} is not the one that its head names"
            )
        return row

    def _read(self, name: str, place: str) -> bytes:
        return b"".join(self.table.get(self._key(name, place, n), b"") for n in range(_count(place)))

    def _put(self, key: bytes, row: bytes) -> None:
        self.table[key] = row
        self.bytes_written += len(key) + len(row)

    def _drop(self, name: str, place: str, first: int) -> None:
        """Remove the pieces of a row from this number on."""
        while self.table.pop(self._key(name, place, first), None) is not None:
            first += 1

    def _key(self, name: str, place: str, number: int) -> bytes:
        return f"{self.folder}{self.partition}/{name}/{place[:1]}{number or ''}".encode()


def _place(place: str, row: bytes) -> str:
    """Return A or B with the checksum of the row and its number of pieces."""
    return f"{place}{zlib.crc32(row):08x}{len(_pieces(row))}"


def _count(place: str) -> int:
    return int(place[9:])


def _pieces(row: bytes) -> list[bytes]:
    return [row[at : at + PIECE] for at in range(0, len(row), PIECE)]
