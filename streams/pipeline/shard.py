"""The pure pipeline that the worker, `ebbtide detect`, the scenarios and the benchmarks run: batch in, outages out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from detectors.outages.detector import Detector
from detectors.types import Change
from schemas.finding import Levels
from schemas.outage import Outage
from streams.config.area_spec import combination
from streams.config.reference_data import ReferenceData
from streams.config.settings import Settings
from streams.ingest.batch import Batch, Rejected
from streams.ingest.columns import Reader
from streams.ingest.measurement_slice import MeasurementSlice
from streams.ingest.series_index import Series, SeriesIndex
from streams.pipeline import expected_levels as levels
from streams.pipeline.areas.area_sums import Areas, Patience, Told
from streams.pipeline.areas.cells import Partial
from streams.pipeline.feed import Closing, Feed, FeedRules
from streams.pipeline.outage_messages import outage_of

Scored = tuple[str, SeriesIndex, Detector]  # name of the feed, rows of its series


@dataclass(slots=True)
class Counts:
    """Measurements by what became of them: taken = binned + late + rejected + those still held in doubt."""

    taken: int = 0
    binned: int = 0
    late: int = 0
    rejected: int = 0
    outages: int = 0


class Closed(NamedTuple):
    """A bin of a feed that closed: its end (Unix seconds), revisions of outages, and levels if they are due.

    `fault`: most series of the feed have fallen in it. `empty`: none was measured in it.
    """

    feed: str
    end: int
    outages: list[Outage]
    levels: list[Levels] | None
    fault: bool = False
    empty: bool = False


class Output(NamedTuple):
    """The bins that closed, in order, and dead letters."""

    closed: list[Closed]
    rejected: list[Rejected]

    @property
    def outages(self) -> list[Outage]:
        """Revisions of outages in order."""
        return outages_of(self.closed)


@dataclass(slots=True)
class Shard:
    """State of one partition. The same messages give the same outages, however they are cut into batches.

    `areas`: of the feeds that have them, summed over this shard alone; none where `tells` is told the parts of each
    feed in them. `reference`: the calendar and the metadata.
    """

    settings: Settings
    feeds: dict[str, Feed] = field(default_factory=dict)
    areas: dict[str, Areas] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)
    reader: Reader = field(init=False)
    reference: ReferenceData = field(default_factory=ReferenceData)
    tells: Callable[[str, Partial], None] | None = None

    def __post_init__(self) -> None:
        calendar = self.reference.calendar
        self.feeds = {name: Feed(feed_rules(self.settings, name), self.reference) for name in self.settings.feeds}
        self.reader = Reader(self._plain())
        self.counts = {name: Counts() for name in self.settings.feeds}
        for name, feed in self.feeds.items():
            if self.tells:
                feed.partials = partial(self._tell, name)
            elif feed.rules.areas:
                patience = Patience(feed.rules.forget_after, feed.rules.expire_after)
                self.areas[name] = Areas(feed.rules.detector, patience, feed.rules.areas, calendar)
                feed.partials = self.areas[name].alone

    def _plain(self) -> list[str]:
        return [name for name, feed in self.feeds.items() if feed.is_columnar]

    def _tell(self, feed: str, part: Partial) -> Told:
        """Tell of a feed's areas what others sum up."""
        if self.tells:
            self.tells(feed, part)
        return []

    def apply(self, batch: Batch) -> Output:
        """Bin the measurements of a batch and return what came of the bins that closed."""
        found: list[tuple[str, Closing]] = []
        rejected: list[Rejected] = []
        for name, part in _by_feed(batch, self.reader.feeds):
            if name not in self.feeds:
                rejected += _unknown(name, part, batch)
                continue
            step = self.feeds[name].process(part, batch)
            found += [(name, closing) for closing in step.closed]
            rejected += step.rejected
            self._count(name, part.size, step.binned, step.late, len(step.rejected))
        if self.reader.is_full():
            self.reader = Reader(self._plain())
            for feed in self.feeds.values():
                feed.index.codes.clear()
        found.sort(key=lambda one: one[1].position)
        return Output([self._closed(name, closing) for name, closing in found], rejected)

    def advance(self, feed: str, newest: float, spoke: Collection[int] | None = None) -> Output:
        """Follow the clock of a feed that is alive elsewhere; the caller knows that this partition has nothing new.

        `spoke`: starts of the bins in which it was heard elsewhere (None: all).
        """
        if feed not in self.feeds:
            return Output([], [])
        step = self.feeds[feed].advance(newest, spoke)
        self.counts[feed].binned += step.binned
        return Output([self._closed(feed, closing) for closing in step.closed], [])

    def scored(self) -> Iterator[Scored]:
        """Yield what has series with a detector: feeds, and their areas."""
        for name, feed in self.feeds.items():
            yield name, feed.index, feed.detector
        for name, areas in self.areas.items():
            for summed in areas.summed.values():
                yield name, summed.index, summed.detector

    def newest(self) -> dict[str, float]:
        """Return the newest event time of each feed that has seen anything (Unix seconds)."""
        return {name: feed.watermark.newest for name, feed in self.feeds.items() if feed.watermark.newest is not None}

    def spoke(self) -> dict[str, set[int]]:
        """Return the starts of the bins that each feed was heard in since the last call."""
        told = {name: feed.spoke for name, feed in self.feeds.items() if feed.spoke}
        for name in told:
            self.feeds[name].spoke = set()
        return told

    def pending(self) -> int:
        """Return how many measurements ahead of their time wait until others confirm it."""
        return sum(len(feed.admission.leap_guard.pending) for feed in self.feeds.values())

    def tell_levels(self) -> None:
        """From now on, have levels told with the bins that close."""
        for name, feed in self.feeds.items():
            feed.levels = partial(self._levels, name)

    def _levels(self, name: str, start: int) -> list[Levels] | None:
        feed, areas = self.feeds[name], self.areas.get(name)
        summed = areas.summed.values() if areas else ()
        scored = [(feed.index, feed.detector), *((one.index, one.detector) for one in summed)]
        due = levels.is_due(start, start + feed.rules.time.width, [detector for _, detector in scored])
        return levels.levels_of(scored) if due else None

    def _closed(self, name: str, closing: Closing) -> Closed:
        outages = [self._outage(name, series, change) for series, change in closing.changes]
        return Closed(name, closing.end, outages, closing.levels, closing.fault, closing.empty)

    def _outage(self, name: str, series: Series, change: Change) -> Outage:
        self.counts[name].outages += change.revision == 1
        return outage_of(name, self.settings.feeds[name].signal, series, change)

    def _count(self, name: str, taken: int, binned: int, late: int, rejected: int) -> None:
        counts = self.counts[name]
        counts.taken += taken
        counts.binned += binned
        counts.late += late
        counts.rejected += rejected


