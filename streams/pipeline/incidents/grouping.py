"""Bin reports in, revisions of incidents out: the same ones in whatever order the reports come.

A report that is late, after its feed was silent, takes effect where it stands in the topic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from math import inf, nextafter

from detectors.incidents.doubts import DoubtState, Moment, Source, down_by_feeds, step
from detectors.incidents.fusion import Doubt
from detectors.incidents.model import Coverage, IncidentRevision, IncidentState, OutageRevision, SeriesKey
from detectors.incidents.tracker import advance, apply_revisions
from detectors.kinds import FEED_KINDS
from detectors.outages.evidence import threshold
from schemas.bin_report import BinReport
from schemas.incident import Incident
from streams.config.area_spec import combination
from streams.config.metadata import Register
from streams.config.settings import Settings
from streams.pipeline.doubtful_series import doubts_in
from streams.pipeline.expected_levels import LevelTables
from streams.pipeline.findings import AREAS, SHARD
from streams.pipeline.incidents.feed_faults import (
    BinStatus,
    falling_together,
    feed_faults,
    given_up,
    is_steady,
    put_back,
)
from streams.pipeline.incidents.incident_messages import incident_of, outage_revision_of
from streams.pipeline.incidents.reporter_watermarks import Delay, ExpectedReporters, FeedTimes, ReporterWatermarks
from streams.pipeline.incidents.whole_feeds import ShardFalls, WholeFeeds

ROUTES = "bgp"  # the signal of feeds that watch routes
LATE = 1.0  # seconds between an instant and one of earlier bins that comes after it


@dataclass(slots=True)
class Instant:
    """What takes effect at one instant: closed bins by feed and end (Unix seconds), outage revisions, and doubts.

    `end`: the event time at which it takes effect at the earliest (Unix seconds). `falls`: what shards say of the bins
    of feeds, by feed, end and shard.
    """

    bins: dict[str, dict[int, BinStatus]] = field(default_factory=dict)
    outages: list[OutageRevision] = field(default_factory=list)
    doubts: dict[Source, list[Doubt]] = field(default_factory=dict)
    end: float = -inf
    falls: dict[str, dict[int, dict[str, ShardFalls]]] = field(default_factory=dict)

    def without_later(self, reporter: str, feed: str, end: int) -> Instant:
        """Return the instant without what a reporter has said of bins of a feed that end later."""
        parts = {at: dict(by_shard) for at, by_shard in self.falls.get(feed, {}).items()}
        for at in [at for at in parts if at > end]:
            parts[at].pop(reporter, None)
        bins = {at: status for at, status in self.bins.get(feed, {}).items() if at <= end or parts.get(at)}
        falls = {at: by_shard for at, by_shard in parts.items() if by_shard}
        return Instant(
            {name: of for name, of in {**self.bins, feed: bins}.items() if of},
            [o for o in self.outages if (o.feed, o.reporter) != (feed, reporter) or o.updated_at <= end],
            {source: doubts for source, doubts in self.doubts.items() if source != (reporter, feed) or self.end <= end},
            self.end,
            {name: of for name, of in {**self.falls, feed: falls}.items() if of},
        )

    def without(self, feed: str) -> Instant:
        """Return the instant without what one feed has said."""
        return Instant(
            {name: bins for name, bins in self.bins.items() if name != feed},
            [outage for outage in self.outages if outage.feed != feed],
            {source: doubts for source, doubts in self.doubts.items() if source[1] != feed},
            self.end,
            {name: parts for name, parts in self.falls.items() if name != feed},
        )


class Grouping:
    """Groups the outages that shards and areas report. Reports wait until all that is due before them has come.

    `waiting`: what waits, by the time at which it is due; `due`: when the newest instant was due that took effect;
    `at`: its event time. `newest`: end of the newest bin of each feed by then that
    holds measurements. `late`: reports by feed that came late. `lost_feeds`: those whose outages end at the next
    instant, since no detector continues them.
    """

    def __init__(self, settings: Settings, register: Register, expected: ExpectedReporters) -> None:
        self.settings, self.register = settings, register
        self.state = IncidentState()
        self.watermarks = ReporterWatermarks(expected)
        self.levels = LevelTables()
        self.doubts = DoubtState()
        self.thresholds = {name: _threshold(settings, name) for name in settings.feeds}
        self.whole_feeds = WholeFeeds(settings, self.state, self.thresholds)
        self.sums = frozenset(_summed(settings))
        self.waiting: dict[float, Instant] = {}
        self.at = self.due = -inf
        self.newest: dict[str, int] = {}
        self.late: Counter[str] = Counter()
        self.lost_feeds: frozenset[str] = frozenset()
        self._coverage: Coverage | None = None

    def add(self, report: BinReport) -> None:
        """Add a bin report. A repeated one changes nothing. Raises ValueError for an outage that cannot be grouped."""
        by_itself = not report.falls and report.reporter in self.watermarks.expected.shards  # an older version
        reporter = "" if by_itself else report.reporter
        has_season = self._has_season(report.feed)
        outages = [outage_revision_of(outage, reporter, has_season=has_season) for outage in report.outages]
        if self.watermarks.goes_back(report):
            outages += self._ends_after(report)
            self._go_back(report)
            outages = [replace(outage, suspected_fault=False) for outage in outages]  # void, whoever was at fault
        settled = self.watermarks.settled_until
        turn = self.watermarks.admit(report)
        if turn is None:
            return
        joins = turn.due in self.waiting and turn.due >= settled  # no incident has gone past an instant that waits
        feed, instant = report.feed, self.waiting.setdefault(turn.due, Instant())
        instant.end = max(instant.end, report.end if joins else turn.end)
        self.late[feed] += turn.is_late
        bins, status = instant.bins.setdefault(feed, {}), BinStatus(report.fault and by_itself, report.empty)
        if report.falls:
            by_shard = instant.falls.setdefault(feed, {}).setdefault(report.end, {})
            by_shard[report.reporter] = ShardFalls(report.falls, report.fault)
        bins[report.end] = status | bins[report.end] if report.end in bins else status
        instant.outages += outages
        instant.doubts.setdefault((report.reporter, feed), []).extend(doubts_in(feed, report.doubts))
        if report.levels is not None:
            self.levels.put((report.reporter, feed), turn.due, report.end, report.levels)

    def _has_season(self, name: str) -> bool:
        """Return whether a feed learns a profile of the day; no feed of members does."""
        feed = self.settings.feeds.get(name)
        return feed is not None and not FEED_KINDS[feed.kind].tracks_members

    def settle(self) -> list[Incident]:
        """Return the new revisions of incidents that no report can change any more."""
        revisions = self._run_until(self.watermarks.settled())
        bound = min((instant.end for instant in self.waiting.values()), default=self.watermarks.bound())
        return self._messages([*revisions, *self._advance(min(bound, self.watermarks.bound()))])

    def finish(self) -> list[Incident]:
        """Return the new revisions of all reports that still wait, at the end of the input."""
        self.watermarks.give_up()
        revisions = self._run_until(inf)
        return self._messages([*revisions, *self._advance(max(self.watermarks.bound(), nextafter(self.at, inf)))])

    def delays(self) -> list[Delay]:
        """Return what incidents wait for, if anything waits."""
        return list(self.watermarks.delays()) if self.waiting else []

    def forget(self, feed: str) -> None:
        """Forget what a feed has said that is deleted; incidents go back to the time of the others if it was ahead."""
        self.waiting = {due: rest for due, instant in self.waiting.items() if (rest := instant.without(feed)).bins}
        for sources in self.doubts.doubts.values():
            for source in [source for source in sources if source[1] == feed]:
                del sources[source]
        self.watermarks.go_back()
        if self.due > (newest_due := self.watermarks.newest_due()):
            self._set_back(newest_due)

    def _ends_after(self, report: BinReport) -> list[OutageRevision]:
        """Return the ends of outages that a reporter dated later than the end of this bin, as of that end.

        They are void with their bins, but nobody will report them again.
        """
        source, end = (report.feed, report.reporter), float(report.end)
        waiting = (outage for _, instant in sorted(self.waiting.items()) for outage in instant.outages)
        later = [o for o in waiting if (o.feed, o.reporter) == source and o.updated_at > end and not o.running]
        return [
            replace(o, updated_at=end, ended_at=o.ended_at and max(o.started_at, min(o.ended_at, end)))
            for o in later
            if o.outage_id in self.state.roots
        ]

    def _go_back(self, report: BinReport) -> None:
        """Void what a reporter has said of bins of a feed that have not been; incidents go back where it led them."""
        reporter, feed, end = report.reporter, report.feed, report.end
        self.watermarks.go_back_to(report)
        left = {due: instant.without_later(reporter, feed, end) for due, instant in self.waiting.items()}
        self.waiting = {due: instant for due, instant in left.items() if instant.bins or instant.outages}
        self.levels.go_back((reporter, feed), end)
        self._coverage = None
        for sources in self.doubts.doubts.values():
            sources.pop((reporter, feed), None)
        newest = self.watermarks.newest_of(feed)
        self.newest = {name: min(at, newest) if name == feed else at for name, at in self.newest.items()}
        self.whole_feeds.go_back(feed, newest)
        put_back(self.state, feed, newest)
        if self.due >= self.watermarks.settled_until:
            self._set_back(min(self.due, nextafter(self.watermarks.settled_until, -inf)))

    def _set_back(self, due: float) -> None:
        """Let the newest instant be one that was due then."""
        self.due, self.at = due, min(self.at, self.watermarks.bound())
        self.state.now = max(0.0, min(self.state.now, self.at))
        for country, starts in self.state.starts.items():
            self.state.starts[country] = {root: at for root, at in starts.items() if at <= self.state.now}

    def at_fault(self) -> frozenset[str]:
        """Return the feeds of which most series, of all shards, fall together at present, for no other reason."""
        return falling_together(self.state)

    def _messages(self, revisions: Iterable[IncidentRevision]) -> list[Incident]:
        return [incident_of(revision, self.register.names) for revision in revisions]

    def _run_until(self, until: float) -> list[IncidentRevision]:
        """Take the instants that were due before a time, in order, each with the coverage of its own time."""
        revisions: list[IncidentRevision] = []
        for due in sorted(due for due in self.waiting if due < until):
            instant = self.waiting.pop(due)
            at = max(instant.end if instant.end > self.at else self.at + LATE, self.state.now)
            revisions += self._advance(at)
            self._move(due, at, instant)
            outages = self._judged(instant)
            outages += feed_faults(self.state, instant.bins, self.newest, at, self.settings)
            outages += given_up(self.state, self.lost_feeds, at)
            self.lost_feeds = frozenset()
            outages += self._together(at, instant)
            if outages:
                revisions += apply_revisions(self.state, outages, at, self._covered())
        return revisions

    def _judged(self, instant: Instant) -> list[OutageRevision]:
        """Judge whole feeds by the bins of an instant, and return its outages under suspicion or free of it."""
        feeds = self.whole_feeds
        bins = sorted(
            (feed, end, parts)
            for feed, ends in instant.falls.items()
            if feed in self.settings.feeds
            for end, parts in ends.items()
        )
        fresh = [bin_of_feed for bin_of_feed in bins if feeds.is_fresh(*bin_of_feed[:2])]
        for feed, end, parts in bins:
            status = instant.bins[feed][end]
            instant.bins[feed][end] = status._replace(fault=feeds.judge(feed, end, parts, status.fault))
        instant.doubts = {
            (reporter, feed): [] if feeds.is_unaware(feed, reporter, instant.end) else doubts
            for (reporter, feed), doubts in instant.doubts.items()
        }
        outages = list(map(feeds.revised, instant.outages))
        newest = {outage.outage_id: outage for outage in outages}
        for feed, end, parts in fresh:
            outages += feeds.announced(feed)
            outages += feeds.real(feed, end, parts, newest)
        return outages

    def _together(self, at: float, instant: Instant) -> list[OutageRevision]:
        """Return revisions of outages that several feeds show together."""
        if not any(instant.doubts.values()) and not self.doubts.doubts and not self.doubts.opened:
            return []
        down = {outage.entity for outage in instant.outages if outage.confirmed} | down_by_feeds(self.state)
        moment = Moment(at, self.thresholds, self._covered(), down, self.newest)
        return list(step(self.doubts, instant.doubts, moment))

    def _advance(self, now: float) -> list[IncidentRevision]:
        return advance(self.state, now, self._covered()) if self.state.incidents else []

    def _move(self, due: float, at: float, instant: Instant) -> None:
        """Bring the newest bins and the expected levels up to an instant."""
        self.due, self.at = due, at
        for feed, bins in instant.bins.items():
            ends = [end for end, status in bins.items() if not status.empty or not is_steady(feed, self.settings)]
            before = self.newest.get(feed, 0)
            self.doubts.closed[feed] += sum(end > before for end in ends)
            self.newest[feed] = max([*ends, before])
        if self.levels.pass_to(due):
            self._coverage = None

    def _covered(self) -> Coverage:
        """Return what the feeds can show at the last instant: the same object while nothing of that changes."""
        feeds, register, old = self.settings.feeds, self.register, self._coverage
        mute = frozenset(name for name in feeds if self._is_mute(name))
        if old is not None and old.mute == mute and old.operators is register.operators:
            return old
        widths = {name: float(feed.bin) for name, feed in feeds.items()}
        routes = {name for name, feed in feeds.items() if feed.signal == ROUTES}
        shares = {name for name, feed in feeds.items() if feed.kind == "ratio"}
        series = old.series if old else self.levels.by_country(self.due, feeds)
        metadata = (register.operators, register.weights)
        self._coverage = Coverage(widths, mute, routes, series, *metadata, shares, self.sums)
        return self._coverage

    def _is_mute(self, name: str) -> bool:
        """Whether a feed sends nothing: no bin of it closed within its width and lateness."""
        feed = self.settings.feeds[name]
        return self.at - self.newest.get(name, -inf) > float(feed.bin) + float(feed.lateness)


def expected_reporters(settings: Settings, shards: int, *, summed: bool = False) -> ExpectedReporters:
    """Return who reports when there are so many shards. `summed`: areas summed over all of them report, too."""
    feeds = {name: _times(settings, name) for name in settings.feeds}
    areas = {name: _areas(feed.areas) for name, feed in settings.feeds.items() if summed and feed.areas}
    return ExpectedReporters(feeds, tuple(map(SHARD.format, range(shards))), areas)


def _times(settings: Settings, name: str) -> FeedTimes:
    """Return the times of a feed. It is given up when its open outages are, so that a sparse feed is waited for."""
    feed = settings.feeds[name]
    patience = max(float(settings.worker.expire_after), settings.stalled_after(name))
    return FeedTimes(float(feed.bin), float(feed.lateness), patience)


def _threshold(settings: Settings, name: str) -> float:
    rule = settings.rule(name)
    return threshold(rule.budget, rule.width)


def _summed(settings: Settings) -> Iterator[SeriesKey]:
    """Yield the keys of the series that are areas."""
    for name, feed in settings.feeds.items():
        for area in map(combination, feed.areas):
            yield name, area.place, area.facets


def _areas(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(AREAS.format(combination(text).name) for text in texts)
