"""One feed in one shard: measurements in, bins closed by event time, changes of outages out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import compress, pairwise
from typing import NamedTuple

import numpy as np

from detectors.bins import OpenBins, distinct
from detectors.kinds import FEED_KINDS
from detectors.outages.bin_columns import bin_columns
from detectors.outages.detector import Detector
from detectors.outages.presence import Members
from detectors.rewound import NEVER, Rewound
from detectors.types import DAY, HOUR, Change, ClosedBin, Flags, Ints, Rule
from detectors.watermark import TimeRule, Watermark
from schemas.bin_report import CountryFalls, Doubts, Levels
from streams.config.area_spec import Combination
from streams.config.limits import UNLIMITED, Limits
from streams.config.reference_data import ReferenceData
from streams.ingest.batch import Batch, Rejected
from streams.ingest.feed_kinds import add_events, arrivals_of
from streams.ingest.measurement_slice import MeasurementSlice
from streams.ingest.series_index import Series, SeriesIndex, series_of
from streams.pipeline.admission import Admission, Advance, reject_unusable
from streams.pipeline.areas.cells import Cells, Partial, Verdict
from streams.pipeline.believed_time import entities
from streams.pipeline.common_falls import falls_of
from streams.pipeline.gap import Gap
from streams.pipeline.room import Level, LimitName, Room, SliceInOrder
from streams.pipeline.setback import Setback, put_back

FEW = 5  # with fewer series than this, silence of all is no sign of a broken feed


class FeedRules(NamedTuple):
    """Parameters of a feed, fixed for a run; durations in seconds."""

    detector: Rule
    time: TimeRule
    silence_is_zero: bool
    forget_after: float
    expire_after: float
    areas: tuple[Combination, ...] = ()
    limits: Limits = UNLIMITED


class Closing(NamedTuple):
    """A bin that closed: the position of the measurement that made it, its end, what changed, and levels if due.

    A change comes with its series as of then: its row may be another's before the batch ends. `fault`: most series have
    fallen. `empty`: none was measured. `doubts`: series that may have fallen. `falls`: how many have, by country.
    `rewound`: how often time has gone back before. `setback`: it went back to the end of this bin, which did not close.
    """

    position: int
    end: int
    changes: list[tuple[Series, Change]]
    levels: list[Levels] | None
    fault: bool
    empty: bool
    doubts: list[Doubts]
    falls: CountryFalls
    rewound: Rewound = NEVER
    setback: Setback | None = None


class Step(NamedTuple):
    """What came of a batch: the bins that closed, dead letters, and counts."""

    closed: list[Closing]
    rejected: list[Rejected]
    binned: int
    late: int


class Feed:
    """State of one feed in one shard: columns by row, never an object per series."""

    def __init__(
        self, rules: FeedRules, reference: ReferenceData | None = None, lot: Callable[[str], int] = lambda _: 0
    ) -> None:
        self.rules, self.reference = rules, reference or ReferenceData()
        self.kind = FEED_KINDS[rules.detector.kind]
        self.index = SeriesIndex(lot)
        self.index.home = self.reference.register.country_of
        self.bins = OpenBins(rules.detector.kind)
        self.members = Members()
        self.admission = Admission(rules.time)
        self.detector = Detector(rules.detector)
        self.silent_since: int | None = None
        self.closings = 0  # bins closed since the last snapshot
        self.forgot = False  # whether rows were freed since then
        self.active_bins: set[int] = set()  # starts of bins with a measurement since `pop_active_bins` was called last
        self.gap = Gap()
        self.rewound = NEVER
        self.cells = Cells(rules.detector, rules.areas, lot) if rules.areas else None
        if self.cells:
            self.cells.index.home = self.index.home
        cells = [Level(self.cells.index, self.cells.bins, self.cells.members)] if self.cells else []
        self.room = Room(self.kind, rules.limits, [Level(self.index, self.bins, self.members), *cells])
        self.partials: Callable[[Partial], list[tuple[Series, Change]]] = lambda _: []  # receives parts of areas
        self.put_areas_back: Callable[[int, int], list[tuple[Series, Change]]] = lambda *_: []  # see `Areas.go_back`
        self.levels: Callable[[int], list[Levels] | None] = lambda _: None  # of the bin of that start, if they are due
        self.doubts: Callable[[], list[Doubts]] = list  # of the bin that has closed
        self.observer: Callable[[ClosedBin, list[Change]], None] | None = None  # receives each bin that closes

    @property
    def watermark(self) -> Watermark:
        """Event time of the feed."""
        return self.admission.watermark

    @property
    def is_columnar(self) -> bool:
        """Whether columns suffice of most measurements, so that they need not become objects."""
        return self.kind.is_plain and self.cells is None

    def pop_active_bins(self) -> set[int]:
        """Return the starts of bins with a measurement since the last call; a bin ahead of event time waits for it."""
        newest, active = self.watermark.newest, self.active_bins
        self.active_bins = {start for start in active if newest is None or start > newest}
        return active - self.active_bins

    def process(self, part: MeasurementSlice, batch: Batch) -> Step:
        """Bin measurements in order of arrival, and close the bins that are due."""
        there = batch.witnessed_at(part.positions)
        if there is None or not self.admission.lead.is_possible(there, self.watermark.newest):
            return self._process(part, batch)
        offsets = batch.offsets_at(part.positions)
        bounds = [0, *(np.flatnonzero(np.diff(offsets)) + 1).tolist(), part.size]
        pieces = [part.cut(start, stop) for start, stop in pairwise(bounds)]
        return _joined([self._process_message(piece, batch) for piece in pieces])

    def _process_message(self, part: MeasurementSlice, batch: Batch) -> Step:
        """Process the measurements of one message whose receipt may disagree with the time; go back if that is due."""
        newest, lead, there = self.watermark.newest, self.admission.lead, batch.witnessed_at(part.positions)
        is_false = False
        if newest is not None and there is not None:
            is_false = lead.note(entities(part), part.columns.ts, float(np.min(there)), newest)
        step = self._process(part, batch)
        if is_false:
            step.closed.append(self._go_back(int(part.positions[-1]), step.rejected))
        return step

    def _go_back(self, position: int, rejected: list[Rejected]) -> Closing:
        setback, changes, refused = put_back(self)
        rejected += refused
        named = [(series, change) for change in changes if (series := self.index.rows[change.row]) is not None]
        end, falls = self.watermark.next_close, CountryFalls([], [], [], [])
        named += self.put_areas_back(end, self.rewound.false_from)
        return Closing(position, end, named, None, False, True, [], falls, self.rewound, setback)

    def _process(self, part: MeasurementSlice, batch: Batch) -> Step:
        part, rejected = reject_unusable(self.kind, self.rules.time, part, batch, self.admission.fast_clocks)
        closed: list[Closing] = []
        binned = late = 0
        for in_step, refuted in self.admission.in_step(part, batch):
            rejected += refuted
            span = HOUR if self.room.is_tight(in_step.size) else DAY
            for advance in self.admission.advance_watermark(in_step, batch, span):
                refused = self._take(advance, batch)
                due = self._closable(self.watermark.due(), ())
                closed += [self._close(advance.trigger(start + self.rules.time.width), start) for start in due]
                rejected += refused
                missed = int(advance.late.sum())
                binned, late = binned + advance.part.size - missed - len(refused), late + missed
        return Step(closed, rejected, binned, late)

    def advance(self, newest: float, active: Collection[int] | None = None) -> Step:
        """Follow the clock of the feed and close the bins that are due; positions mean nothing here.

        `newest`: event time reached elsewhere (Unix seconds). `active`: starts of the bins in which the feed has
        measurements elsewhere, where silence here is real (None: all).
        """
        confirmed, refused = self.admission.follow_clock(newest), list[Rejected]()
        if confirmed.size:
            zeros = np.zeros(confirmed.size, dtype=np.int64)
            refused = self._take(Advance(confirmed, zeros, zeros > 0), None)
        due = self._closable(self.watermark.due(), active)
        closed = [self._close(0, start, elsewhere=active is None or start in active) for start in due]
        return Step(closed, refused, confirmed.size - len(refused), 0)

    @property
    def is_unfinished(self) -> bool:
        """Whether bins may close once nothing more is to come, as nobody is left to agree with the newest measurement.

        Where clocks disagree, they may not.
        """
        agreement = self.admission.believed.agreement
        return self.watermark.is_disputed and (agreement is None or agreement.is_orderly)

    def finish(self) -> Step:
        """Close the bins that the newest measurement has passed."""
        self.watermark.advance(self.watermark.front or 0.0)
        due = self._closable(self.watermark.due(), ())
        return Step([self._close(0, start) for start in due], [], 0, 0)

    def _take(self, advance: Advance, batch: Batch | None) -> list[Rejected]:
        """Bin measurements and correct members by late ones; return dead letters of those there is no room for."""
        part, late = advance.part, advance.late
        starts, rows = self.rules.time.bin_of(part.columns.ts), self.index.codes.find(part.columns.code)
        cells = self.cells.index.find(part.measurements) if self.cells else []
        usable = np.ones(part.size, dtype=np.bool_)
        refused: list[Rejected] = []
        unknown = [int((rows < 0).sum()), *([cells.count(None)] if self.cells else [])]
        if not self.room.is_ample(unknown, lambda: {m.service for m in part.measurements}, part.size):
            limits = self.room.refused(SliceInOrder(part.measurements, starts, late, advance.closable))
            usable = np.array([limit is None for limit in limits], dtype=np.bool_)
            refused = self._refusals(part, ~usable & ~late, limits, batch)
        on_time = usable & ~late
        if on_time.all():
            self._bin(part, starts, rows, cells)
        elif on_time.any():
            self._bin(part.where(on_time), starts[on_time], rows[on_time], list(compress(cells, on_time.tolist())))
        if self.kind.tracks_members and late.any():
            self._correct(part.where(late & usable), advance.closable[late & usable])
        return refused

    def _refusals(
        self, part: MeasurementSlice, flags: Flags, limits: Sequence[LimitName | None], batch: Batch | None
    ) -> list[Rejected]:
        """Return dead letters of the measurements flagged."""
        return [
            Rejected(part.origin(at, batch), "too-many-series", f"the feed has as many as limits.{limits[at]} allows")
            for at in np.flatnonzero(flags).tolist()
        ]

    def _bin(self, part: MeasurementSlice, starts: Ints, found: Ints, cells: list[int | None]) -> None:
        """Add measurements to the open bins of these starts. `found`, `cells`: rows as far as they are known."""
        rows = self.index.rows_of(part.columns.code, part.select, found)
        self.index.touch(rows, starts)
        self.index.note_countries(part.columns.code, part.select, rows, starts)
        if self.gap.is_open:
            self.gap = self.gap.closed(self._last_bin_missed(float(part.columns.ts[0])))
        self.active_bins.update(distinct(starts))
        arrivals = arrivals_of(self.kind, rows, part)
        self.bins.add(starts, arrivals, len(self.index))
        if self.kind.tracks_members:
            add_events(self.members, starts, rows, part.measurements)
        if self.cells:
            self.cells.add(part.measurements, starts, arrivals, cells)

    def _last_bin_missed(self, ts: float) -> int:
        """Return the last bin of which measurements may be missing: the first one after a gap had this event time."""
        return int(self.rules.time.bin_of(np.array([ts + self.rules.time.lateness]))[0])

    def _correct(self, part: MeasurementSlice, until: Ints) -> None:
        """Correct who is up by late measurements, as of the bin that was the next to close when each came.

        Only series that were measured in an earlier bin count: all such measurements had come by then, however batches
        are cut.
        """
        for m, start in zip(part.measurements, until.tolist(), strict=True):
            series = series_of(m)
            row = self.index.by_series.get((series.entity, series.facets))
            if row is not None and self.index.born[row] < start:
                self.members.add(start, (row, str(m.member), float(m.ts), bool(m.up)))
            self.members.thin(start)
            if self.cells:
                self.cells.correct(start, m)

    def _close(self, position: int, start: int, *, elsewhere: bool | None = None) -> Closing:
        rows, empty = len(self.index), start not in self.bins.bins
        width = self.rules.time.width
        self.closings += 1
        self.index.move(start, self.detector.ongoing)
        self.detector.grow(rows - self.detector.rows)
        observed = self._observe(start, rows, elsewhere)
        changes = self._expired(start, bool(observed.present.any() or elsewhere))
        changes += self.detector.close(observed, self.reference.calendar.asked(self.index, start, width))
        if self.observer:
            self.observer(observed, changes)
        if start in self.gap and self.cells:
            self.cells.bins.bins.pop(start, None)  # sums of what has come would look like a fall
        named = [(series, change) for change in changes if (series := self.index.rows[change.row]) is not None]
        last_of_day = start // DAY != (start + width) // DAY
        fault = bool(self.detector.scalars["fault"])
        if self.cells:
            silence_is_zero = self.rules.silence_is_zero and bool((observed.present == observed.alive).all())
            cutoff = int(start - self.rules.forget_after) if last_of_day else None
            verdict = Verdict(silence_is_zero, fault, self.admission.active, start in self.gap)
            named += self.partials(self.cells.close(start, verdict, cutoff, self._surplus_cells(start)))
        falls, back = falls_of(self.index, self.detector), self.rewound
        closing = Closing(position, start + width, named, self.levels(start), fault, empty, self.doubts(), falls, back)
        if last_of_day:
            self._forget(start)
        if self._ends_hour(start):
            self._make_room(start)
        return closing

    def _ends_hour(self, start: int) -> bool:
        return start // HOUR != (start + self.rules.time.width) // HOUR

    def _surplus_cells(self, start: int) -> list[int]:
        """Return the idle cells to forget as their limit is reached."""
        if not self._ends_hour(start) or self.room.levels[-1].series < self.rules.limits.series:
            return []
        return self.room.idle(self.room.levels[-1], start, self._busy_cells())

    def _busy_cells(self) -> set[int]:
        """Return the cells of networks with an open outage."""
        if not self.cells or not self.detector.ongoing:
            return set()
        down = {(s.entity, s.facets) for row in self.detector.ongoing if (s := self.index.rows[row])}
        return {row for (entity, facets), row in self.cells.index.by_series.items() if (entity, facets[:-1]) in down}

    def _make_room(self, start: int) -> None:
        """Forget what has been idle longest, if a limit is reached; nothing with an open outage."""
        end = start + self.rules.time.width
        self._free(self.room.idle(self.room.levels[0], start, self.detector.ongoing))
        for number, level in enumerate(self.room.levels):
            if self.room.is_crowded(level):
                busy = self._busy_cells() if number else self.detector.ongoing
                for row in sorted(set(level.members.since).difference(busy)):
                    level.members.forget_down(row, int(end - self.rules.limits.idle))

    def _closable(self, due: range, active: Collection[int] | None) -> Iterator[int]:
        """Yield the starts of the due bins whose closing can change anything, each once the bin before has closed.

        While a silent feed is given up, empty bins change nothing unless the feed has measurements elsewhere (`active`;
        None: in all bins). Skipping them keeps a single clock that stands in 1970 from blocking all others.
        """
        start = due.start
        while start < due.stop:
            if active is not None and self._is_given_up(start):
                start = min((near for near in (*self.bins.bins, *active) if start <= near < due.stop), default=due.stop)
            if start < due.stop:
                yield start
            start += due.step

    def _is_given_up(self, start: int) -> bool:
        return self.silent_since is not None and start - self.silent_since > self.rules.expire_after

    def _observe(self, start: int, rows: int, elsewhere: bool | None) -> ClosedBin:
        """Return what the bin contains; where silence is unknown, its rows are not present.

        `elsewhere`: whether the feed has measurements in other shards, None when that is unknown.
        """
        closed = self.bins.take(start, rows)
        alive = self.index.born[:rows] <= start
        measured = closed.seen[:rows]
        count = int(measured.sum())
        self.admission.active = self.index.count_entities(measured) or self.admission.active
        few = elsewhere is None and int(alive.sum()) < FEW
        is_real_silence = self.rules.silence_is_zero and (count > 0 or elsewhere or few)
        present = alive if is_real_silence or self.kind.tracks_members else measured & alive
        if start in self.gap:
            present = np.zeros(rows, dtype=np.bool_)
        measures = bin_columns(self.kind, closed, self.members, start, rows)
        columns, group = (*measures[:2], present, alive, *measures[2:]), self.index.group[:rows]
        side, zones = self.index.side[:rows], self.index.zones(start)
        return ClosedBin(start, *columns, group, side=side, unread=start in self.gap, zones=zones)

    def _expired(self, start: int, is_active: bool) -> list[Change]:
        """Return the open outages as expired once the whole feed has been silent for too long: unknown, not over."""
        if is_active:
            self.silent_since = None
            return []
        self.silent_since = start if self.silent_since is None else self.silent_since
        if start - self.silent_since < self.rules.expire_after:
            return []
        return self.detector.expire(start)

    def _forget(self, start: int) -> None:
        """Free the series without a measurement for `forget_after` seconds, except those with an open outage."""
        rows = len(self.index)
        cutoff = int(start - self.rules.forget_after)
        old = (self.index.last_seen[:rows] < cutoff) & (self.index.born[:rows] <= start)
        self._free([row for row in np.flatnonzero(old).tolist() if row not in self.detector.ongoing])
        for row in sorted(set(self.members.since) - set(self.detector.ongoing)):
            self.members.forget_down(row, cutoff)

    def _free(self, gone: list[int]) -> None:
        """Free the rows of series that have no open outage."""
        for row in gone:
            self.members.forget(row)
        if gone:
            self.forgot = True
            self.index.forget(np.array(gone))
            self.detector.reset(np.array(gone))


def _joined(steps: Sequence[Step]) -> Step:
    """Return what came of the messages of a batch, one after the other."""
    closed = [closing for step in steps for closing in step.closed]
    rejected = [letter for step in steps for letter in step.rejected]
    return Step(closed, rejected, sum(step.binned for step in steps), sum(step.late for step in steps))
