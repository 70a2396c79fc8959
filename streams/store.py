"""Snapshots in a key-value table: written row by row, valid only as a whole.

Each named row has two places, A and B. A snapshot writes changed rows to the place that the current one does not use,
and last, in one record, the list of places together with the source offset that all of them include. A crash between
any two writes leaves the snapshot before it whole.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple

from streams.errors import StateError
from streams.packing import pack, unpack


class Loaded(NamedTuple):
    """A snapshot: plain values, among them `offset`, and the bytes of each named row."""

    values: dict[str, Any]
    rows: dict[str, bytes]


class Store:
    """The snapshots of one partition in a table of bytes by bytes."""

    def __init__(self, table: MutableMapping[bytes, bytes], partition: int) -> None:
        self.table = table
        self.partition = partition
        self.places: dict[str, str] = {}  # name: A or B, and the checksum of the row there
        self.bytes_written = 0

    def load(self) -> Loaded | None:
        """Return the newest whole snapshot, or None when there is none. Raises StateError for an unknown
        format, or when rows are not those that were written with the head.
        """
        head = self.table.get(self._key("head", ""))
        if head is None:
            return None
        values = unpack(head).values
        self.places = values.pop("places")
        return Loaded(values, {name: self._checked(name, place) for name, place in self.places.items()})

    def _checked(self, name: str, place: str) -> bytes:
        """Return a row if it is the one that the head was written for: another worker may have written after it."""
        row = self.table.get(self._key(name, place[0]), b"")
        if _place(place[0], row) != place:
            raise StateError(f"partition {self.partition}: snapshot row {name} is not the one that its head names")
        return row

    def save(self, values: Mapping[str, Any], changed: Mapping[str, bytes], gone: frozenset[str] = frozenset()) -> None:
        """Write the changed rows and then the head that makes them valid; rows in `gone` are dropped after it."""
        places = {name: place for name, place in self.places.items() if name not in gone}
        for name, row in changed.items():
            if name in places and self.table.get(self._key(name, places[name][0])) == row:
                continue
            place = "B" if places.get(name, "B")[0] == "A" else "A"
            self._put(self._key(name, place), row)
            places[name] = _place(place, row)
        self._put(self._key("head", ""), pack({**values, "places": places}, {}))
        for name in gone & self.places.keys():
            for place in "AB":
                self.table.pop(self._key(name, place), None)
        self.places = places

    def _put(self, key: bytes, row: bytes) -> None:
        self.table[key] = row
        self.bytes_written += len(key) + len(row)

    def _key(self, name: str, place: str) -> bytes:
        return f"{self.partition}/{name}/{place}".encode()


def _place(place: str, row: bytes) -> str:
    """Return A or B with the checksum of what stands there."""
    return f"{place}{zlib.crc32(row):08x}"
