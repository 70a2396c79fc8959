"""How far each reporter has come in event time, and in which order bin reports take effect.

A report is due when its bin may close: at the bin's end and the feed's lateness after it. Reports take effect in the
order in which they are due, whichever comes first, so the order is a function of event time. A shard is complete up to
the moment at which the next bin of a feed is due, for all feeds that it reports. A feed that fell silent is not waited
for: because its shard says so in the same topic, or because the others are `patience` ahead. What comes of it later
takes effect later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, nextafter
from typing import NamedTuple

from schemas.bin_report import BinReport


class FeedTimes(NamedTuple):
    """Seconds: the width of a feed's bins, its lateness, and how far others may be ahead before it is given up."""

    width: float
    lateness: float
    patience: float


UNKNOWN = FeedTimes(0.0, 0.0, 0.0)  # of a feed that the settings do not name


class Turn(NamedTuple):
    """When a report takes effect: reports in order of `due`, each at the event time `end` at the earliest.

    `is_late`: others that were due later have taken effect, or may have.
    """

    due: float
    end: float
    is_late: bool


class Delay(NamedTuple):
    """A feed that a shard is waited for (None: the shard has reported nothing), and by how many seconds of event time
    others are ahead.
    """

    shard: str
    feed: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class ExpectedReporters:
    """The names of the shards, the times of the feeds, and by feed the areas that are summed over all shards."""

    feeds: Mapping[str, FeedTimes]
    shards: tuple[str, ...]
    areas: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class ReporterWatermarks:
    """The state of all reporters as plain values, times in Unix seconds.

    `ends`: the end of the newest bin by reporter and feed. `pieces`: end and number of the newest piece, likewise.
    `silent`: the feeds that a shard is not waited for. `complete`: before which time all that is due has come from a
    shard. `bounds`: before which time no later report of a shard takes effect. `awaited`: by feed and end, when bins
    are due that areas have still to report. `settled_until`: before which time all has been settled once.
    `rewound`: by reporter and feed, how often its time has gone back.
    """

    expected: ExpectedReporters
    ends: dict[str, dict[str, int]] = field(default_factory=dict)
    pieces: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    silent: dict[str, set[str]] = field(default_factory=dict)
    complete: dict[str, float] = field(default_factory=dict)
    bounds: dict[str, float] = field(default_factory=dict)
    awaited: dict[str, dict[int, float]] = field(default_factory=dict)
    settled_until: float = -inf
    rewound: dict[str, dict[str, int]] = field(default_factory=dict)

    def admit(self, report: BinReport) -> Turn | None:
        """Note a bin report and return when it takes effect.

        Return None for a repeated report, and for one that only says how far its reporter has come.
        """
        reporter, feed, piece = report.reporter, report.feed, (report.end, report.piece)
        if (report.rewound or 0) < self.rewound.get(reporter, {}).get(feed, 0):
            return None
        if not report.silent:
            pieces = self.pieces.setdefault(reporter, {})
            if piece <= pieces.get(feed, (-1, 0)):
                return None
            pieces[feed] = piece
        turn = self._turn(report)
        if report.last:
            self._advance(report, turn.due)
            self.settled_until = self.settled()
        return None if report.silent else turn

    def goes_back(self, report: BinReport) -> bool:
        """Return whether the time of a feed has gone back since its reporter's last report."""
        return (report.rewound or 0) > self.rewound.get(report.reporter, {}).get(report.feed, 0)

    def go_back_to(self, report: BinReport) -> None:
        """Go back with a reporter whose time of a feed was false: what it said of later bins is void."""
        reporter, feed = report.reporter, report.feed
        self.rewound.setdefault(reporter, {})[feed] = report.rewound or 0
        self.pieces.get(reporter, {}).pop(feed, None)
        self.silent.get(reporter, set()).discard(feed)
        ends = self.ends.setdefault(reporter, {})
        ends[feed] = min(report.end, ends.get(feed, report.end))
        if reporter not in self.expected.shards:
            return
        if feed in self.awaited:
            self.awaited[feed] = {end: due for end, due in self.awaited[feed].items() if end <= report.end}
        self.complete.pop(reporter, None)
        self.bounds.pop(reporter, None)
        self._move(reporter)
        if self.settled_until > self.complete.get(reporter, -inf):
            self.settled_until = -inf
            self.settled_until = self.settled()

    def newest_of(self, feed: str) -> int:
        """Return the end of the newest bin of a feed that a reporter has reported; -1 for none."""
        return max((ends[feed] for ends in self.ends.values() if feed in ends), default=-1)

    def settled(self) -> float:
        """Return before which time all reports that are due have come, or are waited for no longer."""
        complete = min(map(self._limit, self.expected.shards), default=-inf)
        end_of_all = nextafter(max(self.complete.values(), default=-inf), inf)
        oldest = min(map(self._oldest_awaited, self.awaited), default=inf)
        return max(self.settled_until, min(complete, end_of_all, oldest))

    def bound(self) -> float:
        """Return an event time before which no report that is still to come takes effect, unless it is late."""
        limiting = [shard for shard in self.expected.shards if self._limit(shard) < inf]
        return min((self.bounds.get(shard, -inf) for shard in limiting), default=-inf)

    def give_up(self) -> None:
        """Wait no longer for the feeds that are overdue, at the end of the input."""
        for shard in self.expected.shards:
            for feed, reached in self._reached(shard).items():
                if reached <= self._newest_due(shard):
                    self.silent.setdefault(shard, set()).add(feed)
            self._move(shard)
        self.settled_until = self.settled()

    def newest_due(self) -> float:
        """Return when the newest bin was due that was reported; -inf before the first."""
        return max(map(self._newest_due, self.ends), default=-inf)

    def go_back(self) -> None:
        """Go back where a feed that is here no more was ahead of all that are."""
        for shard, ends in self.ends.items():
            times = [(end + self._times(feed).width, self._times(feed).lateness) for feed, end in ends.items()]
            if self.complete.get(shard, -inf) > max((end + late for end, late in times), default=-inf):
                self.complete.pop(shard, None)
                self.bounds.pop(shard, None)
                self._move(shard)
        if self.settled_until > max(self.complete.values(), default=-inf):
            self.settled_until = -inf
            self.settled_until = self.settled()

    def delays(self) -> Iterator[Delay]:
        """Yield the feeds that are behind others and waited for."""
        newest = max(map(self._newest_due, self.expected.shards), default=-inf)
        for shard in self.expected.shards:
            if shard not in self.ends and newest > -inf:
                yield Delay(shard, None, inf)
            for feed, reached in self._reached(shard).items():
                if reached <= newest:
                    yield Delay(shard, feed, newest - reached)

    def stopped(self) -> dict[str, list[str]]:
        """Return the shards in which a feed is not waited for although it has reported there, by feed."""
        pairs = [(feed, shard) for shard, silent in self.silent.items() for feed in silent]
        found: dict[str, list[str]] = {}
        for feed, shard in sorted(pairs):
            if feed in self.pieces.get(shard, {}):
                found.setdefault(feed, []).append(shard)
        return found

    def _times(self, feed: str) -> FeedTimes:
        return self.expected.feeds.get(feed, UNKNOWN)

    def _limit(self, shard: str) -> float:
        """Return up to where a shard is complete; infinite when all of its feeds are silent."""
        if shard not in self.ends:
            return -inf
        return self.complete.get(shard, -inf) if self._reached(shard) else inf

    def _newest_due(self, shard: str, without: str = "") -> float:
        """Return when the newest bin of a shard was due, of all feeds but one."""
        ends = self.ends.get(shard, {}).items()
        return max((end + self._times(feed).lateness for feed, end in ends if feed != without), default=-inf)

    def _reached(self, shard: str) -> dict[str, float]:
        """Return when the next bin of each feed is due that a shard is waited for."""
        newest, silent = self._newest_due(shard), self.silent.get(shard, ())
        waited = [feed for feed in self.ends.get(shard, ()) if feed in self.expected.feeds and feed not in silent]
        return {feed: self._next_due(shard, feed, newest) for feed in waited}

    def _next_due(self, shard: str, feed: str, newest: float) -> float:
        width, lateness, patience = self._times(feed)
        return max(self.ends[shard][feed] + width + lateness, newest - patience)

    def _oldest_awaited(self, feed: str) -> float:
        """Return when the oldest bin is due that areas can report by now: all shards have that are waited for."""
        common = min((self.ends[shard][feed] for shard in self._reporting(feed)), default=-1)
        bins = self.awaited[feed].items()
        return min((due for end, due in bins if end <= common and due >= self.settled_until), default=inf)

    def _reporting(self, feed: str) -> Iterator[str]:
        """Yield the shards in which a feed is not silent."""
        for shard in self.expected.shards:
            if feed in self.ends.get(shard, {}) and feed not in self.silent.get(shard, ()):
                yield shard

    def _turn(self, report: BinReport) -> Turn:
        reporter, feed = report.reporter, report.feed
        due, bound = report.end + self._times(feed).lateness, self.bound()
        at = due
        if reporter in self.expected.shards and feed not in self.silent.get(reporter, ()):
            at, bound = max(due, self.complete.get(reporter, -inf)), self.bounds.get(reporter, -inf)
        elif report.end in self.awaited.get(feed, {}) and reporter not in self.expected.shards:
            at, bound = self.awaited[feed][report.end], -inf
        at = max(at, nextafter(self.settled_until, -inf))
        return Turn(at, max(float(report.end), bound), at > due)

    def _advance(self, report: BinReport, due: float) -> None:
        """Move the reporter's watermark after the last piece of a bin."""
        reporter, feed, end = report.reporter, report.feed, report.end
        ends = self.ends.setdefault(reporter, {})
        ends[feed] = max(end, ends.get(feed, end))
        if reporter not in self.expected.shards:
            if feed in self.expected.areas:
                self._forget_awaited(feed)
            return
        self._note_silence(report)
        self._move(reporter)
        if feed in self.expected.areas and not report.silent:
            bins = self.awaited.setdefault(feed, {})
            bins[end] = max(due, bins.get(end, due))
            self._forget_awaited(feed)

    def _note_silence(self, report: BinReport) -> None:
        """Wait no longer for a feed that is silent, and again for one that has caught up with the others."""
        silent = self.silent.setdefault(report.reporter, set())
        if report.silent:
            if report.end >= self.ends[report.reporter][report.feed]:
                silent.add(report.feed)
        elif report.end + self._times(report.feed).lateness >= self._newest_due(report.reporter, report.feed):
            silent.discard(report.feed)

    def _move(self, shard: str) -> None:
        """Move the time up to which a shard is complete, never backwards."""
        reached = self._reached(shard)
        if reached:
            complete = min(reached.values())
            bound = min(due - self._times(feed).lateness for feed, due in reached.items())
            self.complete[shard] = max(complete, self.complete.get(shard, complete))
            self.bounds[shard] = max(bound, self.bounds.get(shard, bound))

    def _forget_awaited(self, feed: str) -> None:
        """Forget the bins that all areas of a feed have reported, and those that settled without them."""
        done = min(self.ends.get(area, {}).get(feed, -1) for area in self.expected.areas[feed])
        bins = self.awaited.get(feed, {}).items()
        self.awaited[feed] = {end: due for end, due in bins if end > done and due >= self.settled_until}
