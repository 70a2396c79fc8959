"""One feed in one shard: measurements in, bins closed by event time, changes of outages out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from detectors.bins import Arrivals, OpenBins, distinct
from detectors.clock_leaps import Claim, LeapGuard
from detectors.outages.detector import Detector
from detectors.outages.presence import Members
from detectors.types import DAY, Change, ClosedBin, Flags, Floats, Ints, Rule
from detectors.watermark import TimeRule, Watermark
from schemas.finding import Levels
from schemas.measurement import Measurement
from streams.config.area_spec import Combination
from streams.config.reference_data import Known
from streams.ingest.batch import Batch, Origin, Rejected
from streams.ingest.columns import Columns
from streams.ingest.series_index import KEY, Series, SeriesIndex, series_of
from streams.pipeline.areas.cells import Cells, Partial, Verdict

FEW = 5  # with fewer series than this, silence of all is no sign of a broken feed
OF, MEMBER = attrgetter("of"), attrgetter("member")


class FeedRules(NamedTuple):
    """Parameters of a feed, fixed for a run; durations in seconds."""

    detector: Rule
    time: TimeRule
    silence_is_zero: bool
    forget_after: float
    expire_after: float
    areas: tuple[Combination, ...] = ()


class Closing(NamedTuple):
    """A bin that closed: the position of the measurement that made it, its end, what changed, and levels if due.

    A change comes with its series as of then: its row may be another's before the batch ends. `fault`: most series have
    fallen. `empty`: none was measured.
    """

    position: int
    end: int
    changes: list[tuple[Series, Change]]
    levels: list[Levels] | None
    fault: bool
    empty: bool


class Step(NamedTuple):
    """What came of a batch: the bins that closed, dead letters, and counts."""

    closed: list[Closing]
    rejected: list[Rejected]
    binned: int
    late: int


class Part(NamedTuple):
    """Measurements of one feed in order of arrival: columns, their positions in the batch, and where they are found.

    `place`: index of each one in `pool`, where its other fields are.
    """

    pool: Sequence[Measurement]
    place: Ints
    positions: Ints
    columns: Columns

    @classmethod
    def of(cls, measurements: Sequence[Measurement], positions: Ints) -> Part:
        """Return a part of measurements whose series are not told yet."""
        return cls(measurements, np.arange(len(measurements)), positions, Columns.bare(measurements))

    @property
    def ts(self) -> Floats:
        """Event times (s)."""
        return self.columns.ts

    @property
    def size(self) -> int:
        """Number of measurements."""
        return len(self.columns.ts)

    @property
    def measurements(self) -> list[Measurement]:
        """The measurements themselves."""
        return self.some(slice(None))

    def some(self, which: slice | Ints) -> list[Measurement]:
        """Return the measurements with these indices."""
        return [self.pool[place] for place in self.place[which].tolist()]

    def where(self, keep: slice | Flags) -> Part:
        """Return those flagged, or of a slice, in order."""
        return Part(self.pool, self.place[keep], self.positions[keep], self.columns.at(keep))

    def cut(self, start: int, stop: int) -> Part:
        """Return those from `start` up to `stop`."""
        return self.where(slice(start, stop))


class Feed:
    """State of one feed in one shard: columns by row, never an object per series."""

    def __init__(self, rules: FeedRules, known: Known | None = None) -> None:
        self.rules, self.known = rules, known or Known()
        self.index = SeriesIndex()
        self.index.home = self.known.register.country_of
        self.bins = OpenBins(rules.detector.kind)
        self.members = Members()
        self.watermark = Watermark(rules.time)
        self.leap_guard: LeapGuard[tuple[Measurement, Origin]] = LeapGuard(rules.time.max_step, rules.time.lateness)
        self.detector = Detector(rules.detector)
        self.active = 0  # rows measured in the newest closed bin that was not empty
        self.silent_since: int | None = None
        self.closings = 0  # bins closed since the last snapshot
        self.forgot = False  # whether rows were freed since then
        self.spoke: set[int] = set()  # bins that a measurement came for since somebody asked
        self.cells = Cells(rules.detector, rules.areas) if rules.areas else None
        if self.cells:
            self.cells.index.home = self.index.home
        self.partials: Callable[[Partial], list[tuple[Series, Change]]] = lambda _: []  # is told parts of areas
        self.levels: Callable[[int], list[Levels] | None] = lambda _: None  # of the bin of that start, if they are due
        self.observer: Callable[[ClosedBin, list[Change]], None] | None = None  # is shown each bin that closes

    @property
    def is_plain(self) -> bool:
        """Whether columns are all that is wanted of most measurements."""
        return self.rules.detector.kind in ("gauge", "count") and self.cells is None

    def take(self, part: Part, batch: Batch) -> Step:
        """Bin measurements, in order of arrival, and close the bins that are due."""
        part, rejected = self._sift(part, batch)
        steps = [Step([], rejected, 0, 0)]
        while part.size:
            leap = self.watermark.first_leap(part.ts)
            voice = self.leap_guard.first_claim(part.ts[:leap], self.watermark.newest)
            stop = min(voice + 1, leap)
            if stop:
                steps.append(self._admit(part.cut(0, stop)))
            if voice < leap:
                steps += self._settle(part.cut(voice, stop))
            elif leap < part.size:
                stop += 1
                steps.append(self._doubt(part.cut(leap, stop), batch))
            part = part.cut(stop, part.size)
        return _joined(steps)

    def advance(self, newest: float, spoke: Collection[int] | None = None) -> Step:
        """Follow the clock of the feed, and return what came of it; positions mean nothing here.

        `spoke`: starts of the bins in which the feed was heard elsewhere, where silence here is real (None: all).
        """
        confirmed = [m for m, _ in self.leap_guard.confirm(newest)] if self.watermark.newest is not None else []
        if confirmed:
            self._bin(Part.of(confirmed, np.zeros(len(confirmed), dtype=np.int64)))
        self.watermark.advance(max([newest, *(float(m.ts) for m in confirmed)]))
        due = self._closable(self.watermark.due(), spoke)
        closed = [self._close(0, start, elsewhere=spoke is None or start in spoke) for start in due]
        return Step(closed, [], len(confirmed), 0)

    def _sift(self, part: Part, batch: Batch) -> tuple[Part, list[Rejected]]:
        """Take out what the feed cannot use and what lies too far ahead of its receipt."""
        kind, rejected = self.rules.detector.kind, []
        if kind in ("presence", "distinct"):
            lacking = np.array([m.member is None or (kind == "presence" and m.up is None) for m in part.measurements])
            rejected += _rejections(part, lacking, batch, "unusable", f"a {kind} feed needs {_NEEDS[kind]}")
            part = part.where(~lacking) if rejected else part
        if kind == "ratio":
            impossible = np.array([m.value > m.of for m in part.measurements], dtype=np.bool_)
            rejected += _rejections(part, impossible, batch, "out-of-range", "a ratio needs `of` of at least `value`")
            part = part.where(~impossible) if rejected else part
        ahead = part.ts > batch.received_at(part.positions) + self.rules.time.max_ahead
        if ahead.any():
            rejected += _rejections(part, ahead, batch, "too-far-ahead", "the time is ahead of its receipt")
            part = part.where(~ahead)
        return part, rejected

    def _doubt(self, one: Part, batch: Batch) -> Step:
        """Hold a measurement that leaps ahead of all others; take in those that are believed now."""
        position, measurement = int(one.positions[0]), one.measurements[0]
        claim = Claim(float(measurement.ts), KEY(measurement), (measurement, batch.origin(position)))
        return self._believe([m for m, _ in self.leap_guard.claim(claim, self.active)], position)

    def _settle(self, one: Part) -> list[Step]:
        """Take in what was held and is in order with a measurement just admitted, and reject the rest."""
        believed, refuted = self.leap_guard.settle(float(one.ts[0]))
        steps = [self._believe([m for m, _ in believed], int(one.positions[0]))]
        return [*steps, Step([], [_too_far(origin) for _, origin in refuted], 0, 0)]

    def _believe(self, held: list[Measurement], position: int) -> Step:
        return self._admit(Part.of(held, np.full(len(held), position))) if held else Step([], [], 0, 0)

    def _admit(self, part: Part) -> Step:
        """Take measurements that are in step. A day's end is a cut: series are forgotten there."""
        before = part.ts[0] if self.watermark.newest is None else self.watermark.newest
        if self._day(np.array(before)) == self._day(part.ts.max(initial=before)):
            return self._admit_day(part)
        days = self._day(np.maximum.accumulate(np.concatenate(([before], part.ts))))
        bounds = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(part.ts)]
        spans = [(a, b) for a, b in pairwise(bounds) if a < b]
        return _joined([self._admit_day(part.cut(a, b)) for a, b in spans])

    def _day(self, newest: Floats) -> Ints:
        return self.rules.time.closed_until(newest) // DAY

    def _admit_day(self, part: Part) -> Step:
        closed, late = self.watermark.admit(part.ts)
        on_time = part.where(~late) if late.any() else part
        if on_time.size:
            self._bin(on_time)
        if self.rules.detector.kind == "presence" and late.any():
            self._correct(part.where(late), closed[late])
        done = []
        for start in self._closable(self.watermark.due(), ()):
            trigger = int(np.searchsorted(closed, start + self.rules.time.width))
            done.append(self._close(int(part.positions[trigger]), start))
        return Step(done, [], on_time.size, int(late.sum()))

    def _bin(self, part: Part) -> None:
        rows, starts = self.index.rows_of(part.columns.code, part.some), self.rules.time.bin_of(part.ts)
        self.index.touch(rows, starts)
        self.spoke.update(distinct(starts))
        kind = self.rules.detector.kind
        members = list(map(MEMBER, part.measurements)) if kind == "distinct" else []
        of = _floats(OF, part.measurements) if kind == "ratio" else part.ts
        arrivals = Arrivals(rows, part.ts, part.columns.value, of, members)
        self.bins.add(starts, arrivals, len(self.index))
        if self.cells:
            self.cells.add(part.measurements, starts, arrivals)
        if kind == "presence":
            whole = zip(starts.tolist(), rows.tolist(), part.measurements, strict=True)
            for start, row, m in whole:
                self.members.add(start, (row, str(m.member), float(m.ts), bool(m.up)))

    def _correct(self, part: Part, until: Ints) -> None:
        """Let late measurements put right who is up, as of the bin that was the next to close when each came.

        Only of series measured in a bin before that one: all such measurements had come by then, however they are cut.
        """
        for m, start in zip(part.measurements, until.tolist(), strict=True):
            series = series_of(m)
            row = self.index.by_series.get((series.entity, series.facets))
            if row is not None and self.index.born[row] < start:
                self.members.add(start, (row, str(m.member), float(m.ts), bool(m.up)))
            if self.cells:
                self.cells.correct(start, m)

    def _close(self, position: int, start: int, *, elsewhere: bool | None = None) -> Closing:
        rows, empty = len(self.index), start not in self.bins.bins
        self.closings += 1
        self.detector.grow(rows - self.detector.rows)
        observed = self._observe(start, rows, elsewhere)
        changes = self._expired(start, bool(observed.present.any() or elsewhere))
        changes += self.detector.close(observed, self.known.calendar.asked(self.index, start, self.rules.time.width))
        if self.observer:
            self.observer(observed, changes)
        told = [(series, change) for change in changes if (series := self.index.rows[change.row]) is not None]
        last_of_day = start // DAY != (start + self.rules.time.width) // DAY
        fault = bool(self.detector.scalars["fault"])
        if self.cells:
            silence_is_zero = self.rules.silence_is_zero and bool((observed.present == observed.alive).all())
            cutoff = int(start - self.rules.forget_after) if last_of_day else None
            verdict = Verdict(silence_is_zero, fault, self.active)
            told += self.partials(self.cells.close(start, verdict, cutoff))
        closing = Closing(position, start + self.rules.time.width, told, self.levels(start), fault, empty)
        if last_of_day:
            self._forget(start)
        return closing

    def _closable(self, due: range, spoke: Collection[int] | None) -> Iterator[int]:
        """Yield the bins, out of those due, whose closing can change anything, each once the one before has closed.

        When a silent feed is given up its empty bins cannot, but where it was heard elsewhere (`spoke`; None: in all).
        However long it was, only what is yielded takes time: a single clock that stands in 1970 must not hold up all.
        """
        start = due.start
        while start < due.stop:
            if spoke is not None and self._is_given_up(start):
                start = min((one for one in (*self.bins.bins, *spoke) if start <= one < due.stop), default=due.stop)
            if start < due.stop:
                yield start
            start += due.step

    def _is_given_up(self, start: int) -> bool:
        return self.silent_since is not None and start - self.silent_since > self.rules.expire_after

    def _observe(self, start: int, rows: int, elsewhere: bool | None) -> ClosedBin:
        """Return what the bin held; where silence says nothing, its rows are not present.

        `elsewhere`: whether the feed spoke in other shards, None when that is not known.
        """
        closing = self.bins.take(start, rows)
        alive = self.index.born[:rows] <= start
        measured = closing.seen[:rows]
        spoke = bool(measured.any())
        self.active = int(measured.sum()) if spoke else self.active
        value, size, lost, back = closing.value[:rows], np.ones(rows), np.zeros(rows), np.zeros(rows)
        present = measured & alive
        if self.rules.detector.kind == "presence":
            value, size, lost, back = self.members.close(start, rows)
            present = alive
        elif self.rules.detector.kind == "ratio":
            size = closing.size[:rows]
        few = elsewhere is None and int(alive.sum()) < FEW
        if self.rules.silence_is_zero and (spoke or elsewhere or few):
            present = alive
        return ClosedBin(start, value, size, present, alive, lost, back, self.index.group[:rows])

    def _expired(self, start: int, spoke: bool) -> list[Change]:
        """Give up open outages once the whole feed has been silent for too long: unknown is not recovered."""
        if spoke:
            self.silent_since = None
            return []
        self.silent_since = start if self.silent_since is None else self.silent_since
        if start - self.silent_since < self.rules.expire_after:
            return []
        return self.detector.expire(start)

    def _forget(self, start: int) -> None:
        """Free the series that have been silent for long, unless an outage of theirs is going on."""
        rows = len(self.index)
        cutoff = int(start - self.rules.forget_after)
        old = (self.index.last_seen[:rows] < cutoff) & (self.index.born[:rows] <= start)
        gone = [row for row in np.flatnonzero(old).tolist() if row not in self.detector.ongoing]
        for row in gone:
            self.members.forget(row)
        for row in sorted(set(self.members.since) - set(self.detector.ongoing)):
            self.members.forget_down(row, cutoff)
        if gone:
            self.forgot = True
            self.index.forget(np.array(gone))
            self.detector.reset(np.array(gone))


_NEEDS = {"presence": "`member` and `up`", "distinct": "`member`"}


def _floats(number: attrgetter[float], measurements: list[Measurement]) -> Floats:
    """Return one number of each measurement as a column."""
    return np.fromiter(map(number, measurements), dtype=np.float64, count=len(measurements))


def _rejections(part: Part, which: Flags, batch: Batch, reason: str, detail: str) -> list[Rejected]:
    return [Rejected(batch.origin(position), reason, detail) for position in part.positions[which].tolist()]


def _too_far(origin: Origin) -> Rejected:
    return Rejected(origin, "too-far-ahead", "the time is far ahead of all other measurements of the feed")


def _joined(steps: list[Step]) -> Step:
    if len(steps) == 1:
        return steps[0]
    return Step(
        [closing for step in steps for closing in step.closed],
        [rejected for step in steps for rejected in step.rejected],
        sum(step.binned for step in steps),
        sum(step.late for step in steps),
    )
