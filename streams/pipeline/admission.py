"""Admission of measurements to a feed: which are unusable, which are in step with its time, which are late."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from detectors.clock_leaps import Claim, LeapGuard
from detectors.false_lead import FalseLead
from detectors.kinds import FeedKind
from detectors.late_runs import LateRuns
from detectors.types import DAY, Flags, Floats, Ints
from detectors.watermark import NOTHING, TimeRule, Watermark
from schemas.measurement import Measurement, entity_of
from schemas.rejections import Reason
from streams.ingest.batch import Batch, MeasurementOrigin, Rejected
from streams.ingest.feed_kinds import DEFECTS
from streams.ingest.measurement_slice import MeasurementSlice
from streams.pipeline.believed_time import BelievedTime, entities
from streams.pipeline.fast_clocks import FastClocks

PIECE = 1_024  # measurements that are looked at together where some leap ahead: each of these cuts off the rest
Pending = tuple[Measurement, MeasurementOrigin]  # a measurement ahead of its time, and where it came from


class Advance(NamedTuple):
    """Measurements that moved the watermark within one day.

    `closable`: int64 (n,), end of the bins that may close as each of the `n` measurements arrived. `late`: bool (n,).
    """

    part: MeasurementSlice
    closable: Ints
    late: Flags

    def trigger(self, end: int) -> int:
        """Return the position in the batch of the measurement that closed the bin of this end (Unix seconds)."""
        return int(self.part.positions[int(np.searchsorted(self.closable, end))])


def reject_unusable(
    kind: FeedKind, time: TimeRule, part: MeasurementSlice, batch: Batch, clocks: FastClocks
) -> tuple[MeasurementSlice, list[Rejected]]:
    """Return the usable measurements, and dead letters of those that lack a field or are ahead of their receipt."""
    rejected: list[Rejected] = []
    if kind.name in DEFECTS:
        is_in, reason, detail = DEFECTS[kind.name]
        defective = np.array([is_in(m) for m in part.measurements], dtype=np.bool_)
        rejected += _rejections(part, defective, batch, reason, detail)
        part = part.where(~defective) if rejected else part
    ahead = clocks.note(part, batch.received_at(part.positions), batch.witnessed_at(part.positions)) > time.max_ahead
    if ahead.any():
        rejected += _rejections(part, ahead, batch, "too-far-ahead", "the time is ahead of its receipt")
        part = part.where(~ahead)
    return part, rejected


class Admission:
    """Event time of one feed: its watermark, and the measurements that wait until others confirm a leap in time."""

    def __init__(self, rule: TimeRule) -> None:
        self.watermark = Watermark(rule)
        self.believed = BelievedTime(rule)
        self.fast_clocks = FastClocks()
        self.lead, self.late_runs = FalseLead(rule), LateRuns()
        self.leap_guard: LeapGuard[Pending] = LeapGuard(rule.max_step, rule.lateness)
        self.active = 0  # entities that were measured in the newest closed bin that was not empty

    def in_step(self, part: MeasurementSlice, batch: Batch) -> Iterator[tuple[MeasurementSlice, list[Rejected]]]:
        """Yield measurements that are in step with the feed's time, with dead letters of leaps that they refute.

        The caller advances the watermark by each slice before it asks for the next one.
        """
        size = PIECE if part.size and self._is_disputed(part) else max(part.size, 1)
        for start in range(0, part.size, size):
            yield from self._in_step(part.cut(start, min(start + size, part.size)), batch)

    def _is_disputed(self, part: MeasurementSlice) -> bool:
        return bool(self.leap_guard.pending) or self.watermark.first_leap(part.columns.ts) < part.size

    def _in_step(self, part: MeasurementSlice, batch: Batch) -> Iterator[tuple[MeasurementSlice, list[Rejected]]]:
        while part.size:
            ts = part.columns.ts
            leap = self.watermark.first_leap(ts)
            decider = self.leap_guard.first_claim(ts[:leap], self.watermark.front)
            stop = min(decider + 1, leap)
            if stop:
                yield part.cut(0, stop), []
            if decider < leap:
                yield self._settle(part.cut(decider, stop))
            elif leap < len(ts):
                stop += 1
                yield self._claim(part.cut(leap, stop), batch)
            part = part.cut(stop, len(ts))

    def advance_watermark(self, part: MeasurementSlice, batch: Batch, span: int = DAY) -> Iterator[Advance]:
        """Advance the watermark by measurements in step, one `span` of it (s) after the other.

        No measurement moves it past its receipt. Series are forgotten when a span ends, before the next measurement is
        looked at.
        """
        if not part.size:
            return
        reached = self.believed.reached(part, batch, self.watermark)
        before = float(reached[0] if self.watermark.newest is None else self.watermark.newest)
        if self._span(np.array(before), span) == self._span(reached.max(initial=before), span):
            yield self._admit(part, batch, reached)
            return
        spans = self._span(np.maximum.accumulate(np.concatenate(([before], reached))), span)
        bounds = [0, *(np.flatnonzero(np.diff(spans)) + 1).tolist(), part.size]
        for start, stop in pairwise(bounds):
            if start < stop:
                piece = part.cut(start, stop)
                yield self._admit(piece, batch, reached[start:stop])

    def _admit(self, part: MeasurementSlice, batch: Batch, reached: Floats) -> Advance:
        advance = Advance(part, *self.watermark.admit(part.columns.ts, reached))
        if batch.is_live and self.late_runs.concerns(advance.late):
            self.late_runs.note(entities(part), part.columns.ts, advance.late)
        return advance

    def follow_clock(self, newest: float) -> MeasurementSlice:
        """Advance the watermark to an event time reached elsewhere; return the pending measurements it confirms."""
        confirmed = self.leap_guard.confirm(newest) if self.watermark.newest is not None else []
        self.watermark.advance(max([newest, *(float(m.ts) for m, _ in confirmed)]))
        return _believed(confirmed, 0)

    def _span(self, newest: Floats, span: int) -> Ints:
        """Return the span up to which bins may close, for each newest event time (Unix seconds, any shape)."""
        return self.watermark.rule.closed_until(np.maximum(newest, NOTHING)) // span

    def _claim(self, leap: MeasurementSlice, batch: Batch) -> tuple[MeasurementSlice, list[Rejected]]:
        """Keep one measurement that leaps ahead of all others pending, or reject it as too many are.

        Return what is believed now, and what is rejected.
        """
        position, measurement = int(leap.positions[0]), leap.measurements[0]
        claim = claim_of(measurement, batch.origin(position))
        if not self.leap_guard.has_room(claim.ts, claim.who, self.active):
            return _believed([], position), [too_far(batch.origin(position))]
        return _believed(self.leap_guard.claim(claim, self.active), position), []

    def _settle(self, decider: MeasurementSlice) -> tuple[MeasurementSlice, list[Rejected]]:
        """Return the pending measurements that are in order with a measurement just admitted, and reject the rest."""
        believed, refuted = self.leap_guard.settle(float(decider.columns.ts[0]))
        return _believed(believed, int(decider.positions[0])), [too_far(origin) for _, origin in refuted]


def claim_of(measurement: Measurement, origin: MeasurementOrigin) -> Claim[Pending]:
    """Return the claim on the time that a measurement makes."""
    return Claim(float(measurement.ts), entity_of(measurement), (measurement, origin), origin.offset)


def _believed(pending: list[Pending], position: int) -> MeasurementSlice:
    """Return pending measurements as if they arrived at this position."""
    measurements, origins = [m for m, _ in pending], [origin for _, origin in pending]
    return MeasurementSlice.of(measurements, np.full(len(pending), position, dtype=np.int64), origins)


def _rejections(part: MeasurementSlice, flags: Flags, batch: Batch, reason: Reason, detail: str) -> list[Rejected]:
    return [Rejected(batch.origin(position), reason, detail) for position in part.positions[flags].tolist()]


def too_far(origin: MeasurementOrigin) -> Rejected:
    """Return the dead letter of a measurement that others have refuted."""
    return Rejected(origin, "too-far-ahead", "the time is far ahead of all other measurements of the feed")
