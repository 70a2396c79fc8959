"""LayoutCache of the measurements of some feeds: learnt from texts that are good, and put to use on many at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from detectors.types import Ints
from schemas.validate import MAX_BYTES, MAX_ELEMENTS
from streams.ingest.layout_table import LayoutTable, Rows, rows_at
from streams.ingest.text_layout import DIGITS_GONE, LONGEST, Layout, layout_of

_MOST = 2_000  # layouts; when it knows that many it learns no more
_AT_ONCE = 64  # texts that it learns from
_LONGEST_PAUSE = 64
_LAYOUTS_PER_RUN = 64  # known, for each run of a pause after it has learnt: the table of all was made anew
_ENOUGH = 0.5  # the share of texts that it must know to be worth its while
_ROOM = 8  # times as much memory as texts of arrays may take, each element in a row
_OPEN, _COMMA, _SPACE, _BEGIN, _END = b"{, []"


class Elements(NamedTuple):
    """Texts of arrays as one, and where each of their elements begins and ends; `counts`: elements of each array."""

    text: bytes
    starts: Ints
    ends: Ints
    counts: Ints

    def at(self, position: int) -> bytes:
        """Return the text of an element."""
        return self.text[self.starts[position] : self.ends[position]]


class _Pause:
    """Runs of texts in which something is not tried."""

    def __init__(self) -> None:
        self._length = self._left = 0

    def goes_on(self) -> bool:
        """Whether it goes on for one more run."""
        going = self._left > 0
        self._left -= going
        return going

    def begin(self, length: int) -> None:
        """Begin one of that many runs."""
        self._length, self._left = 0, length

    def prolong(self) -> None:
        """Begin one that is twice as long as the last."""
        self._length = self._left = min(2 * self._length + 1, _LONGEST_PAUSE)


class LayoutCache:
    """Knows layouts of measurements of the feeds `plain`. Where it knows few it is not tried for a while, ever longer.

    `number` gives a sort its number.
    """

    def __init__(self, plain: Collection[str], number: Callable[[tuple[str | None, ...]], int]) -> None:
        self._plain, self._number = plain, number
        self._known: dict[bytes, Layout] = {}
        self._refused: set[bytes] = set()
        self._table = LayoutTable()
        self._rest = _Pause()
        self._learning = _Pause()

    def is_resting(self) -> bool:
        """Whether the next run of texts is one that it is not tried on."""
        return not self._plain or self._rest.goes_on()

    def read(self, texts: Sequence[bytes], lengths: Ints) -> Rows:
        """Read texts of these lengths, at least one."""
        rows = np.array(texts, dtype=f"S{self._table.width}").view(np.uint8)
        return self._table.read(rows.reshape(len(texts), -1), lengths)

    def read_arrays(self, texts: Sequence[bytes], lengths: Ints) -> tuple[Rows, Elements] | None:
        """Read all elements of arrays, at least one; None when it is not plain to see where these are."""
        found = elements(texts, lengths, self._table.width)
        if found is None:
            return None
        sizes = found.ends - found.starts
        rows = rows_at(np.frombuffer(found.text, dtype=np.uint8), found.starts, sizes, self._table.width)
        return self._table.read(rows, sizes), found

    def note(self, share: float, others: Sequence[bytes]) -> None:
        """Note the share of texts that were known, and learn from some others."""
        if share < _ENOUGH:
            self._pace(self._rest, self._learn(others))
            return
        self._rest.begin(0)
        if others and not self._learning.goes_on():
            self._pace(self._learning, self._learn(others))

    def _pace(self, pause: _Pause, learnt: bool) -> None:
        """Pause for the longer, the less it helps and the longer it takes to make the table of all anew."""
        if learnt:
            pause.begin(len(self._known) // _LAYOUTS_PER_RUN)
        else:
            pause.prolong()

    def _learn(self, texts: Sequence[bytes]) -> bool:
        """Get to know the layouts of texts; return whether there was a new one."""
        if len(self._known) > _MOST:
            return False
        every = {text.translate(DIGITS_GONE): text for text in texts if len(text) <= LONGEST}
        new = (gone for gone in every if gone not in self._known and gone not in self._refused)
        found = {gone: layout_of(every[gone], self._plain) for gone in islice(new, _AT_ONCE)}
        learnt = {gone: layout for gone, layout in found.items() if layout is not None}
        self._refuse(found.keys() - learnt.keys())
        if learnt:
            self._known.update(learnt)
            layouts = list(self._known.values())
            self._table = LayoutTable(layouts, [self._number(layout.sort) for layout in layouts])
        return bool(learnt)

    def _refuse(self, texts: Collection[bytes]) -> None:
        if len(self._refused) > _MOST:
            self._refused.clear()
        self._refused.update(texts)


def elements(texts: Sequence[bytes], lengths: Ints, room: int) -> Elements | None:
    """Return the elements of arrays of objects, `room` bytes behind the last; None where it is not plain to see.

    Each begins with its only opening brace, and nothing but a comma and at most a blank is between two. Whether an
    element ends with its only closing brace is for the caller to see.
    """
    text = b"".join([*texts, bytes(room)])
    data, stops = np.frombuffer(text, dtype=np.uint8), np.cumsum(lengths)
    starts = np.flatnonzero(data == _OPEN)
    first = np.searchsorted(starts, stops - lengths)
    counts = np.diff(first, append=len(starts))
    if counts.min() < 1 or counts.max() > MAX_ELEMENTS or lengths.max() > MAX_BYTES:
        return None
    if len(starts) * room > _ROOM * len(text):
        return None
    ends = np.append(starts[1:], 0) - 1
    ends -= data[ends] == _SPACE
    fine = data[ends] == _COMMA
    last = np.append(first[1:], len(starts)) - 1
    ends[last] = stops - 1
    fine[last] = (data[stops - 1] == _END) & (data[stops - lengths] == _BEGIN) & (starts[first] == stops - lengths + 1)
    return Elements(text, starts, ends, counts) if (fine & (starts < ends)).all() else None
