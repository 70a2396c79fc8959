"""The newest closed bins of all series, for charts and the API. A restart clears them: no snapshot has them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors.types import Change, ClosedBin, Ints
from schemas.outage import Outage, outage_id
from streams.ingest.series_index import FACETS, Series
from streams.pipeline.areas.area_sums import Summed
from streams.pipeline.feed import Feed

MAX_ENDED = 200  # ended outages whose bins are kept
OVER = ("closed", "rebaselined", "expired")  # not "retracted": such an outage was none
Levels = NDArray[np.float32]  # value, expected and spread; NaN where unknown
Facets = tuple[tuple[str, str], ...]
_ByName: TypeAlias = "defaultdict[str, list[tuple[FeedBins, Sequence[tuple[int, Levels]]]]]"


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


#: Reads the bins of a series, in any thread; None when the series is not here.
ReadHistory: TypeAlias = Callable[[], SeriesHistory | None]


class EntityRows(NamedTuple):
    """The series of an entity in one `FeedBins`, as they were at one moment, so that any thread may read them.

    `rows`, `born`: int64 (n,), the rows and the starts of their first bins. `series`: of each row; None, or that of
    another entity, where the row is to be left out. `bins`: those of all series of the feed.
    """

    feed: str
    width: int
    rows: Ints
    born: Ints
    series: Sequence[Series | None]
    bins: Sequence[tuple[int, Levels]]

    def of(self, entity: str) -> Iterator[tuple[Facets, int]]:
        """Yield the facets and the position of each series of the entity."""
        return (
            (series.facets, at)
            for at, series in enumerate(self.series)
            if series is not None and series.entity == entity
        )

    def history(self, at: int) -> SeriesHistory:
        """Return the bins of the series at a position, since it got its row."""
        row, born, series = int(self.rows[at]), int(self.born[at]), self.series[at]
        assert series is not None
        own = [(start, levels[:, row]) for start, levels in self.bins if start >= born and row < levels.shape[1]]
        levels = np.array([column for _, column in own], dtype=np.float32).reshape(-1, 3)
        return SeriesHistory(self.feed, series, self.width, [start for start, _ in own], levels)


class FeedBins:
    """The newest bins of one feed in one partition, or of one combination of its areas.

    `bins`: the start of each bin and its levels, shape (3, rows of the series index).
    """

    def __init__(self, name: str, feed: Feed | Summed, recent: RecentBins) -> None:
        self.name, self.feed = name, feed
        self.bins: deque[tuple[int, Levels]] = deque()
        self._recent = recent
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
        found = self.row_of(entity, facets, tuple(self.bins))
        return found.history(0) if found else None

    def row_of(self, entity: str, facets: Facets, bins: Sequence[tuple[int, Levels]]) -> EntityRows | None:
        """Return where the bins of a series are; None when the series is not here. `bins`: a copy of ours."""
        row = self.feed.index.by_series.get((entity, facets))
        if row is None:
            return None
        return self._rows(np.array([row]), [self.feed.index.rows[row]], bins)

    def rows_of(self, entity: str) -> EntityRows:
        """Return where the bins of all series of an entity are."""
        return self._rows(*self.feed.index.rows_of_entity(entity), tuple(self.bins))

    def _rows(self, rows: Ints, series: Sequence[Series | None], bins: Sequence[tuple[int, Levels]]) -> EntityRows:
        return EntityRows(self.name, self.feed.detector.rule.width, rows, self.feed.index.born[rows], series, bins)


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

    def of_outages(self, outages: Iterable[Outage]) -> list[ReadHistory]:
        """Return for each outage what reads the bins of its series, up to its end if it has ended.

        This only looks up where they are, so it is quick; the bins are read by whoever calls the results.
        """
        by_name = self._by_name()
        return [self._of_outage(outage, by_name) for outage in outages]

    def of_series(self, feed: str, entity: str, facets: Facets) -> SeriesHistory | None:
        """Return the bins of one series; None when the series is not here."""
        return _longest(_found(entity, facets, self._by_name()[feed]))

    def rows_of(self, entity: str) -> list[EntityRows]:
        """Return where the bins of all series of an entity are, quickly; `histories_of` reads them."""
        return [feed.rows_of(entity) for feed in self._all()]

    def _of_outage(self, outage: Outage, by_name: _ByName) -> ReadHistory:
        ended = self._ended.get(outage.outage_id)
        if ended is not None:
            return lambda: ended
        facets = tuple((name, outage.facets[name]) for name in FACETS if name in outage.facets)
        return partial(_longest, _found(outage.entity, facets, by_name[outage.feed]))

    def _by_name(self) -> _ByName:
        """Return all feeds by name, each with a copy of its bins."""
        found: _ByName = defaultdict(list)
        for feed in self._all():
            found[feed.name].append((feed, tuple(feed.bins)))
        return found

    def _drop(self, feed: FeedBins) -> None:
        self.bytes -= feed.bins.popleft()[1].nbytes

    def _all(self) -> Iterator[FeedBins]:
        return (feed for feeds in self._feeds.values() for feed in feeds)


def _found(
    entity: str, facets: Facets, feeds: Sequence[tuple[FeedBins, Sequence[tuple[int, Levels]]]]
) -> list[EntityRows]:
    found = (feed.row_of(entity, facets, bins) for feed, bins in feeds)
    return [rows for rows in found if rows is not None]


def _longest(found: Sequence[EntityRows]) -> SeriesHistory | None:
    """Return the bins of the series that is first in each; where most are kept, if several partitions have it."""
    return max((rows.history(0) for rows in found), key=lambda history: len(history.starts), default=None)
