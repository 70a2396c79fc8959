"""The newest closed bins of all series, and means of the last day, for charts and the API.

A restart clears them: no snapshot has them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors.rewound import NEVER, Rewound
from detectors.types import DAY, HOUR, Change, ClosedBin, Ints
from schemas.measurement import FACETS
from schemas.outage import Outage, outage_id
from streams.ingest.series_index import Series
from streams.pipeline.areas.area_sums import Summed
from streams.pipeline.feed import Feed
from streams.worker.web.hour_means import HOURS, HourMeans

MAX_ENDED = 200  # ended outages whose bins are kept
OVER = ("closed", "rebaselined", "expired")  # not "retracted": such an outage was none
Levels = NDArray[np.float32]  # value, expected and spread; NaN where unknown
Facets = tuple[tuple[str, str], ...]
Column = tuple[int, Levels]  # the start of a bin or an hour, and the levels of all rows in it
_ByName: TypeAlias = "defaultdict[str, list[tuple[FeedBins, KeptColumns]]]"


class SeriesHistory(NamedTuple):
    """The newest bins of one series, oldest first.

    `width`: of a bin, in seconds; `starts`: Unix seconds; `levels`: shape (bins, 3), the value, the expected level and
    the spread of each bin in the unit of the feed. `day`: means of whole hours, whose spread is unknown; None where
    the bins themselves may reach back a day.
    """

    feed: str
    series: Series
    width: int
    starts: list[int]
    levels: Levels
    day: SeriesHistory | None = None

    def last(self, bins: int) -> SeriesHistory:
        """Return only that many of the newest bins."""
        return self._replace(starts=self.starts[-bins:], levels=self.levels[-bins:])


#: Reads the bins of a series, in any thread; None when the series is not here.
ReadHistory: TypeAlias = Callable[[], SeriesHistory | None]


class KeptColumns(NamedTuple):
    """What one `FeedBins` has at one moment, oldest first: levels of bins, shape (3, rows), and of hours, (2, rows)."""

    bins: Sequence[Column]
    hours: Sequence[Column] | None


class EntityRows(NamedTuple):
    """The series of an entity in one `FeedBins`, as they were at one moment, so that any thread may read them.

    `rows`, `born`: int64 (n,), the rows and the starts of their first bins. `series`: of each row; None, or that of
    another entity, where the row is to be left out. `columns`: of all series of the feed.
    """

    feed: str
    width: int
    rows: Ints
    born: Ints
    series: Sequence[Series | None]
    columns: KeptColumns

    def of(self, entity: str) -> Iterator[tuple[Facets, int]]:
        """Yield the facets and the position of each series of the entity."""
        return (
            (series.facets, at)
            for at, series in enumerate(self.series)
            if series is not None and series.entity == entity
        )

    def history(self, at: int) -> SeriesHistory:
        """Return the bins of the series at a position, since it got its row."""
        bins, hours = self.columns
        found = self._part(at, self.width, bins)
        return found if hours is None else found._replace(day=self._part(at, HOUR, hours))

    def _part(self, at: int, width: int, columns: Sequence[Column]) -> SeriesHistory:
        row, born, series = int(self.rows[at]), int(self.born[at]), self.series[at]
        assert series is not None
        own = [(start, levels[:, row]) for start, levels in columns if start >= born and row < levels.shape[1]]
        levels = np.full((len(own), 3), np.nan, np.float32)
        for number, (_, column) in enumerate(own):
            levels[number, : len(column)] = column
        return SeriesHistory(self.feed, series, width, [start for start, _ in own], levels)


class FeedBins:
    """The newest bins of one feed in one partition, or of one combination of its areas.

    `bins`: the start of each bin and its levels; `hours`: the same of the hours of the last day; None where the most
    bins that are kept reach back as far.
    """

    def __init__(self, name: str, feed: Feed | Summed, recent: RecentBins, rewound: Callable[[], Rewound]) -> None:
        self.name, self.feed, self._rewound = name, feed, rewound
        self.bins: deque[Column] = deque()
        width = feed.detector.rule.width
        self._means = HourMeans(width) if width <= HOUR and width * recent.bins < DAY else None
        self.hours: deque[Column] | None = None if self._means is None else deque()
        self._recent = recent
        feed.observer = self

    def __call__(self, closed: ClosedBin, changes: list[Change]) -> None:
        """Keep a bin that has just closed, and drop old bins to make room."""
        levels = self.feed.detector.shown()
        self._recent.keep(self.bins, (closed.start, levels), self._recent.bins)
        self._add_to_hour(closed.start, levels)
        for change in [change for change in changes if change.state in OVER][-MAX_ENDED:]:
            series = self.feed.index.rows[change.row]
            history = self.history(series.entity, series.facets) if series else None
            if history and history.starts:
                self._recent.keep_ended(history, change.opened, self._rewound().again(change.opened))

    def _add_to_hour(self, start: int, levels: Levels) -> None:
        if self._means is None or self.hours is None:
            return
        before = self._means.nbytes
        for hour in self._means.add(start, levels):
            self._recent.keep(self.hours, hour, HOURS)
        self._recent.bytes += self._means.nbytes - before

    def columns(self) -> KeptColumns:
        """Return what is kept now."""
        return KeptColumns(tuple(self.bins), None if self.hours is None else tuple(self.hours))

    def history(self, entity: str, facets: Facets) -> SeriesHistory | None:
        """Return the bins of a series since it got its row; None when the series is not here."""
        found = self.row_of(entity, facets, self.columns())
        return found.history(0) if found else None

    def row_of(self, entity: str, facets: Facets, columns: KeptColumns) -> EntityRows | None:
        """Return where the bins of a series are; None when the series is not here. `columns`: of this feed."""
        row = self.feed.index.by_series.get((entity, facets))
        if row is None:
            return None
        return self._rows(np.array([row]), [self.feed.index.rows[row]], columns)

    def rows_of(self, entity: str) -> EntityRows:
        """Return where the bins of all series of an entity are."""
        return self._rows(*self.feed.index.rows_of_entity(entity), self.columns())

    def _rows(self, rows: Ints, series: Sequence[Series | None], columns: KeptColumns) -> EntityRows:
        return EntityRows(self.name, self.feed.detector.rule.width, rows, self.feed.index.born[rows], series, columns)


class RecentBins:
    """The newest bins of all feeds of a worker.

    `bins`: maximum for each series; `limit`: maximum in bytes for all series together, hours included, which may leave
    fewer bins and hours.
    """

    def __init__(self, bins: int, limit: int) -> None:
        self.bins, self.limit = bins, limit
        self.bytes = 0
        self._feeds: dict[int, list[FeedBins]] = {}
        self._ended: dict[str, SeriesHistory] = {}

    def watch(
        self, number: int, name: str, feed: Feed | Summed, rewound: Callable[[], Rewound] = lambda: NEVER
    ) -> None:
        """Keep the bins of a feed in a partition from now on. `rewound`: returns how its time has gone back."""
        if self.bins:
            self._feeds.setdefault(number, []).append(FeedBins(name, feed, self, rewound))

    def clear(self) -> None:
        """Drop all bins, since the partitions were revoked. Bins of ended outages stay."""
        self._feeds.clear()
        self.bytes = 0

    def keep(self, columns: deque[Column], newest: Column, most: int) -> None:
        """Append the newest column, then drop the oldest of the longest histories until the limit holds.

        `columns`: bins or hours of a feed, of which at most so many are kept.
        """
        while columns and columns[-1][0] >= newest[0]:  # time has gone back
            self.bytes -= columns.pop()[1].nbytes
        columns.append(newest)
        self.bytes += newest[1].nbytes
        if len(columns) > most:
            self._drop(columns)
        while self.bytes > self.limit and (longest := max(self._histories(), key=len)):
            self._drop(longest)

    def keep_ended(self, history: SeriesHistory, opened: int, again: int = 0) -> None:
        """Keep the bins of an outage that has just ended. `opened`, `again`: see `outage_id`."""
        series = history.series
        self._ended[outage_id(history.feed, series.entity, dict(series.facets), opened, again)] = history
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
        """Return where the bins of all series of an entity are, quickly; `EntityRows` reads them."""
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
            found[feed.name].append((feed, feed.columns()))
        return found

    def _drop(self, columns: deque[Column]) -> None:
        self.bytes -= columns.popleft()[1].nbytes

    def _histories(self) -> Iterator[deque[Column]]:
        return (columns for feed in self._all() for columns in (feed.bins, feed.hours) if columns is not None)

    def _all(self) -> Iterator[FeedBins]:
        return (feed for feeds in self._feeds.values() for feed in feeds)


def _found(entity: str, facets: Facets, feeds: Sequence[tuple[FeedBins, KeptColumns]]) -> list[EntityRows]:
    found = (feed.row_of(entity, facets, columns) for feed, columns in feeds)
    return [rows for rows in found if rows is not None]


def _longest(found: Sequence[EntityRows]) -> SeriesHistory | None:
    """Return the bins of the series that is first in each; where most are kept, if several partitions have it."""
    return max((rows.history(0) for rows in found), key=lambda history: len(history.starts), default=None)
