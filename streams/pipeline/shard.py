"""The pure pipeline of one partition, which the worker and `ebbtide detect` both run: batches in, bin reports out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from msgspec import UNSET

from detectors.outages.detector import Detector
from detectors.rewound import Rewound
from detectors.types import Change, Flags
from schemas.bin_report import BinReport, Doubts, Levels
from schemas.measurement import entity_of
from schemas.outage import Outage
from streams.config.area_spec import combination
from streams.config.reference_data import ReferenceData
from streams.config.settings import Settings
from streams.ingest.batch import Batch, Rejected
from streams.ingest.columns import SHIFT, Reader
from streams.ingest.measurement_slice import MeasurementSlice
from streams.ingest.placement import Home, placement
from streams.ingest.series_index import Series, SeriesIndex
from streams.pipeline import expected_levels as levels
from streams.pipeline.areas.area_sums import Areas, SeriesChanges, patience_of
from streams.pipeline.areas.cells import Partial
from streams.pipeline.doubtful_series import doubts_of
from streams.pipeline.emitted import Emitted, FeedActivity
from streams.pipeline.feed import Closing, Feed, FeedRules
from streams.pipeline.findings import SHARD
from streams.pipeline.outage_messages import outage_of

Scored = tuple[str, SeriesIndex, Detector]  # name of the feed, rows of its series


@dataclass(slots=True)
class Counts:
    """Counts of a feed's measurements by outcome: taken = binned + late + rejected + pending; and of its outages.

    `misplaced`: of those taken, or refused, the ones whose entity belongs to another partition.
    """

    taken: int = 0
    binned: int = 0
    late: int = 0
    rejected: int = 0
    outages: int = 0
    misplaced: int = 0


@dataclass(slots=True)
class Shard:
    """State of one partition. The same messages give the same outages, however they are cut into batches.

    `areas`: sums over this shard alone, by feed; empty where `take_area_sums` takes the parts of each feed, for a stage
    that sums them over all shards. `reporter`: the name in the bin reports. `reference`: calendar and metadata. `home`:
    the shard's partition and where entities belong; None where nobody knows. `stray`: the newest entity that belongs
    elsewhere. `lot`: the partition that an entity counts in, where this shard has the measurements of all partitions.
    """

    settings: Settings
    feeds: dict[str, Feed] = field(default_factory=dict)
    areas: dict[str, Areas] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)
    reader: Reader = field(init=False)
    reference: ReferenceData = field(default_factory=ReferenceData)
    take_area_sums: Callable[[str, Partial], None] | None = None
    reporter: str = SHARD.format(0)
    home: Home | None = None
    stray: str | None = None
    lot: Callable[[str], int] | None = None

    def __post_init__(self) -> None:
        calendar = self.reference.calendar
        lot, partitions = self._lots()
        self.feeds = {
            name: Feed(feed_rules(self.settings, name, partitions), self.reference, lot) for name in self.settings.feeds
        }
        self.reader = Reader(self._plain())
        self.counts = {name: Counts() for name in self.settings.feeds}
        for name, feed in self.feeds.items():
            if self.take_area_sums:
                feed.partials = partial(self._pass_on, name)
            elif feed.rules.areas:
                patience = patience_of(self.settings, name)
                self.areas[name] = Areas(feed.rules.detector, patience, feed.rules.areas, calendar)
                feed.partials, feed.put_areas_back = self.areas[name].alone, self.areas[name].go_back

    def _lots(self) -> tuple[Callable[[str], int], int]:
        """Return the partition that an entity counts in, and how many partitions share the limits of a feed.

        A shard of all measurements counts those of each partition for itself, so its limits are reached as in a worker.
        """
        kafka = self.settings.kafka
        if self.lot:
            return self.lot, kafka.partitions
        if kafka.partitioner == "any":
            return lambda _: 0, 1
        return placement(kafka.partitioner, kafka.partitions).of, kafka.partitions

    def _plain(self) -> list[str]:
        return [name for name, feed in self.feeds.items() if feed.is_columnar]

    def _pass_on(self, feed: str, part: Partial) -> SeriesChanges:
        """Give the parts of a feed's areas to the stage that passes them on."""
        if self.take_area_sums:
            self.take_area_sums(feed, part)
        return []

    def apply(self, batch: Batch) -> Emitted:
        """Return bin reports and dead letters of a batch of measurements."""
        closings: list[tuple[str, Closing]] = []
        rejected: list[Rejected] = []
        away = self.home.away(batch.measurements, batch.columns) if self.home else None
        for name, part in _by_feed(batch, self.reader.feeds):
            if name not in self.feeds:
                rejected += _unknown(name, part, batch)
                continue
            if away is not None and (astray := away[part.positions]).any():
                part, refused = self._at_home(name, part, astray, batch)
                rejected += refused
            step = self.feeds[name].process(part, batch)
            closings += [(name, closing) for closing in step.closed]
            rejected += step.rejected
            self._count(name, part.size, step.binned, step.late, len(step.rejected))
        if self.reader.is_full():
            self.reader = Reader(self._plain())
            for feed in self.feeds.values():
                feed.index.forget_codes()
        closings.sort(key=lambda of_feed: of_feed[1].position)
        setbacks = [(name, closing.setback) for name, closing in closings if closing.setback]
        reports = [self._report(name, closing) for name, closing in closings]
        return Emitted(bin_reports=reports, dead_letters=rejected, setbacks=setbacks)

    def _at_home(
        self, name: str, part: MeasurementSlice, astray: Flags, batch: Batch
    ) -> tuple[MeasurementSlice, list[Rejected]]:
        """Count measurements of entities that belong to other partitions; return what is used, and what is refused."""
        assert self.home is not None
        strays = part.where(astray)
        self.counts[name].misplaced += strays.size
        asn = int(strays.columns.code[-1]) >> SHIFT
        self.stray = f"asn/{asn}" if asn > 0 else entity_of(strays.pool[int(strays.place[-1])])
        if not self.home.strict:
            return part, []
        pairs = zip(strays.positions.tolist(), strays.measurements, strict=True)
        text = self.home.text
        refused = [Rejected(batch.origin(at), "wrong-partition", text(entity_of(stray))) for at, stray in pairs]
        return part.where(~astray), refused

    def advance(self, feed: str, newest: float, active: Collection[int] | None = None) -> Emitted:
        """Advance the watermark of a feed to its newest event time elsewhere; return reports of the bins that close.

        Dead letters are of measurements that waited for it and have no room. The caller knows that this partition has
        no unread measurements. `active`: starts of the bins in which the feed was measured elsewhere (None: all).
        """
        if feed not in self.feeds:
            return Emitted()
        step, counts = self.feeds[feed].advance(newest, active), self.counts[feed]
        counts.binned += step.binned
        counts.rejected += len(step.rejected)
        return Emitted(bin_reports=[self._report(feed, closing) for closing in step.closed], dead_letters=step.rejected)

    def finish(self) -> Emitted:
        """Close the bins of unfinished feeds that their newest measurement has passed.

        The caller knows that there are no unread measurements.
        """
        closed = [(name, closing) for name in self.unfinished() for closing in self.feeds[name].finish().closed]
        closed.sort(key=lambda of_feed: of_feed[1].end)
        return Emitted(bin_reports=[self._report(name, closing) for name, closing in closed])

    def unfinished(self) -> list[str]:
        """Return the feeds of which `finish` would close bins."""
        return [name for name, feed in self.feeds.items() if feed.is_unfinished]

    def scored(self) -> Iterator[Scored]:
        """Yield the series and the detector of each feed, and of its areas."""
        for name, feed in self.feeds.items():
            yield name, feed.index, feed.detector
        for name, areas in self.areas.items():
            for summed in areas.summed.values():
                yield name, summed.index, summed.detector

    def newest(self) -> dict[str, float]:
        """Return the newest event time of each feed that has seen anything (Unix seconds)."""
        return {name: feed.watermark.newest for name, feed in self.feeds.items() if feed.watermark.newest is not None}

    def activity(self, moved: Collection[str] = ()) -> dict[str, FeedActivity]:
        """Return the bins in which each feed was measured since the last call, and its newest event time.

        Feeds without such bins are left out unless they have `moved`.
        """
        found = {}
        for name, newest in self.newest().items():
            if (bins := self.feeds[name].pop_active_bins()) or name in moved:
                found[name] = FeedActivity(bins, newest)
        return found

    def pending(self) -> int:
        """Return how many measurements wait until others confirm that event time has leapt ahead."""
        return sum(len(feed.admission.leap_guard.pending) for feed in self.feeds.values())

    def report_levels(self) -> None:
        """From now on, report series in doubt with the bins that close, and expected levels where they are due."""
        for name, feed in self.feeds.items():
            feed.levels, feed.doubts = partial(self._levels, name), partial(self._doubts, name)

    def _scored(self, name: str) -> list[tuple[SeriesIndex, Detector]]:
        """Return the series of a feed and of its areas, with their detectors."""
        feed, areas = self.feeds[name], self.areas.get(name)
        summed = areas.summed.values() if areas else ()
        return [(feed.index, feed.detector), *((combined.index, combined.detector) for combined in summed)]

    def _doubts(self, name: str) -> list[Doubts]:
        return doubts_of(self._scored(name))

    def _levels(self, name: str, start: int) -> list[Levels] | None:
        feed, scored = self.feeds[name], self._scored(name)
        due = levels.is_due(start, start + feed.rules.time.width, [detector for _, detector in scored])
        return levels.levels_of(scored) if due else None

    def _report(self, name: str, closing: Closing) -> BinReport:
        rewound = closing.setback.earlier if closing.setback else closing.rewound
        return BinReport(
            reporter=self.reporter,
            feed=name,
            end=closing.end,
            fault=closing.fault,
            empty=closing.empty,
            outages=[self._outage(name, series, change, rewound) for series, change in closing.changes],
            levels=closing.levels,
            doubts=closing.doubts,
            falls=closing.falls,
            rewound=closing.rewound.times or UNSET,
        )

    def _outage(self, name: str, series: Series, change: Change, rewound: Rewound) -> Outage:
        self.counts[name].outages += change.revision == 1
        return outage_of(name, self.settings.feeds[name].signal, series, change, rewound.again(change.opened))

    def _count(self, name: str, taken: int, binned: int, late: int, rejected: int) -> None:
        counts = self.counts[name]
        counts.taken += taken
        counts.binned += binned
        counts.late += late
        counts.rejected += rejected


def feed_rules(settings: Settings, name: str, partitions: int = 1) -> FeedRules:
    """Return a feed's parameters out of the settings, with the limits of each of so many partitions."""
    return FeedRules(
        detector=settings.rule(name),
        time=settings.time_rule(name),
        silence_is_zero=settings.feeds[name].silence_is_zero,
        forget_after=float(settings.worker.forget_after),
        expire_after=float(settings.worker.expire_after),
        areas=tuple(map(combination, settings.feeds[name].areas)),
        limits=settings.limits(name).part(partitions),
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
