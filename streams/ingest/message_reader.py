"""From message values to measurements: columns of all, and each itself where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias, cast, overload

import numpy as np

from detectors.types import Ints
from schemas.decode import RejectedValue, decode_parts, decode_validated, join_parts
from schemas.measurement import Measurement
from streams.ingest.columns import Columns, Looked, Reader
from streams.ingest.layout_cache import Elements
from streams.ingest.layout_table import Rows

_PART_BYTES = 1_000_000  # bytes read by layout at once; more calls of NumPy cost more than their work
_PART_ROWS = 8_000


class Element(NamedTuple):
    """Stands for each of the elements that lie in a pool from the place `first` on."""

    elements: Elements
    first: int


Item: TypeAlias = Measurement | bytes | Element


class Pool(Sequence[Measurement]):
    """Measurements; those read by layout are decoded when they are accessed."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, at: int) -> Measurement: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Measurement]: ...
    def __getitem__(self, at: int | slice) -> Measurement | Sequence[Measurement]:
        """Return the measurement at a place."""
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        item = self._items[at]
        if isinstance(item, Measurement):
            return item
        return decode_validated(item if isinstance(item, bytes) else item.elements.at(at - item.first))


class Read(NamedTuple):
    """Measurements in order, the index of the message that each came from, their columns, and dead letters in order."""

    measurements: Sequence[Measurement]
    source: Sequence[int] | Ints
    columns: Columns
    dead: list[RejectedValue]


class _Piece(NamedTuple):
    """What was read from some values. `texts`: measurements, or the texts to decode them from."""

    looked: Looked
    source: Sequence[int] | Ints
    texts: Sequence[Measurement | bytes] | Elements
    dead: list[RejectedValue]
    is_decoded: bool = False


def read(values: Sequence[bytes | None], reader: Reader) -> Read:
    """Read whole message values; the outcome is that of `schemas.decode.decode`."""
    size = max(1, min(_PART_ROWS, _PART_BYTES // (len(values[0] or b"") + 1))) if values else 1
    starts = range(0, len(values), size)
    pieces = [piece for start in starts for piece in _pieces(start, values[start : start + size], reader)]
    columns = reader.columns([piece.looked for piece in pieces])
    return Read(_pool(pieces), _source(pieces), columns, [letter for piece in pieces for letter in piece.dead])


def _pieces(start: int, values: Sequence[bytes | None], reader: Reader) -> Iterator[_Piece]:
    """Read values by layout where they have one, and decode the rest; `start`: index of the first."""
    if reader.layouts.is_resting():
        return _decoded(start, values, reader)
    texts = cast("Sequence[bytes]", values)
    try:
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    except TypeError:  # a null value
        return _decoded(start, values, reader)
    return (_arrays if texts[0].startswith(b"[") else _singles)(start, texts, lengths, reader)


def _singles(start: int, texts: Sequence[bytes], lengths: Ints, reader: Reader) -> Iterator[_Piece]:
    rows = reader.layouts.read(texts, lengths)
    rest = np.flatnonzero(~rows.matched)
    reader.layouts.note(1.0 - len(rest) / len(texts), [texts[at] for at in rest.tolist()])
    if not len(rest):
        yield _Piece(_looked(rows), range(start, start + len(texts)), texts, [])
    elif len(rest) == len(texts):
        yield from _decoded(start, texts, reader)
    else:
        yield _mixed(start, texts, rows, rest, reader)


def _mixed(start: int, texts: Sequence[bytes], rows: Rows, rest: Ints, reader: Reader) -> _Piece:
    """Return measurements read by layout and decoded ones in order of arrival."""
    decoded = join_parts(list(decode_parts([texts[at] for at in rest.tolist()])))
    by_layout = np.flatnonzero(rows.matched)
    source = np.concatenate([by_layout, rest[np.asarray(decoded.source, dtype=np.int64)]])
    order = np.argsort(source, kind="stable")
    halves = zip(_looked(rows, by_layout), reader.look(decoded.measurements), strict=True)
    ts, value, sorts, asns = (np.concatenate(both)[order] for both in halves)
    found = [*(texts[at] for at in by_layout.tolist()), *decoded.measurements]
    dead = [replace(letter, index=start + int(rest[letter.index])) for letter in decoded.dead]
    return _Piece((ts, value, sorts, asns), start + source[order], [found[at] for at in order.tolist()], dead)


def _arrays(start: int, texts: Sequence[bytes], lengths: Ints, reader: Reader) -> Iterator[_Piece]:
    """Read arrays by layout if all elements have one; else decode them."""
    found = reader.layouts.read_arrays(texts, lengths)
    if found is None:
        reader.layouts.note(0.0, [])
        return _decoded(start, texts, reader)
    rows, elements = found
    rest = np.flatnonzero(~rows.matched)
    reader.layouts.note(float(not len(rest)), [elements.at(at) for at in rest.tolist()])
    if len(rest):
        return _decoded(start, texts, reader)
    source = np.repeat(np.arange(start, start + len(texts)), elements.counts)
    return iter([_Piece(_looked(rows), source, elements, [])])


def _decoded(start: int, values: Sequence[bytes | None], reader: Reader) -> Iterator[_Piece]:
    for part in decode_parts(values, start):
        yield _Piece(reader.look(part.measurements), part.source, part.measurements, part.dead, is_decoded=True)


def _looked(rows: Rows, which: Ints | slice = slice(None)) -> Looked:
    return rows.ts[which], rows.value[which], rows.sort[which], rows.asn[which]


def _pool(pieces: Sequence[_Piece]) -> Sequence[Measurement]:
    """Return all measurements; a list when all are there."""
    items: list[Item] = []
    for piece in pieces:
        texts = piece.texts
        items += [Element(texts, len(items))] * len(texts.starts) if isinstance(texts, Elements) else texts
    return cast("list[Measurement]", items) if all(piece.is_decoded for piece in pieces) else Pool(items)


def _source(pieces: Sequence[_Piece]) -> Sequence[int] | Ints:
    """Return the index of the message of each measurement; a range when every message is one measurement."""
    sources = [piece.source for piece in pieces]
    if all(isinstance(source, range) for source in sources):
        return range(sum(map(len, sources)))
    return np.concatenate([np.asarray(source, dtype=np.int64) for source in sources])
