"""Objects in the records of a chunk: an object, an array of objects, or several objects, one a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, NamedTuple

import msgspec

from schemas.rejections import one_line
from streams.config.sources import Keep
from streams.sources.item_type import Getter, ItemType, item_type
from streams.sources.records import RawRecord, RejectedRecord


class Items(NamedTuple):
    """Objects in order, of each the index of its record in the chunk (`at`) and the record; and what is none."""

    objects: list[Any]
    at: Sequence[int]
    records: Sequence[RawRecord]
    rejected: list[RejectedRecord]

    def where(self, flags: list[bool]) -> Items:
        """Return those flagged."""
        objects, at, records = (list(compress(column, flags)) for column in (self.objects, self.at, self.records))
        return Items(objects, at, records, self.rejected)


class ItemForm(NamedTuple):
    """How records become objects, and for each path of a mapping the function that reads it from an object."""

    getters: Mapping[str, Getter]
    decode: Callable[[Sequence[RawRecord]], Items]


def json_form(paths: Sequence[str], is_flat: bool) -> ItemForm:
    """Return the form of JSON. `is_flat`: names with dots are columns of a table."""
    item = item_type(paths, is_flat)
    return ItemForm(item.getters, ItemDecoder(item).decode)


class ItemDecoder:
    """Decodes values to objects of a type."""

    def __init__(self, item: ItemType) -> None:
        self._struct = item.struct
        self._decode = msgspec.json.Decoder(item.struct | list[item.struct]).decode  # type: ignore[name-defined]

    def decode(self, records: Sequence[RawRecord]) -> Items:
        """Return the objects of all records. Never raises."""
        try:
            found = [self._decode(record.value) for record in records]  # type: ignore[arg-type]
            if set(map(type, found)) == {self._struct}:
                return Items(found, range(len(found)), records, [])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
            pass
        return self._each(records)

    def _each(self, records: Sequence[RawRecord]) -> Items:
        items = Items([], [], [], [])
        for at, record in enumerate(records):
            for item in self._objects(record.value or b""):
                if isinstance(item, Exception):
                    items.rejected.append(RejectedRecord(at, _reason(item), one_line(str(item))))
                    continue
                items.objects.append(item)
                items.at.append(at)  # type: ignore[attr-defined]
                items.records.append(record)  # type: ignore[attr-defined]
        return items

    def _objects(self, value: bytes) -> Iterator[Any]:
        """Yield the objects of a value, and the error where there is none."""
        try:
            found = self._decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            lines = [line for line in value.split(b"\n") if line.strip()]
            if len(lines) < 2 or isinstance(error, RecursionError):
                yield error
                return
            for line in lines:
                yield from self._objects(line)
            return
        yield from found if isinstance(found, list) else (found,)


def _reason(error: Exception) -> str:
    return "wrong-type" if isinstance(error, msgspec.ValidationError) else "not-json"


def keeper(keep: Keep, getters: Mapping[str, Getter]) -> Callable[[Items], Items] | None:
    """Return a function to the objects that have the wanted values; None when all are wanted."""
    wanted = [
        (getters[path], frozenset(map(str, values if isinstance(values, tuple) else (values,))))
        for path, values in keep.items()
    ]
    if not wanted:
        return None
    return lambda items: items.where(
        [all(str(get(found)) in values for get, values in wanted) for found in items.objects]
    )
