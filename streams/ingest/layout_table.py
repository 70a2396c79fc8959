"""Measurements read off their texts by layout, many at once: no object for each, and only its digits are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors.types import Flags, Floats, Ints
from schemas.times import END_OF_TIME
from streams.ingest.code_table import CodeTable
from streams.ingest.text_layout import LONGEST, WORD, Number, TextLayout

Bytes: TypeAlias = NDArray[np.uint8]
Words: TypeAlias = NDArray[np.uint64]

_WEIGHTS = np.random.default_rng(7).integers(2**63, size=LONGEST // WORD + 2, dtype=np.uint64) | np.uint64(1)
_DIGIT, _PAIR, _FOUR, _EIGHT = map(np.uint64, (0x0F0F0F0F0F0F0F0F, 0xFF00FF00FF00FF, 0xFFFF0000FFFF, 0xFFFFFFFF))


class Rows(NamedTuple):
    """Columns of shape (n,) read from `n` rows. `ts` in Unix seconds; `sort`: number of the sort of the layout.

    `matched`: whether the row has a layout and numbers within bounds; elsewhere the other columns mean nothing.
    """

    matched: Flags
    ts: Floats
    value: Floats
    sort: Ints
    asn: Ints


class LayoutTable:
    """Layouts, each with the number of its sort. A row is a text with zeros behind it, at least `WORD` of them."""

    def __init__(self, layouts: Sequence[TextLayout] = (), sorts: Sequence[int] = ()) -> None:
        longest = max((len(layout.text) for layout in layouts), default=0)
        self.width = -(-longest // WORD) * WORD + WORD
        texts = np.array([layout.text for layout in layouts], dtype=f"S{self.width}").view(np.uint8)
        gone = _without_digits(texts.reshape(len(layouts), self.width))
        self._gone = gone.view(f"V{self.width}").ravel()
        self._codes = CodeTable()
        self._codes.learn(_codes(gone), np.arange(len(layouts)))
        self._length = np.array([len(layout.text) for layout in layouts], dtype=np.int64)
        self._sort = np.array(sorts, dtype=np.int64)
        words = [_words(layout, self.width - WORD) for layout in layouts]
        self._at = np.array([[at for at, _ in spans] for spans in words], dtype=np.int64).T.copy()
        self._shift = np.array(
            [[8 * (WORD - digits) for _, digits in spans] for spans in words], dtype=np.uint64
        ).T.copy()
        self._scale = np.array([_scales(layout) for layout in layouts]).T.copy()

    def read(self, rows: Bytes, lengths: Ints) -> Rows:
        """Read texts of these lengths, each in a row `width` wide."""
        if not len(self._length):
            return _nothing(len(rows))
        gone = _without_digits(rows)
        layout = self._codes.find(_codes(gone))
        matched = layout >= 0
        layout = np.maximum(layout, 0)
        matched &= (gone.view(np.uint64) == self._gone[layout].view(np.uint64).reshape(len(rows), -1)).all(axis=1)
        matched &= lengths == self._length[layout]
        return self._numbers(rows, layout, matched)

    def _numbers(self, rows: Bytes, layout: Ints, matched: Flags) -> Rows:
        """Read the numbers; a first digit of 0 is none of JSON where more follow."""
        at = self._at.take(layout, axis=1) + np.arange(0, rows.size, self.width)
        words = _window(rows, WORD)[at].view("<u8") << self._shift.take(layout, axis=1)
        asn, ts, ts_rest, ts_behind, value, value_rest, value_behind = _eight_digits(words).astype(np.float64)
        least_asn, least_ts, ts_scale, least_value, value_scale, absent = self._scale.take(layout, axis=1)
        ts, value = ts * 1e8 + ts_rest, value * 1e8 + value_rest
        matched &= (asn >= least_asn) & (ts >= least_ts) & (value >= least_value)
        ts, value = (ts * ts_scale + ts_behind) / ts_scale, (value * value_scale + value_behind) / value_scale + absent
        return Rows(matched & (ts < END_OF_TIME), ts, value, self._sort[layout], asn.astype(np.int64))


def _nothing(count: int) -> Rows:
    zeros = np.zeros(count, dtype=np.int64)
    return Rows(zeros > 0, zeros.astype(np.float64), zeros.astype(np.float64), zeros, zeros)


def rows_at(text: Bytes, starts: Ints, lengths: Ints, width: int) -> Bytes:
    """Return parts of a text as rows; behind the last there must be as much as a row is wide."""
    rows = _window(text, width)[starts].view(np.uint8).reshape(len(starts), width)
    shortest = int(lengths.min())
    rows[:, shortest:] *= np.arange(shortest, width) < lengths[:, None]
    return rows


def _window(data: Bytes, width: int) -> NDArray[np.void]:
    """Return what begins at each byte."""
    return np.ndarray((data.size - width + 1,), f"V{width}", data, strides=(1,))


def _without_digits(rows: Bytes) -> Bytes:
    """Return a copy in which digits are 0 and all other bytes keep distinct values."""
    gone = rows - np.uint8(ord("0"))
    gone *= gone >= np.uint8(10)
    return gone


def _codes(gone: Bytes) -> Ints:
    words = gone.view(np.uint64)
    return ((words @ _WEIGHTS[: words.shape[1]]) >> np.uint64(1)).view(np.int64)


def _eight_digits(words: Words) -> Words:
    """Return the numbers that eight digits each are, the first in the lowest byte; a byte 0 counts as a digit 0."""
    words = words & _DIGIT
    for shift, times, keep in ((8, 10, _PAIR), (16, 100, _FOUR), (32, 10_000, _EIGHT)):
        words = (words * np.uint64(times) + (words >> np.uint64(shift))) & keep
    return words


def _words(layout: TextLayout, nothing: int) -> list[tuple[int, int]]:
    """Return where the digits of ASN, time and value begin, and how many are to be read there."""
    return [_halves(layout.asn, nothing)[1], *_halves(layout.ts, nothing), *_halves(layout.value, nothing)]


def _halves(number: Number | None, nothing: int) -> list[tuple[int, int]]:
    """Return the same for the upper and the lower half before the point, and behind it."""
    if number is None:
        return [(nothing, WORD)] * 3
    start, whole, behind = number
    upper = max(0, whole - WORD)
    spans = (start, upper), (start + upper, whole - upper), (start + whole + 1, behind)
    return [(at, digits) if digits else (nothing, WORD) for at, digits in spans]


def _scales(layout: TextLayout) -> list[float]:
    """Return what bounds and divides the numbers, and the value where the text names none."""
    scales = [max(1.0, _least(layout.asn)), _least(layout.ts), 10.0**layout.ts.behind]
    if layout.value is None:
        return [*scales, 0.0, 1.0, 1.0]
    return [*scales, _least(layout.value), 10.0**layout.value.behind, 0.0]


def _least(number: Number) -> float:
    return 10.0 ** (number.whole - 1) if number.whole > 1 else 0.0