def outages_of(closed: Iterable[Closed]) -> list[Outage]:
    """Return the revisions of outages of bins that closed, in order."""
    return [outage for one in closed for outage in one.outages]


def feed_rules(settings: Settings, name: str) -> FeedRules:
    """Return a feed's parameters out of the settings."""
    return FeedRules(
        detector=settings.rule(name),
        time=settings.time_rule(name),
        silence_is_zero=settings.feeds[name].silence_is_zero,
        forget_after=float(settings.worker.forget_after),
        expire_after=float(settings.worker.expire_after),
        areas=tuple(map(combination, settings.feeds[name].areas)),
    )


def _by_feed(batch: Batch, feeds: Mapping[str, int]) -> Iterable[tuple[str, MeasurementSlice]]:
    """Split measurements by feed, in the order in which the feeds first occur, each in order of arrival."""
    column = batch.columns.feed
    names = {number: name for name, number in feeds.items()}
    everything = MeasurementSlice(batch.measurements, np.arange(len(column)), np.arange(len(column)), batch.columns)
    if len(column) and (column == column[0]).all():
        return [(names[int(column[0])], everything)]
    return [(names[number], everything.where(column == number)) for number in dict.fromkeys(column.tolist())]


def _unknown(name: str, part: MeasurementSlice, batch: Batch) -> list[Rejected]:
    detail = f"no feed {name!r} in the settings"
    return [Rejected(batch.origin(position), "unknown-feed", detail) for position in part.positions.tolist()]
