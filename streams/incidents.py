"""From outages to incidents: what the feeds know, the order in which outages are taken, and the messages."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from detectors.detector import Detector
from detectors.incident import Book, Coverage, Facets, Fall, Measured, Told
from detectors.incidents import advance, take
from schemas.incident import Confidence, Incident, Joined, Scope, incident_id
from schemas.outage import Drop, Outage, rounded
from schemas.times import format_time, parse_time
from streams.headline import headline
from streams.messages import suppression_of
from streams.names import Names
from streams.series import FACETS, SeriesIndex
from streams.settings import Settings
from streams.shard import Shard

ROUTES = "bgp"  # the signal of feeds that watch routes


def fall_of(outage: Outage) -> Fall:
    """Return an outage as grouping sees it."""
    return Fall(
        outage_id=outage.outage_id,
        revision=outage.revision,
        state=outage.state,
        entity=outage.entity,
        country=outage.country,
        region=outage.region,
        facets=tuple((name, outage.facets[name]) for name in FACETS if name in outage.facets),
        feed=outage.feed,
        started_at=parse_time(outage.started_at),
        detected_at=parse_time(outage.detected_at),
        updated_at=parse_time(outage.updated_at),
        ended_at=None if outage.ended_at is None else parse_time(outage.ended_at),
        expected=float(outage.expected),
        max_drop=float(outage.max_drop),
        drops=tuple((parse_time(drop.at), float(drop.drop)) for drop in outage.drops),
        evidence=float(outage.evidence),
        held=bool(outage.explain.get("held")),
        suppressed_by=suppression_of(outage),
    )


def incident_of(told: Told, names: Mapping[str, str]) -> Incident:
    """Return one revision of an incident as a message. Pure: the same revision gives the same bytes."""
    return Incident(
        incident_id=incident_id(told.root),
        revision=told.revision,
        state=told.state,
        scope=Scope(list(told.countries), list(told.regions), list(told.asns)),
        kinds=list(told.kinds),
        severity=told.severity,
        affected_share=None if told.affected_share is None else rounded(told.affected_share),
        services=list(told.services),
        headline=headline(told, names),
        started_at=format_time(told.started_at),
        detected_at=format_time(told.detected_at),
        updated_at=format_time(told.updated_at),
        ended_at=None if told.ended_at is None else format_time(told.ended_at),
        drops=[Drop(format_time(at), rounded(drop)) for at, drop in told.drops],
        spread=[Joined(format_time(at), entity) for at, entity in told.spread],
        feeds=list(told.feeds),
        outage_ids=list(told.outage_ids),
        confidence=_confidence(told),
        suppressed_by=told.suppressed_by.entry_id if told.suppressed_by else None,
        merged_into=None if told.merged_into is None else incident_id(told.merged_into),
        absorbed=[incident_id(root) for root in told.absorbed],
    )


def _confidence(told: Told) -> Confidence:
    note = None
    if told.routes_up:
        up, watched = told.routes_up
        note = f"routes of {up} of {watched} networks are up: they are cut off behind working routes"
    return Confidence(
        seen_by=list(told.seen_by),
        against=list(told.against),
        silent=list(told.silent),
        evidence=rounded(told.evidence),
        note=note,
    )


@dataclass(slots=True)
class Grouping:
    """Incidents of the outages of a shard. Outages wait until all feeds that speak have told what came before them."""

    settings: Settings
    known: Names
    book: Book = field(default_factory=Book)
    waiting: list[tuple[float, int, Fall]] = field(default_factory=list)
    heard: int = 0
    levels: dict[str, dict[tuple[str, Facets], tuple[str | None, Measured]]] = field(default_factory=dict)

    @property
    def patience(self) -> float:
        """Seconds that the slowest feed may be behind."""
        return max(float(feed.bin) + float(feed.lateness) for feed in self.settings.feeds.values())

    def take(self, outages: Iterable[Outage], shard: Shard) -> Iterator[Incident]:
        """Take what a batch brought and yield what is due."""
        for outage in outages:
            fall = fall_of(outage)
            heapq.heappush(self.waiting, (fall.updated_at, self.heard, fall))
            self.heard += 1
        newest = max(shard.newest().values(), default=0.0)
        yield from self._settle(newest - self.patience, shard)

    def finish(self, shard: Shard) -> Iterator[Incident]:
        """Yield what comes of the outages that still wait, at the end of the input."""
        if self.waiting:
            yield from self._settle(max(at for at, _, _ in self.waiting) + 1, shard)

    def _settle(self, until: float, shard: Shard) -> Iterator[Incident]:
        if not self.waiting and not self.book.incidents:
            return
        coverage = self._coverage(shard)
        told: list[Told] = []
        while self.waiting and self.waiting[0][0] < until:
            at = max(self.waiting[0][0], self.book.now)
            falls = []
            while self.waiting and self.waiting[0][0] <= at:
                falls.append(heapq.heappop(self.waiting)[2])
            told += take(self.book, falls, at, coverage)
        told += advance(self.book, until, coverage)
        yield from (incident_of(one, self.known.names) for one in told)

    def _coverage(self, shard: Shard) -> Coverage:
        """What is scored now, or was when its feed spoke last."""
        feeds, newest = self.settings.feeds, shard.newest()
        latest = max(newest.values(), default=0.0)
        series: dict[str, list[Measured]] = {}
        for name in feeds:
            for country, one in self._learn(name, shard).values():
                if country:
                    series.setdefault(country, []).append(one)
        mute = {name for name in feeds if newest.get(name, 0.0) < latest - self.patience - float(feeds[name].bin)}
        routes = {name for name, feed in feeds.items() if feed.signal == ROUTES}
        widths = {name: float(feed.bin) for name, feed in feeds.items()}
        return Coverage(widths, mute, routes, series, self.known.operators)

    def _learn(self, name: str, shard: Shard) -> dict[tuple[str, Facets], tuple[str | None, Measured]]:
        """Keep the expected level of each series and area that is scored, also while a bin of it is missing."""
        old = self.levels.get(name, {})
        new = {}
        for index, detector in _scored(name, shard):
            now = detector.deviations()
            for row, one in enumerate(index.rows[: len(now.expected)]):
                if one is not None and np.isfinite(now.expected[row]):
                    told = Measured(name, one.entity, one.facets, float(now.expected[row]), float(now.spread[row]))
                    new[one.entity, one.facets] = one.country, told
                elif one is not None and (one.entity, one.facets) in old:
                    new[one.entity, one.facets] = old[one.entity, one.facets]
        self.levels[name] = new
        return new


def _scored(name: str, shard: Shard) -> list[tuple[SeriesIndex, Detector]]:
    """Indices and detectors of a feed's series and of its areas."""
    feed, areas = shard.feeds[name], shard.areas.get(name)
    summed = areas.summed.values() if areas else ()
    return [(feed.index, feed.detector), *((one.index, one.detector) for one in summed)]
