"""The newest closed bins of all series, for charts and the API. A restart clears them: no snapshot has them."""

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

MAX_ENDED = 200  # ended outages whose bins are kept
OVER = ("closed", "rebaselined", "expired")  # not "retracted": such an outage was none
Levels = NDArray[np.float32]  # value, expected and spread; NaN where unknown
Facets = tuple[tuple[str, str], ...]


class SeriesHistory(NamedTuple):
    """The newest bins of one series, oldest first.

    `width`: of a bin, in seconds; `starts`: Unix seconds; `levels`: shape (bins, 3), the value, the expected level and
    the spread of each bin in the unit of the feed.
    """

    feed: str
    series: Series
    width: int
    starts: list[int]
    levels: Levels

    def last(self, bins: int) -> SeriesHistory:
        """Return only that many of the newest bins."""
        return self._replace(starts=self.starts[-bins:], levels=self.levels[-bins:])


class FeedBins:
    """The newest bins of one feed in one partition, or of one combination of its areas.

    `bins`: the start of each bin and its levels, shape (3, rows of the series index).
    """

    def __init__(self, name: str, feed: Feed | Summed, recent: RecentBins) -> None:
        self.name, self.feed = name, feed
        self.bins: deque[tuple[int, Levels]] = deque()
        self._recent = recent
        self._facets: tuple[int, frozenset[Facets]] = (-1, frozenset())
        feed.observer = self

    def __call__(self, closed: ClosedBin, changes: list[Change]) -> None:
        """Keep a bin that has just closed, and drop old bins to make room."""
        self.bins.append((closed.start, self.feed.detector.shown()))
        self._recent.make_room(self)
        for change in [change for change in changes if change.state in OVER][-MAX_ENDED:]:
            series = self.feed.index.rows[change.row]
            history = self.history(series.entity, series.facets) if series else None
            if history and history.starts:
                self._recent.keep_ended(history, change.opened)

    def history(self, entity: str, facets: Facets) -> SeriesHistory | None:
        """Return the bins of a series since it got its row; None when the series is not here."""
        index = self.feed.index
        row = index.by_series.get((entity, facets))
        series = None if row is None else index.rows[row]
        if row is None or series is None:
            return None
        born = int(index.born[row])
        own = [(start, levels[:, row]) for start, levels in self.bins if start >= born and row < levels.shape[1]]
        levels = np.array([column for _, column in own], dtype=np.float32).reshape(-1, 3)
        return SeriesHistory(self.name, series, self.feed.detector.rule.width, [start for start, _ in own], levels)

    def facets(self) -> frozenset[Facets]:
        """Return the facets of all series here. The result is cached until the series index changes."""
        index = self.feed.index
        if self._facets[0] != index.edition:
            self._facets = index.edition, frozenset(facets for _, facets in index.by_series)
        return self._facets[1]


class RecentBins:
    """The newest bins of all feeds of a worker.

    `bins`: maximum for each series; `limit`: maximum in bytes for all series together, which may leave fewer bins.
    """

    def __init__(self, bins: int, limit: int) -> None:
        self.bins, self.limit = bins, limit
        self.bytes = 0
        self._feeds: dict[int, list[FeedBins]] = {}
        self._ended: dict[str, SeriesHistory] = {}

    def watch(self, number: int, name: str, feed: Feed | Summed) -> None:
        """Keep the bins of a feed in a partition from now on."""
        if self.bins:
            self._feeds.setdefault(number, []).append(FeedBins(name, feed, self))

    def clear(self) -> None:
        """Drop all bins, since the partitions were revoked. Bins of ended outages stay."""
        self._feeds.clear()
        self.bytes = 0

    def make_room(self, grown: FeedBins) -> None:
        """Count the newest bin of a feed, then drop the oldest bins of the longest histories until the limit holds."""
        self.bytes += grown.bins[-1][1].nbytes
        if len(grown.bins) > self.bins:
            self._drop(grown)
        while self.bytes > self.limit:
            self._drop(max(self._all(), key=lambda feed: len(feed.bins)))

    def keep_ended(self, history: SeriesHistory, opened: int) -> None:
        """Keep the bins of an outage that has just ended. `opened`: start of its first bin (Unix seconds)."""
        series = history.series
        self._ended[outage_id(history.feed, series.entity, dict(series.facets), opened)] = history
        if len(self._ended) > MAX_ENDED:
            del self._ended[next(iter(self._ended))]

    def of_outage(self, outage: Outage) -> SeriesHistory | None:
        """Return the bins of the series of an outage, up to its end if it has ended; None when no bin is kept."""
        facets = tuple((name, outage.facets[name]) for name in FACETS if name in outage.facets)
        return self._ended.get(outage.outage_id) or self.of_series(outage.feed, outage.entity, facets)

    def of_series(self, feed: str, entity: str, facets: Facets) -> SeriesHistory | None:
        """Return the bins of one series; None when the series is not here."""
        histories = [found.history(entity, facets) for found in self._all() if found.name == feed]
        return max((found for found in histories if found), key=lambda found: len(found.starts), default=None)

    def of_entity(self, entity: str) -> list[SeriesHistory]:
        """Return the bins of all series of an entity, in order of feed and facets."""
        candidates = sorted({(feed.name, facets) for feed in self._all() for facets in feed.facets()})
        histories = [self.of_series(feed, entity, facets) for feed, facets in candidates]
        return [history for history in histories if history is not None]

    def _drop(self, feed: FeedBins) -> None:
        self.bytes -= feed.bins.popleft()[1].nbytes

    def _all(self) -> Iterator[FeedBins]:
        return (feed for feeds in self._feeds.values() for feed in feeds)
