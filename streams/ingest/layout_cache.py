"""A cache of text layouts: learns them from valid messages, and reads many messages at once by them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from detectors.types import Ints
from schemas.validate import MAX_BYTES, MAX_ELEMENTS
from streams.ingest.layout_table import LayoutTable, Rows, rows_at
from streams.ingest.text_layout import DIGITS_GONE, LONGEST, TextLayout, layout_of

_MOST = 2_000  # layouts; the cache learns no more beyond this
_AT_ONCE = 64  # texts to learn from in one run
_LONGEST_PAUSE = 64
_LAYOUTS_PER_RUN = 64  # the pause after learning is a run per so many layouts, since the table is built anew
_ENOUGH = 0.5  # least share of texts with a layout for which reading by layout pays
_ROOM = 8  # rows of elements may take so many times the memory of their texts
_OPEN, _COMMA, _SPACE, _BEGIN, _END = b"{, []"


class Elements(NamedTuple):
    """The joined texts of arrays, the start and end of each element, and the number of elements of each array."""

    text: bytes
    starts: Ints
    ends: Ints
    counts: Ints

    def at(self, position: int) -> bytes:
        """Return the text of an element."""
        return self.text[self.starts[position] : self.ends[position]]


class _Pause:
    """A number of runs of texts in which something is not tried."""

    def __init__(self) -> None:
        self._length = self._left = 0

    def is_active(self) -> bool:
        """Whether the pause covers the next run; counts it."""
        going = self._left > 0
        self._left -= going
        return going

    def begin(self, length: int) -> None:
        """Begin a pause of `length` runs."""
        self._length, self._left = 0, length

    def prolong(self) -> None:
        """Begin a pause twice as long as the last."""
        self._length = self._left = min(2 * self._length + 1, _LONGEST_PAUSE)


class LayoutCache:
    """Knows layouts of measurements of the feeds `plain`. Where it knows few it is not tried for a while, ever longer.

    `number` gives a sort its number.
    """

    def __init__(self, plain: Collection[str], number: Callable[[tuple[str | None, ...]], int]) -> None:
        self._plain, self._number = plain, number
        self._layouts: dict[bytes, TextLayout] = {}
        self._refused: set[bytes] = set()
        self._table = LayoutTable()
        self._rest = _Pause()
        self._learning = _Pause()

    def is_resting(self) -> bool:
        """Whether the cache skips the next run of texts."""
        return not self._plain or self._rest.is_active()

    def read(self, texts: Sequence[bytes], lengths: Ints) -> Rows:
        """Read texts of these lengths, at least one."""
        rows = np.array(texts, dtype=f"S{self._table.width}").view(np.uint8)
        return self._table.read(rows.reshape(len(texts), -1), lengths)

    def read_arrays(self, texts: Sequence[bytes], lengths: Ints) -> tuple[Rows, Elements] | None:
        """Read all elements of arrays, at least one; None when their bounds are not certain."""
        found = elements(texts, lengths, self._table.width)
        if found is None:
            return None
        sizes = found.ends - found.starts
        rows = rows_at(np.frombuffer(found.text, dtype=np.uint8), found.starts, sizes, self._table.width)
        return self._table.read(rows, sizes), found

    def note(self, share: float, others: Sequence[bytes]) -> None:
        """Note the share of texts that had a layout, and learn from others."""
        if share < _ENOUGH:
            self._pace(self._rest, self._learn(others))
            return
        self._rest.begin(0)
        if others and not self._learning.is_active():
            self._pace(self._learning, self._learn(others))

    def _pace(self, pause: _Pause, learnt: bool) -> None:
        """Pause for the longer, the less it helps and the longer it takes to make the table of all anew."""
        if learnt:
            pause.begin(len(self._layouts) // _LAYOUTS_PER_RUN)
        else:
            pause.prolong()

    def _learn(self, texts: Sequence[bytes]) -> bool:
        """Learn the layouts of texts; return whether one is new."""
        if len(self._layouts) > _MOST:
            return False
        every = {text.translate(DIGITS_GONE): text for text in texts if len(text) <= LONGEST}
        new = (gone for gone in every if gone not in self._layouts and gone not in self._refused)
        found = {gone: layout_of(every[gone], self._plain) for gone in islice(new, _AT_ONCE)}
        learnt = {gone: layout for gone, layout in found.items() if layout is not None}
        self._refuse(found.keys() - learnt.keys())
        if learnt:
            self._layouts.update(learnt)
            layouts = list(self._layouts.values())
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
