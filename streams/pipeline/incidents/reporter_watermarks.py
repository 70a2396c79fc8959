"""How far each reporter has come in event time, and at which instant a bin report takes effect.

The instant depends only on what each reporter said before, in its own order, never on which reporter is faster. A
reporter is complete up to the end that its slowest feed has reached, or up to `patience` before that of its fastest,
since a feed may stop. A report of an older bin is late, and takes effect a second after that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, nextafter

from schemas.bin_report import BinReport

LATE = 1.0  # seconds after the time up to which the reporter is complete


@dataclass(frozen=True, slots=True)
class ExpectedReporters:
    """The names of the shards, and of the areas of each feed that are summed from them. `patience` is in seconds."""

    patience: float
    shards: tuple[str, ...]
    areas: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class ReporterWatermarks:
    """The state of all reporters as plain values, times in Unix seconds.

    `ends`: the end of the newest bin by reporter and feed. `pieces`: end and number of the newest piece, likewise.
    `complete`: the time up to which each shard has reported all. `awaited`: by feed and end, when bins take effect that
    areas have still to report. `settled_until`: the time up to which all was settled once.
    """

    expected: ExpectedReporters
    ends: dict[str, dict[str, int]] = field(default_factory=dict)
    pieces: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    complete: dict[str, float] = field(default_factory=dict)
    awaited: dict[str, dict[int, float]] = field(default_factory=dict)
    settled_until: float = -inf

    def admit(self, report: BinReport) -> float | None:
        """Note a bin report and return the instant at which it takes effect.

        Return None for a repeated report, and for one that only says how far its reporter has come.
        """
        reporter, feed, piece = report.reporter, report.feed, (report.end, report.piece)
        if not report.silent:
            pieces = self.pieces.setdefault(reporter, {})
            if piece <= pieces.get(feed, (-1, 0)):
                return None
            pieces[feed] = piece
        at = self._instant(report)
        if report.last:
            self._advance(report, at)
            self.settled_until = self.settled()
        return None if report.silent else at

    def settled(self) -> float:
        """Return the time up to which all reporters are complete: what is still to come takes effect later."""
        complete = min((self.complete.get(shard, -inf) for shard in self.expected.shards), default=-inf)
        oldest = min(map(self._oldest_awaited, self.awaited), default=inf)
        return max(self.settled_until, min(complete, nextafter(oldest, -inf)))

    def _oldest_awaited(self, feed: str) -> float:
        """Return when the oldest bin takes effect that areas can report by now: all shards of the feed have done so."""
        ends = [self.ends[shard][feed] for shard in self.expected.shards if feed in self.ends.get(shard, {})]
        common = min(ends, default=-1)
        bins = self.awaited[feed].items()
        return min((at for end, at in bins if end <= common and at > self.settled_until), default=inf)

    def _instant(self, report: BinReport) -> float:
        if report.reporter not in self.expected.shards:
            at = self.awaited.get(report.feed, {}).get(report.end, -inf)
            return at if at > self.settled_until else _after(report.end, self.settled_until)
        return _after(report.end, self.complete.get(report.reporter, -inf))

    def _advance(self, report: BinReport, at: float) -> None:
        """Move the reporter's watermark after the last piece of a bin."""
        feed, end = report.feed, report.end
        ends = self.ends.setdefault(report.reporter, {})
        ends[feed] = max(end, ends.get(feed, end))
        if report.reporter not in self.expected.shards:
            if feed in self.expected.areas:
                self._forget_awaited(feed)
            return
        reached = max(min(ends.values()), max(ends.values()) - self.expected.patience)
        self.complete[report.reporter] = max(reached, self.complete.get(report.reporter, reached))
        if feed in self.expected.areas and not report.silent:
            bins = self.awaited.setdefault(feed, {})
            bins[end] = max(at, bins.get(end, at))
            self._forget_awaited(feed)

    def _forget_awaited(self, feed: str) -> None:
        """Forget the bins that all areas of a feed have reported, and those that settled without them."""
        done = min(self.ends.get(area, {}).get(feed, -1) for area in self.expected.areas[feed])
        bins = self.awaited.get(feed, {}).items()
        self.awaited[feed] = {end: at for end, at in bins if end > done and at > self.settled_until}


def _after(end: int, complete: float) -> float:
    """Return the end of a bin, or a moment after `complete` when that is later."""
    return float(end) if end > complete else complete + LATE
