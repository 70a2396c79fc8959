"""How far the reporters of findings have come, and at which instant of event time what they say is taken.

That instant depends on nothing but what each reporter said before, in its own order: not on how fast others are. A
reporter has told all up to the end that its slowest feed has reached, or up to `patience` before that of its fastest,
since a feed may stop. What it says of older bins is late, and taken a second after that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, nextafter

from schemas.finding import Finding

LATE = 1.0  # seconds after what has been told


@dataclass(frozen=True, slots=True)
class Expected:
    """Who reports: shards, and the areas of each feed that are summed from them. `patience` in seconds."""

    patience: float
    shards: tuple[str, ...]
    areas: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Reach:
    """What has been heard of each reporter; plain values, times in Unix seconds.

    `ends`: of the newest bin of each of its feeds. `pieces`: end and number of the piece taken last of each. `told`: up
    to when it has told all. `open`: of bins that areas have still to tell of, by feed and end, when they are taken.
    `past`: up to when all was settled once.
    """

    expected: Expected
    ends: dict[str, dict[str, int]] = field(default_factory=dict)
    pieces: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    open: dict[str, dict[int, float]] = field(default_factory=dict)
    past: float = -inf

    def take(self, finding: Finding) -> float | None:
        """Return the instant at which a finding is to be taken; None when it is known already, or says only how far
        its reporter has come.
        """
        reporter, feed, this = finding.reporter, finding.feed, (finding.end, finding.piece)
        if not finding.silent:
            pieces = self.pieces.setdefault(reporter, {})
            if this <= pieces.get(feed, (-1, 0)):
                return None
            pieces[feed] = this
        at = self._instant(finding)
        if finding.last:
            self._note(finding, at)
            self.past = self.settled()
        return None if finding.silent else at

    def settled(self) -> float:
        """Return up to when all is told: what is still to come is taken later than that."""
        told = min((self.told.get(one, -inf) for one in self.expected.shards), default=-inf)
        return max(self.past, min(told, nextafter(min(map(self._held, self.open), default=inf), -inf)))

    def _held(self, feed: str) -> float:
        """When the oldest bin is taken that areas can tell of by now: all shards that have the feed have told it."""
        ends = [self.ends[one][feed] for one in self.expected.shards if feed in self.ends.get(one, {})]
        common = min(ends, default=-1)
        return min((at for end, at in self.open[feed].items() if end <= common and at > self.past), default=inf)

    def _instant(self, finding: Finding) -> float:
        if finding.reporter not in self.expected.shards:
            at = self.open.get(finding.feed, {}).get(finding.end, -inf)
            return at if at > self.past else _after(finding.end, self.past)
        return _after(finding.end, self.told.get(finding.reporter, -inf))

    def _note(self, finding: Finding, at: float) -> None:
        feed, end = finding.feed, finding.end
        ends = self.ends.setdefault(finding.reporter, {})
        ends[feed] = max(end, ends.get(feed, end))
        if finding.reporter not in self.expected.shards:
            if feed in self.expected.areas:
                self._close(feed)
            return
        reached = max(min(ends.values()), max(ends.values()) - self.expected.patience)
        self.told[finding.reporter] = max(reached, self.told.get(finding.reporter, reached))
        if feed in self.expected.areas and not finding.silent:
            bins = self.open.setdefault(feed, {})
            bins[end] = max(at, bins.get(end, at))
            self._close(feed)

    def _close(self, feed: str) -> None:
        """Forget the bins that all areas of a feed have told of, or that were not waited for."""
        done = min(self.ends.get(one, {}).get(feed, -1) for one in self.expected.areas[feed])
        self.open[feed] = {end: at for end, at in self.open.get(feed, {}).items() if end > done and at > self.past}


def _after(end: int, told: float) -> float:
    """The end of a bin, or when that has been told already, a moment after."""
    return float(end) if end > told else told + LATE
