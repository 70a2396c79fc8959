"""The stage of the measurements: a shard, and the clock of feeds that are silent here but not elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.bin_report import BinReport
from schemas.outage import Outage
from schemas.partial import AreaSumPart
from streams.config.area_spec import combination
from streams.config.reference_data import ReferenceData
from streams.ingest.record_run import LOG_APPEND_TIME, Run
from streams.pipeline.areas.absence import Absence
from streams.pipeline.areas.cells import Partial
from streams.pipeline.areas.partials import AreaSumSource, nothing, pieces_of
from streams.pipeline.emitted import Emitted
from streams.pipeline.findings import SHARD, silence
from streams.pipeline.overdue_feeds import OverdueFeeds
from streams.pipeline.process import Tally, process
from streams.pipeline.setback import Setback
from streams.pipeline.shard import Scored, Shard
from streams.state import shard_rows
from streams.state.key_watch import KeyWatch, bad_keys, home_of
from streams.state.limit_watch import LimitWatch, changes
from streams.state.open_outages import OpenOutages
from streams.state.shard_restore import restore
from streams.state.snapshot_store import Loaded
from streams.state.stage import Stage

Totals = Counter[tuple[str, str]]


class MeasurementStage(Stage):
    """State of one partition of the measurements.

    Attributes:
        clock: The newest event time of each feed elsewhere, of feeds that have data here (Unix seconds).
        active_bins: By feed, starts of bins that are open here and in which it was measured elsewhere.
        idle_since: Wall time of the last batch, or of the last look at which messages were unread (s).
        keys: When producers last sent messages without a key, or entities of other partitions.
        limits: When measurements were last refused as their feed has no room.
        setbacks: By feed, when (wall time) and by how much its time went back last, since the start.
        unusable: Names of rows in the snapshot that mean nothing under the present settings.
    """

    topic, folder = "measurements", ""

    def _begin(self, reference: ReferenceData) -> None:
        self.reporter = SHARD.format(self.number)
        self.shard = Shard(
            self.settings,
            reference=reference,
            take_area_sums=self._add_area_sums,
            reporter=self.reporter,
            home=home_of(self.settings.kafka, self.number),
            lot=lambda _: 0,
        )
        self.keys, self.limits = KeyWatch(self.shard.home), LimitWatch()
        self._lines: list[str] = []  # for the log
        self.shard.report_levels()
        self.setbacks: dict[str, tuple[float, Setback]] = {}
        self.tally = Tally()
        self.clock: dict[str, float] = {}
        self.active_bins: dict[str, set[int]] = {}
        self.idle_since = self.last_saved
        self.open_outages = OpenOutages()
        rules = {name: self.settings.time_rule(name) for name in self.settings.feeds}
        self.absence = Absence(rules, float(self.settings.worker.idle_after))
        self.overdue = OverdueFeeds(rules, float(self.settings.worker.idle_after))
        self.unusable: frozenset[str] = frozenset()
        self._area_sums: list[AreaSumPart] = []

    def process(self, records: Run, now: float) -> Emitted:
        """Apply measurements and return what came of them."""
        self.idle_since = now
        before, fresh, emitted = self.totals(), self._fresh(records), Emitted()
        self.tally.skipped += len(records.values) - len(fresh.values)
        if fresh.values:
            received, refused = fresh.timestamps / 1000.0, bad_keys(fresh.keys)
            is_proven = fresh.timestamp_type == LOG_APPEND_TIME
            emitted = process(
                self.shard,
                self.tally,
                fresh.values,
                fresh.offsets,
                received,
                refused,
                is_proven=is_proven,
                read_at=None if is_proven else now,
            )
        emitted.activity = self.shard.activity()
        emitted.counts = self.totals() - before
        self._note_setbacks(emitted, now)
        emitted.unreadable += self.keys.note(emitted.counts, self.shard.stray, now)
        return self._noted(emitted, now)

    def _note_setbacks(self, emitted: Emitted, now: float) -> None:
        """Forget how far feeds were elsewhere whose time here has gone back: that was as false."""
        for feed, setback in emitted.setbacks:
            for gone in (self.clock, self.active_bins, self.overdue.announced, self.absence.announced):
                gone.pop(feed, None)
            self.setbacks[feed] = (now, setback)
            emitted.counts["setbacks", feed] += 1
            self._lines.append(f"partition {self.number}: the time of feed {feed} {setback}")

    def scored(self) -> Iterator[Scored]:
        """Yield the series and the detector of each feed."""
        return self.shard.scored()

    def totals(self) -> Totals:
        """Return all counts so far, by metric name and label."""
        totals: Totals = Counter({("received", ""): self.tally.received, ("skipped", ""): self.tally.skipped})
        totals.update({("dead", reason): count for reason, count in self.tally.dead.items()})
        for feed, counts in self.shard.counts.items():
            totals.update({("binned", feed): counts.binned, ("late", feed): counts.late})
            totals["misplaced", feed] = counts.misplaced
        return totals

    def note_clock(self, feed: str, newest: float) -> None:
        """Note the newest event time of a feed elsewhere. Only a feed that has data here can be silent here."""
        mark = self.shard.feeds[feed].watermark if feed in self.shard.feeds else None
        if mark is None or mark.newest is None:
            self.absence.note(feed, newest)
            return
        width, active = int(self.settings.feeds[feed].bin), self.active_bins.get(feed, set())
        start = int(newest // width * width)
        self.unsaved |= start not in active and start >= mark.next_close
        self.clock[feed] = max(newest, self.clock.get(feed, newest))
        self.active_bins[feed] = {start for start in {*active, start} if start >= mark.next_close}

    def follow_clock(self, lag: int | None, now: float) -> Emitted:
        """Close the bins that the clock lets close, if all messages are read and none came for `idle_after`.

        The bins of all feeds close in the order of their ends, as if the feeds had come side by side. Feeds without
        data here, and feeds that are overdue, are reported as silent; for that, the partition need not be idle.
        """
        emitted = self._advance() if self._may_advance(lag, now) else Emitted()
        silences = self._silences(lag, now)
        overdue = self._overdue(lag, now)
        self.overdue.announced |= dict(overdue)
        emitted.bin_reports += [*silences, *(self._silence(feed, end) for feed, end in overdue)]
        return self._noted(emitted, now)

    def _advance(self) -> Emitted:
        """Advance the feeds that are behind the clock."""
        self.unsaved = True
        before, emitted = self.totals(), Emitted()
        unfinished = self.shard.unfinished()
        emitted.bin_reports += self.shard.finish().bin_reports
        behind = [(feed, newest) for feed, newest in sorted(self.clock.items()) if self._is_behind(feed)]
        for feed, newest in behind:
            came = self.shard.advance(feed, newest, self.active_bins[feed])
            emitted.bin_reports += came.bin_reports
            emitted.dead_letters += came.dead_letters
        emitted.activity = self.shard.activity(unfinished)
        emitted.bin_reports.sort(key=lambda report: report.end)
        self.tally.dead.update(letter.reason for letter in emitted.dead_letters)
        emitted.counts = self.totals() - before
        return emitted

    def _noted(self, emitted: Emitted, now: float) -> Emitted:
        """Return what was emitted with the area sums that the shard made meanwhile; note outages and closed bins."""
        emitted.area_sums, self._area_sums = self._area_sums, []
        emitted.unreadable += [*self._lines, *self.limits.note(emitted.counts, now)]
        self._lines = []
        if self.closed_at is None and any(feed.closings for feed in self.shard.feeds.values()):
            self.closed_at = now
        self.open_outages.note(emitted.outages)
        return emitted

    def _can_end(self, outage: Outage) -> bool:
        """Return whether the state of the outage's feed was restored."""
        feed = self.shard.feeds.get(outage.feed)
        return feed is not None and len(feed.index) > 0

    def note_gap(self) -> None:
        """Take note that measurements behind `applied` are gone: the bins that they may have been in are unknown."""
        self.unsaved = True
        for feed in self.shard.feeds.values():
            feed.gap = feed.gap.widened(None if feed.watermark.newest is None else feed.watermark.next_close)

    def note_lag(self, lag: int | None, now: float) -> None:
        """Note how many messages are unread: time in which there are some, or it is unknown, is not idle."""
        if lag != 0:
            self.idle_since = now

    def may_follow(self, lag: int | None, now: float) -> bool:
        """Return whether `follow_clock` would emit or change anything."""
        is_overdue = bool(self._overdue(lag, now))
        return is_overdue or self._may_advance(lag, now) or bool(self.absence.due(self.shard.newest(), lag, now))

    def _overdue(self, lag: int | None, now: float) -> list[tuple[str, int]]:
        """Return the feeds that incidents wait for in vain, each with the end of its newest bin."""
        marks = {name: feed.watermark for name, feed in self.shard.feeds.items()}
        ends = {name: mark.next_close for name, mark in marks.items() if mark.newest is not None}
        return self.overdue.due(ends, lag, now)

    def _add_area_sums(self, feed: str, partial: Partial) -> None:
        self._area_sums += pieces_of(self.source(feed), partial)

    def _silences(self, lag: int | None, now: float) -> list[BinReport]:
        """Return reports of the feeds without data here, and note for their areas that there is nothing to sum."""
        silences = []
        for feed, start in self.absence.due(self.shard.newest(), lag, now):
            names = [combination(text).name for text in self.settings.feeds[feed].areas]
            self._area_sums += nothing(self.source(feed), names, start)
            silences.append(self._silence(feed, start + int(self.settings.feeds[feed].bin)))
            self.absence.announced[feed] = start
            self.unsaved = True
        return silences

    def _silence(self, feed: str, end: int) -> BinReport:
        return silence(self.reporter, feed, end, self.shard.feeds[feed].rewound.times)

    def source(self, feed: str) -> AreaSumSource:
        """Return the source of this shard's area sums of a feed."""
        rules = self.settings.feeds[feed]
        return AreaSumSource(feed, rules.kind, int(rules.bin), self.number, self.shard.feeds[feed].rewound)

    def _may_advance(self, lag: int | None, now: float) -> bool:
        """Return whether the clock decides here: all is read, the partition is idle, and a feed is behind its clock."""
        idle = now - self.idle_since >= self.settings.worker.idle_after
        return (
            lag == 0 and idle and (any(self._is_behind(feed) for feed in self.clock) or bool(self.shard.unfinished()))
        )

    def _is_behind(self, feed: str) -> bool:
        newest = self.shard.newest().get(feed)
        return newest is not None and newest < self.clock[feed]

    def _rows(self) -> dict[str, bytes]:
        return {**shard_rows.dump(self.shard), "running": self.open_outages.row()}

    def _gone(self) -> frozenset[str]:
        unusable, self.unusable = self.unusable, frozenset()
        return shard_rows.gone(self.shard, self.store.places) | unusable

    def _head(self) -> dict[str, Any]:
        tally = {"received": self.tally.received, "skipped": self.tally.skipped, "dead": dict(self.tally.dead)}
        active = {feed: sorted(starts) for feed, starts in self.active_bins.items()}
        clock = {"heard": self.clock, "spoke": active, "told": self.absence.announced}
        return {"tally": tally, **clock, **shard_rows.heads(self.shard)}

    def _restore(self, loaded: Loaded) -> None:
        self.unusable = restore(self.shard, loaded.values, loaded.rows)
        self._lines = changes(self.shard, loaded.values["feeds"])
        self.open_outages.restore(loaded.rows["running"], self._can_end)
        self.clock.update(self._of_feeds(loaded.values.get("heard", {})))
        active = self._of_feeds(loaded.values.get("spoke", {}))
        self.active_bins.update({feed: set(starts) for feed, starts in active.items()})
        self.absence.announced.update(self._of_feeds(loaded.values.get("told", {})))
        tally = loaded.values["tally"]
        self.tally.received, self.tally.skipped = tally["received"], tally["skipped"]
        self.tally.dead.update(tally["dead"])

    def _of_feeds(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return those by feed that the settings name."""
        return {feed: value for feed, value in values.items() if feed in self.settings.feeds}
