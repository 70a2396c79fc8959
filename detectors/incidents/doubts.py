"""Doubts of all feeds as of an instant: what opens an outage together, and what teaches the ties of feeds.

Pure: the state is plain values, and the same doubts in the same order give the same outages. See `fusion`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import NamedTuple

from detectors.outages.detector import DOUBT
from detectors.types import DAY

from .doubt_rates import DoubtRates
from .fusion import Doubt, DoubtRun, JointEvidence, together
from .model import Coverage, IncidentState, MeasuredSeries, OutageRevision
from .sums import summed_facets

FADED = 0.25  # share of the threshold below which feeds no longer show an outage together, as a suspicion
ENDED = 2000  # runs a day that teach ties

Source = tuple[str, str]  # a reporter and a feed


class EndedRun(NamedTuple):
    """A run of doubt that was no outage: its bins, and those in which each other feed was in doubt too, or mute."""

    country: str | None
    entity: str
    feed: str
    bins: int
    common: tuple[tuple[str, int], ...]
    mute: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class DoubtState:
    """All that is known of doubts.

    `doubts`: by entity and source, of the newest bin of each. `runs`: by entity and feed. `ended`: of the `day` (Unix
    days; 0 before the first). `closed`: bins of each feed since then that have measurements. `opened`: outages that
    several feeds show together, by entity.
    """

    doubts: dict[str, dict[Source, list[Doubt]]] = field(default_factory=dict)
    runs: dict[str, dict[str, DoubtRun]] = field(default_factory=dict)
    ended: list[EndedRun] = field(default_factory=list)
    closed: Counter[str] = field(default_factory=Counter)
    day: int = 0
    habits: DoubtRates = field(default_factory=DoubtRates)
    opened: dict[str, list[OutageRevision]] = field(default_factory=dict)


class Moment(NamedTuple):
    """An instant: its time (Unix s), thresholds of the feeds (nats), coverage, and the entities with an outage.

    `newest`: end (Unix s) of the newest bin of each feed, which may come later than those of others; else `at`.
    """

    at: float
    thresholds: Mapping[str, float]
    coverage: Coverage
    down: Collection[str]
    newest: Mapping[str, float] = {}


def down_by_feeds(state: IncidentState) -> set[str]:
    """Return the entities with a confirmed outage that a feed announces by itself and that goes on."""
    outages = (outage for incident in state.incidents.values() for outage in incident.outages.values())
    return {outage.entity for outage in outages if outage.running and outage.confirmed and outage.is_announced}


def step(state: DoubtState, news: Mapping[Source, Sequence[Doubt]], now: Moment) -> Iterator[OutageRevision]:
    """Take in the doubts of the bins that closed, and yield revisions of outages that feeds show together."""
    if int(now.at // DAY) != state.day:
        _learn(state, int(now.at // DAY), now.coverage)
    for entity in sorted(_take_in(state, news) | state.opened.keys()):
        sources = state.doubts.get(entity, {})
        shown = _strongest(sources, state.opened.get(entity, ()), now)
        _follow(state, entity, shown, {feed for _, feed in sources.keys() & news.keys()}, now)
        rated = {feed: doubt for feed, doubt in shown.items() if state.habits.is_rated(feed)}
        yield from _judge(state, entity, rated, now)


def _take_in(state: DoubtState, news: Mapping[Source, Sequence[Doubt]]) -> set[str]:
    """Replace the doubts of these sources; return the entities of both."""
    touched = set()
    for source in news:
        for entity in [entity for entity, sources in state.doubts.items() if source in sources]:
            touched.add(entity)
            del state.doubts[entity][source]
            if not state.doubts[entity]:
                del state.doubts[entity]
    for source, doubts in sorted(news.items()):
        for doubt in doubts:
            touched.add(doubt.entity)
            state.doubts.setdefault(doubt.entity, {}).setdefault(source, []).append(doubt)
    return touched


def _strongest(
    sources: Mapping[Source, Iterable[Doubt]], opened: Sequence[OutageRevision], now: Moment
) -> dict[str, Doubt]:
    """Return the strongest doubt of each feed that is not mute: of the network as a whole, or of one service.

    That a service is in doubt says nothing of the rest. `opened`: outages that feeds show together already.
    """
    found: defaultdict[str, dict[str, Doubt]] = defaultdict(dict)
    for doubt in sorted(
        (doubt for doubts in sources.values() for doubt in doubts), key=lambda d: (d.evidence, d.facets)
    ):
        if doubt.feed in now.thresholds and doubt.feed not in now.coverage.mute:
            found[_services(doubt, now.coverage)][doubt.feed] = doubt
    if opened:
        return found[_services(opened[0], now.coverage)]
    return max((shown for _, shown in sorted(found.items())), key=_evidence, default={})


def _services(doubted: Doubt | OutageRevision, coverage: Coverage) -> str:
    """Return the service of a series, or the services that it sums; empty for a network as a whole."""
    own, summed = dict(doubted.facets), dict(summed_facets(doubted, coverage))
    return own.get("service") or ",".join(summed.get("service", ()))


def _evidence(shown: Mapping[str, Doubt]) -> float:
    return sum(doubt.evidence for doubt in shown.values())


def _follow(state: DoubtState, entity: str, shown: Mapping[str, Doubt], closed: Collection[str], now: Moment) -> None:
    """Begin, go on with and end the runs of an entity. `closed`: feeds of which a bin in doubt about it closed now."""
    runs = state.runs.setdefault(entity, {})
    for feed, doubt in shown.items():
        run = runs.setdefault(feed, DoubtRun(doubt.country))
        if feed in closed:
            run.bins += 1
            run.beyond += max(doubt.evidence - DOUBT, 0.0)
            run.common |= {other: run.common.get(other, 0) + 1 for other in sorted(shown.keys() - {feed})}
            run.mute |= {other: run.mute.get(other, 0) + 1 for other in sorted(now.coverage.mute)}
    is_down = entity in now.down or entity in state.opened
    for feed, run in sorted(runs.items()):
        run.outage |= is_down
        if feed not in shown:
            _end(state, entity, feed, runs.pop(feed))
    if not runs:
        del state.runs[entity]


def _end(state: DoubtState, entity: str, feed: str, run: DoubtRun) -> None:
    """Keep what a run teaches that was no outage."""
    if run.outage:
        return
    state.habits.note(feed, run)
    if len(state.ended) < ENDED:
        common, mute = (tuple(sorted(bins.items())) for bins in (run.common, run.mute))
        state.ended.append(EndedRun(run.country, entity, feed, run.bins, common, mute))


def _judge(state: DoubtState, entity: str, shown: Mapping[str, Doubt], now: Moment) -> Iterator[OutageRevision]:
    """Open an outage that feeds show together, or close it when they no longer do."""
    least = max((now.thresholds[feed] for feed in shown), default=0.0)
    opened = state.opened.get(entity)
    if opened is None and (len(shown) < 2 or entity in now.down):
        return
    verdict = _verdict(state, entity, shown, now)
    if opened is None and verdict.nats >= least:
        state.opened[entity] = outages = [_opened(doubt, verdict, now) for _, doubt in sorted(shown.items())]
        yield from outages
    elif opened is not None and verdict.nats < FADED * max(now.thresholds.values()):
        del state.opened[entity]
        for outage in opened:
            yield replace(outage, revision=2, state="closed", updated_at=now.at, ended_at=now.at)


def _verdict(state: DoubtState, entity: str, shown: Mapping[str, Doubt], now: Moment) -> JointEvidence:
    if not shown:
        return JointEvidence(0.0, ())
    strongest = max(shown.values(), key=lambda doubt: (doubt.evidence, doubt.feed))
    evidence = {feed: doubt.evidence for feed, doubt in shown.items()}
    series = [s for s in now.coverage.of(strongest.country) if s.entity == entity and s.feed not in now.coverage.mute]
    return together(evidence, _due(strongest, series, now), state.habits)


def _due(doubt: Doubt, measured: Sequence[MeasuredSeries], now: Moment) -> dict[str, float]:
    """Return the feeds that measure the entity, or what holds the part in doubt, and the nats that they would show.

    These are those of the strongest `doubt`, by how much more precisely each measures, and for how long it has.
    """
    of_doubt = [s for s in measured if (s.feed, s.facets) == (doubt.feed, doubt.facets)]
    own = max((_gathered(series, doubt, now) for series in of_doubt), default=0.0)
    found: dict[str, float] = {}
    for series in measured:
        if set(series.facets) <= set(doubt.facets):
            nats = doubt.evidence * _gathered(series, doubt, now) / own if own > 0 else 0.0
            found[series.feed] = max(nats, found.get(series.feed, 0.0))
    return found


def _gathered(series: MeasuredSeries, doubt: Doubt, now: Moment) -> float:
    """Return what a series has gathered since a doubt began: whole bins that have closed, by their precision."""
    bins = (now.newest.get(series.feed, now.at) - doubt.since) // now.coverage.feeds[series.feed]
    return bins * (series.expected / series.spread) ** 2 if series.spread > 0 else 0.0


def _opened(doubt: Doubt, verdict: JointEvidence, now: Moment) -> OutageRevision:
    """Return the outage of one of the feeds that show it together. The first has what all of them give."""
    kind, _, name = doubt.entity.partition("/")
    level = now.coverage.levels(doubt.country or "").series.get((doubt.feed, doubt.entity, doubt.facets), 1.0)
    return OutageRevision(
        outage_id=f"together/{doubt.feed}/{doubt.entity}/{now.at:.0f}",
        revision=1,
        state="open",
        entity=doubt.entity,
        country=doubt.country,
        region=name if kind == "region" else None,
        facets=doubt.facets,
        feed=doubt.feed,
        started_at=doubt.since,
        detected_at=now.at,
        updated_at=now.at,
        ended_at=None,
        expected=level,
        max_drop=doubt.drop,
        drops=((doubt.since, doubt.drop),),
        evidence=max(dict(verdict.by_feed)[doubt.feed], 0.0),
        by_feed=verdict.by_feed,
    )


def _learn(state: DoubtState, day: int, coverage: Coverage) -> None:
    """Learn from the runs since the last day, of entities that several feeds measure.

    A feed is in no doubt while it sends nothing: such bins tell neither how rare its doubts are nor of a tie.
    """
    entities = _measured(coverage)
    state.habits.learn(
        (feed, float(state.closed[feed] * len(names) if state.day else 0)) for feed, names in sorted(entities.items())
    )
    for run in state.ended:
        common, mute = dict(run.common), dict(run.mute)
        for other in sorted(feed for feed, names in entities.items() if run.entity in names and feed != run.feed):
            state.habits.learn_tie(run.feed, other, run.bins - mute.get(other, 0), common.get(other, 0))
    state.ended.clear()
    state.closed.clear()
    state.day = day


def _measured(coverage: Coverage) -> dict[str, set[str]]:
    """Return the entities that each feed measures."""
    found: dict[str, set[str]] = {}
    for series in chain.from_iterable(coverage.series.values()):
        found.setdefault(series.feed, set()).add(series.entity)
    return found
