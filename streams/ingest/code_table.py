"""A table from codes to rows, for many codes at once."""

from __future__ import annotations

import numpy as np

from detectors.types import Ints

_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: what differs at all differs in the upper bits
_NOTHING = -2  # no code: they count from 0, and -1 stands for none


class CodeTable:
    """Codes and their rows: a hash table finds most at once, a sorted column finds the colliding rest."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all codes."""
        self._set(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

    def find(self, codes: Ints) -> Ints:
        """Return the row of each code as int64, -1 for a code without a row; shape of `codes`."""
        at = self._places(codes)
        rows = self._hashed_rows.take(at)
        missed = np.flatnonzero(self._hashed.take(at) != codes)
        if len(missed):
            rows[missed] = self._search(codes[missed])
        return rows

    def learn(self, codes: Ints, rows: Ints) -> None:
        """Add the rows of new codes, which may repeat; -1 is skipped."""
        codes, first = np.unique(codes, return_index=True)
        rows, codes = rows[first][codes >= 0], codes[codes >= 0]
        codes, rows = np.concatenate([self.codes, codes]), np.concatenate([self.rows, rows])
        order = np.argsort(codes, kind="stable")  # quick, as nearly all are in order
        self._set(codes[order], rows[order])

    def forget(self, rows: Ints) -> None:
        """Forget the codes of these rows."""
        kept = ~np.isin(self.rows, rows)
        self._set(self.codes[kept], self.rows[kept])

    def _set(self, codes: Ints, rows: Ints) -> None:
        self.codes, self.rows = codes, rows
        bits = max(4, (4 * len(codes)).bit_length())
        self._shift = np.uint64(64 - bits)
        self._hashed = np.full(1 << bits, _NOTHING, dtype=np.int64)
        self._hashed_rows = np.zeros(1 << bits, dtype=np.int64)
        at = self._places(codes)
        self._hashed[at], self._hashed_rows[at] = codes, rows

    def _places(self, codes: Ints) -> Ints:
        return ((codes.view(np.uint64) * _FACTOR) >> self._shift).view(np.int64)

    def _search(self, codes: Ints) -> Ints:
        if not len(self.codes):
            return np.full(len(codes), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        return np.where(self.codes[at] == codes, self.rows[at], -1)
