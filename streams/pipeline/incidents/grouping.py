"""Findings in, revisions of incidents out, the same ones in whatever order those of several reporters come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf, nextafter

from detectors.incidents.book import advance, take
from detectors.incidents.model import Book, Coverage, Fall, Told
from schemas.finding import Finding
from schemas.incident import Incident
from streams.config.area_spec import combination
from streams.config.metadata import Register
from streams.config.settings import Settings
from streams.pipeline.expected_levels import LevelTables
from streams.pipeline.findings import AREAS, SHARD
from streams.pipeline.incidents.feed_faults import Bin, feed_faults
from streams.pipeline.incidents.incident_messages import fall_of, incident_of
from streams.pipeline.incidents.reporter_watermarks import Expected, Reach

ROUTES = "bgp"  # the signal of feeds that watch routes


@dataclass(slots=True)
class Moment:
    """What is taken at one instant: the bins that closed, by feed and end, and revisions of outages."""

    bins: dict[str, dict[int, Bin]] = field(default_factory=dict)
    falls: list[Fall] = field(default_factory=list)


class Grouping:
    """Incidents of what shards and areas find. Findings wait until all reporters have told what came before them."""

    def __init__(self, settings: Settings, known: Register, expected: Expected) -> None:
        self.settings, self.known = settings, known
        self.book = Book()
        self.reach = Reach(expected)
        self.levels = LevelTables()
        self.waiting: dict[float, Moment] = {}
        self.at = -inf  # the instant taken last
        self.newest: dict[str, int] = {}  # end of the newest bin of each feed by then
        self._coverage: Coverage | None = None

    def hear(self, finding: Finding) -> None:
        """Take a finding in; one that is known already changes nothing."""
        at = self.reach.take(finding)
        if at is None:
            return
        feed, moment = finding.feed, self.waiting.setdefault(at, Moment())
        bins, its = moment.bins.setdefault(feed, {}), Bin(finding.fault, finding.empty)
        bins[finding.end] = its | bins.get(finding.end, its)
        moment.falls += map(fall_of, finding.outages)
        if finding.levels is not None:
            self.levels.put((finding.reporter, feed), at, finding.end, finding.levels)

    def settle(self) -> list[Incident]:
        """Return what comes of all that is settled."""
        return self._told(self.reach.settled())

    def finish(self) -> list[Incident]:
        """Return what comes of the findings that still wait, at the end of the input."""
        return self._told(max(self.waiting, default=self.reach.settled()))

    def _told(self, until: float) -> list[Incident]:
        """Take the instants up to one, in order, each with the coverage of its own time."""
        told: list[Told] = []
        for at in sorted(at for at in self.waiting if at <= until):
            moment = self.waiting.pop(at)
            told += self._advance(at)
            self._move(at, moment)
            falls = [*moment.falls, *feed_faults(self.book, moment.bins, self.newest, at, self.settings)]
            if falls:
                told += take(self.book, falls, at, self._covered())
        told += self._advance(nextafter(until, inf))
        return [incident_of(one, self.known.names) for one in told]

    def _advance(self, now: float) -> list[Told]:
        return advance(self.book, now, self._covered()) if self.book.incidents else []

    def _move(self, at: float, moment: Moment) -> None:
        """Bring what the feeds know up to an instant."""
        self.at = at
        self.newest |= {feed: max(*bins, self.newest.get(feed, 0)) for feed, bins in moment.bins.items()}
        if self.levels.pass_to(at):
            self._coverage = None

    def _covered(self) -> Coverage:
        """Return what the feeds can tell at the instant taken last: the same object while nothing of that changes."""
        feeds, known = self.settings.feeds, self._coverage
        mute = frozenset(name for name in feeds if self._is_mute(name))
        if known is None or known.mute != mute or known.operators is not self.known.operators:
            widths = {name: float(feed.bin) for name, feed in feeds.items()}
            routes = {name for name, feed in feeds.items() if feed.signal == ROUTES}
            shares = {name for name, feed in feeds.items() if feed.kind == "ratio"}
            series = known.series if known else self.levels.by_country(self.at, feeds)
            known = Coverage(widths, mute, routes, series, self.known.operators, self.known.weights, shares)
            self._coverage = known
        return known

    def _is_mute(self, name: str) -> bool:
        """Whether a feed says nothing: no bin of it closed within its width and lateness."""
        feed = self.settings.feeds[name]
        return self.at - self.newest.get(name, -inf) > float(feed.bin) + float(feed.lateness)


def expected_of(settings: Settings, shards: int, *, summed: bool = False) -> Expected:
    """Return who reports when the measurements are in so many partitions; `summed`: areas over all of them do, too."""
    patience = max((settings.stalled_after(name) for name in settings.feeds), default=0.0)
    areas = {name: _areas(feed.areas) for name, feed in settings.feeds.items() if summed and feed.areas}
    return Expected(patience, tuple(map(SHARD.format, range(shards))), areas)


def _areas(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(AREAS.format(combination(text).name) for text in texts)
