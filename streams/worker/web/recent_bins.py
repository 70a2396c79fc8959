"""The newest closed bins of all series, to draw and to answer from. Not part of the state: a restart begins anew."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.types import Change, ClosedBin
from schemas.outage import Outage, outage_id
from streams.ingest.series_index import FACETS, Series
from streams.pipeline.areas.area_sums import Summed
from streams.pipeline.feed import Feed

FRAMES = 200  # outages that have ended whose bins are kept as they were then
OVER = ("closed", "rebaselined", "expired")  # what was retracted was none
Shown = NDArray[np.float32]  # value, expected and spread; NaN is unknown
Facets = tuple[tuple[str, str], ...]


class Strip(NamedTuple):
    """The newest bins of one series, oldest first. `shown`: of each bin its value, expected and spread."""

    feed: str
    series: Series
    width: int
    starts: list[int]
    shown: Shown

    def last(self, bins: int) -> Strip:
        """Return only so many of the newest bins."""
        return self._replace(starts=self.starts[-bins:], shown=self.shown[-bins:])


class Roll:
    """The newest bins of one feed in one partition, or of one sort of its areas. Of each bin a row per series."""

    def __init__(self, name: str, feed: Feed | Summed, album: Album) -> None:
        self.name, self.feed = name, feed
        self.bins: deque[tuple[int, Shown]] = deque()
        self._album = album
        self._facets: tuple[int, frozenset[Facets]] = (-1, frozenset())
        feed.observer = self

    def __call__(self, seen: ClosedBin, changes: list[Change]) -> None:
        """Keep a bin that has just closed, and drop old ones to make room."""
        self.bins.append((seen.start, self.feed.detector.shown()))
        self._album.make_room(self)
        for change in [one for one in changes if one.state in OVER][-FRAMES:]:
            series = self.feed.index.rows[change.row]
            strip = self.strip(series.entity, series.facets) if series else None
            if strip and strip.starts:
                self._album.frame(strip, change.opened)

    def strip(self, entity: str, facets: Facets) -> Strip | None:
        """Return the bins of a series since it has its row; None when it is not here."""
        index = self.feed.index
        row = index.by_series.get((entity, facets))
        series = None if row is None else index.rows[row]
        if row is None or series is None:
            return None
        born = int(index.born[row])
        mine = [(start, shown[:, row]) for start, shown in self.bins if start >= born and row < shown.shape[1]]
        columns = np.array([column for _, column in mine], dtype=np.float32).reshape(-1, 3)
        return Strip(self.name, series, self.feed.detector.rule.width, [start for start, _ in mine], columns)

    def facets(self) -> frozenset[Facets]:
        """Return the facets that series here have; looked for again only when series came or went."""
        index = self.feed.index
        if self._facets[0] != index.edition:
            self._facets = index.edition, frozenset(facets for _, facets in index.by_series)
        return self._facets[1]


class Album:
    """All rolls of a worker. `bins`: kept of each series, fewer where that would be more than `limit` bytes in all."""

    def __init__(self, bins: int, limit: int) -> None:
        self.bins, self.limit = bins, limit
        self.bytes = 0
        self._rolls: dict[int, list[Roll]] = {}
        self._framed: dict[str, Strip] = {}

    def watch(self, number: int, name: str, feed: Feed | Summed) -> None:
        """Keep the bins of a feed in a partition from now on."""
        if self.bins:
            self._rolls.setdefault(number, []).append(Roll(name, feed, self))

    def clear(self) -> None:
        """Forget everything: the partitions are gone."""
        self._rolls.clear()
        self.bytes = 0

    def make_room(self, grown: Roll) -> None:
        """Count the newest bin of a roll, and drop the oldest of the longest ones while there is too much."""
        self.bytes += grown.bins[-1][1].nbytes
        if len(grown.bins) > self.bins:
            self._drop(grown)
        while self.bytes > self.limit:
            self._drop(max(self._all(), key=lambda roll: len(roll.bins)))

    def frame(self, strip: Strip, opened: int) -> None:
        """Keep the bins of an outage that has just ended, as long as it is among the newest of them."""
        series = strip.series
        self._framed[outage_id(strip.feed, series.entity, dict(series.facets), opened)] = strip
        if len(self._framed) > FRAMES:
            del self._framed[next(iter(self._framed))]

    def of_outage(self, outage: Outage) -> Strip | None:
        """Return the bins that show an outage: those up to its end, or the newest; None when there are none."""
        facets = tuple((name, outage.facets[name]) for name in FACETS if name in outage.facets)
        return self._framed.get(outage.outage_id) or self.strip(outage.feed, outage.entity, facets)

    def strip(self, feed: str, entity: str, facets: Facets) -> Strip | None:
        """Return the bins of one series; None when it is not here."""
        strips = [roll.strip(entity, facets) for roll in self._all() if roll.name == feed]
        return max((strip for strip in strips if strip), key=lambda strip: len(strip.starts), default=None)

    def strips(self, entity: str) -> list[Strip]:
        """Return the bins of all series of an entity, in order of feed and facets."""
        asked = sorted({(roll.name, facets) for roll in self._all() for facets in roll.facets()})
        strips = [self.strip(feed, entity, facets) for feed, facets in asked]
        return [strip for strip in strips if strip is not None]

    def _drop(self, roll: Roll) -> None:
        self.bytes -= roll.bins.popleft()[1].nbytes

    def _all(self) -> Iterator[Roll]:
        return (roll for rolls in self._rolls.values() for roll in rolls)
