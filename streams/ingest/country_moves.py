"""Networks whose measurements name another country than before: noticed as they arrive, in force when their bin closes.

A bin closes at the same measurement however batches are cut, so the country of an outage does not depend on batches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from detectors.bins import padded
from detectors.types import Ints
from streams.ingest.columns import SHIFT

SORT = (1 << SHIFT) - 1  # the bits of a code that number its sort


class CountryMoves:
    """The country, as a number, that each row's measurements name last, by start of the bin; only where it changes."""

    def __init__(self) -> None:
        self.waiting: dict[int, dict[int, int]] = {}
        self._named: Ints = np.zeros(0, dtype=np.int64)  # by sort; 0: names none

    def learn(self, codes: Ints, countries: Sequence[int]) -> None:
        """Note the countries that the measurements of codes name; all of one sort name the same. 0: none."""
        for code, country in zip(codes.tolist(), countries, strict=True):
            if code >= 0:
                self._named = padded(self._named, (code & SORT) + 1)
                self._named[code & SORT] = country

    def forget_codes(self) -> None:
        """Forget what codes name."""
        self._named = np.zeros(0, dtype=np.int64)

    def named(self, codes: Ints) -> Ints:
        """Return the country that the measurements of each code name; 0 for none, and where there is no code."""
        if not len(self._named):
            return np.zeros(len(codes), dtype=np.int64)
        return np.where(codes >= 0, self._named[np.maximum(codes, 0) & SORT], 0)

    def note(self, named: Ints, rows: Ints, starts: Ints, group: Ints) -> None:
        """Note measurements in order of arrival that name another country than their row has: its number in `group`.

        `named`: the country that each names, 0 for none.
        """
        differs = (named != group[rows]) & (named > 0)
        moving = [*rows[differs].tolist(), *(row for moves in self.waiting.values() for row in moves)]
        if not moving:
            return
        for at in np.flatnonzero(np.isin(rows, moving) & (named > 0)).tolist():  # a return to its row's country counts
            self.waiting.setdefault(int(starts[at]), {})[int(rows[at])] = int(named[at])

    def take(self, start: int, busy: Collection[int]) -> Iterator[tuple[int, int]]:
        """Yield rows and countries of the bins up to this start, oldest first; those of `busy` rows go on waiting."""
        kept: dict[int, int] = {}
        for due in sorted(due for due in self.waiting if due <= start):
            for row, country in sorted(self.waiting.pop(due).items()):
                if row in busy:
                    kept[row] = country
                else:
                    yield row, country
        if kept:
            self.waiting[start] = kept

    def go_back(self, start: int) -> None:
        """Let all that waits wait for the bin of this start, which closes next."""
        rows = {row: country for due in sorted(self.waiting) for row, country in self.waiting[due].items()}
        self.waiting = {start: rows} if rows else {}

    def forget(self, rows: Collection[int]) -> None:
        """Forget rows that are freed."""
        for start in list(self.waiting):
            left = {row: country for row, country in self.waiting[start].items() if row not in rows}
            self.waiting[start] = left
            if not left:
                del self.waiting[start]
