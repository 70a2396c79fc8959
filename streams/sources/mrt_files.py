"""Reads MRT files of a route collector in order of time, as values of bins."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from schemas.times import format_time
from streams.config.errors import InputError
from streams.sources.mrt import BrokenRecord, MrtItem, MrtReader, TableEntry
from streams.sources.mrt_records import records
from streams.sources.part_clock import Position
from streams.sources.records import RecordChunk
from streams.sources.route_bins import PART, RouteBins

LOG = logging.getLogger("ebbtide.source")
ITEMS: Final = 100_000  # after which counts are reported
COLLECTOR: Final = ""
NEXT: Final = 8  # items that show whether a time is right
AHEAD: Final = 300  # seconds that a record may be ahead of our clock


def in_time(names: Sequence[str]) -> list[str]:
    """Return files in order of the time of their first records, tables first. Raises InputError."""
    return sorted(names, key=_first)


def _first(name: str) -> tuple[int, int, str]:
    first = list(islice(records(name), NEXT))
    if not first:
        raise InputError(f"{name}: has no record")
    return sorted(ts for _, ts, _, _, _ in first)[len(first) // 2], first[0][2], name


class _FileItem(NamedTuple):
    name: str
    item: MrtItem

    @property
    def ts(self) -> float | None:
        """The time (Unix seconds); None for an entry of a table."""
        return None if isinstance(self.item, TableEntry) else self.item.ts


def read_mrt(
    names: Sequence[str], bins: RouteBins, positions: Mapping[str, Position] | None, now: float
) -> Iterator[RecordChunk]:
    """Yield the bins of files from their position on. Raises InputError, which names the file.

    `now`: wall time (Unix seconds). A record that is ahead of it, or of most that follow, is broken: time goes on with
    records, so one of them would end all bins before its time.
    """
    bins.begin = (positions or {}).get(PART, Position()).offset
    reading, items = "", _timely(_items(in_time(names)), float(bins.routes.gap_after), now)
    for seen, (name, item) in enumerate(items, 1):
        if name != reading and reading:
            yield bins.taken()
        reading = name
        bins.take(COLLECTOR, item)
        if seen % ITEMS == 0:
            yield bins.taken()
    bins.finish()
    yield bins.taken(last=True)


def _items(names: Sequence[str]) -> Iterator[_FileItem]:
    reader = MrtReader()
    return (_FileItem(name, item) for name in names for item in reader.read(name))


def _timely(items: Iterator[_FileItem], most: float, now: float) -> Iterator[_FileItem]:
    """Yield items; one that is ahead as a broken record of the newest time, with a line in the log for each file.

    `most`: seconds from one record to the next that need no look at those after it.
    """
    following, newest, named = deque(islice(items, NEXT)), 0.0, set[str]()
    while following:
        found = following.popleft()
        following.extend(islice(items, 1))
        if (ts := found.ts) is None:
            yield found
        elif ts <= newest + most or (fault := _fault(ts, following, most, now)) is None:
            newest = max(newest, ts)
            yield found
        else:
            fault = f"{found.name}: a record of {format_time(int(ts))} {fault}"
            if found.name not in named:
                LOG.warning("%s: it is left out", fault)
            named.add(found.name)
            at = newest or next((item.ts for item in following if item.ts is not None), 0.0)
            yield _FileItem(found.name, BrokenRecord(at, repr(found.item).encode(), fault))


def _fault(ts: float, following: deque[_FileItem], most: float, now: float) -> str | None:
    """Return what is wrong with a time; None for one that most of what follows confirms."""
    if ts > now + AHEAD:
        return f"is {ts - now:.0f} s ahead of the clock"
    after = [item.ts for item in following if item.ts is not None]
    if 2 * sum(time >= ts - most for time in after) >= len(after):
        return None
    return f"is {ts - max(time for time in after if time < ts - most):.0f} s ahead of those after it"
