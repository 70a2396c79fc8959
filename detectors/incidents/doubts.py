"""Doubts of all feeds as of an instant: what opens an outage together, and what teaches the ties of feeds.

Pure: the state is plain values, and the same doubts in the same order give the same outages. See `fusion`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from detectors.types import DAY

from .fusion import Doubt, DoubtRun, JointEvidence, Ties, learn_tie, tie_of, together
from .model import Coverage, IncidentState, OutageRevision
from .sums import summed_facets

FADED = 0.25  # share of the threshold below which feeds no longer show an outage together, as a suspicion
ENDED = 2000  # runs a day that teach ties

Source = tuple[str, str]  # a reporter and a feed


class EndedRun(NamedTuple):
    """A run of doubt that was no outage, and the feeds that were in doubt meanwhile."""

    country: str | None
    entity: str
    feed: str
    others: tuple[str, ...]


@dataclass(slots=True)
class DoubtState:
    """All that is known of doubts.

    `doubts`: by entity and source, of the newest bin of each. `runs`: by entity and feed. `ended`: of the `day` (Unix
    days). `opened`: outages that several feeds show together, by entity.
    """

    doubts: dict[str, dict[Source, list[Doubt]]] = field(default_factory=dict)
    runs: dict[str, dict[str, DoubtRun]] = field(default_factory=dict)
    ended: list[EndedRun] = field(default_factory=list)
    day: int = 0
    ties: Ties = field(default_factory=dict)
    opened: dict[str, list[OutageRevision]] = field(default_factory=dict)


class Moment(NamedTuple):
    """An instant: its time (Unix s), thresholds of the feeds (nats), coverage, and the entities with an outage."""

    at: float
    thresholds: Mapping[str, float]
    coverage: Coverage
    down: Collection[str]


def down_by_feeds(state: IncidentState) -> set[str]:
    """Return the entities with a confirmed outage that a feed announces by itself and that goes on."""
    outages = (outage for incident in state.incidents.values() for outage in incident.outages.values())
    return {outage.entity for outage in outages if outage.running and outage.confirmed and outage.is_announced}


def step(state: DoubtState, news: Mapping[Source, Sequence[Doubt]], now: Moment) -> Iterator[OutageRevision]:
    """Take in the doubts of the bins that closed, and yield revisions of outages that feeds show together."""
    if int(now.at // DAY) != state.day:
        _learn_ties(state, now.coverage)
        state.day = int(now.at // DAY)
    for entity in sorted(_take_in(state, news) | state.opened.keys()):
        shown = _strongest(state.doubts.get(entity, {}), state.opened.get(entity, ()), now)
        _follow(state, entity, shown, now)
        yield from _judge(state, entity, shown, now)


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


def _follow(state: DoubtState, entity: str, shown: Mapping[str, Doubt], now: Moment) -> None:
    """Begin, go on with and end the runs of an entity."""
    runs = state.runs.setdefault(entity, {})
    for feed, doubt in shown.items():
        runs.setdefault(feed, DoubtRun(doubt.country)).others |= shown.keys() - {feed}
    is_down = entity in now.down or entity in state.opened
    for feed, run in sorted(runs.items()):
        run.outage |= is_down
        if feed not in shown:
            del runs[feed]
            if not run.outage and len(state.ended) < ENDED:
                state.ended.append(EndedRun(run.country, entity, feed, tuple(sorted(run.others))))
    if not runs:
        del state.runs[entity]


def _judge(state: DoubtState, entity: str, shown: Mapping[str, Doubt], now: Moment) -> Iterator[OutageRevision]:
    """Open an outage that feeds show together, or close it when they no longer do."""
    least = max((now.thresholds[feed] for feed in shown), default=0.0)
    opened = state.opened.get(entity)
    may_open = len(shown) > 1 and _evidence(shown) >= least
    if opened is None and (not may_open or entity in now.down):
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
    silent = _silent(entity, strongest, shown, now)
    evidence = {feed: doubt.evidence for feed, doubt in shown.items()}
    return together(evidence, silent, lambda first, second: tie_of(state.ties, first, second))


def _silent(entity: str, doubt: Doubt, shown: Collection[str], now: Moment) -> dict[str, float]:
    """Return the feeds that measure the entity, or what holds the part in doubt, and the nats that they would show."""
    found: dict[str, float] = {}
    for series in now.coverage.of(doubt.country):
        if series.entity != entity or series.feed in shown or series.feed in now.coverage.mute:
            continue
        bins = (now.at - doubt.since) // now.coverage.feeds[series.feed]
        if bins >= 1 and set(series.facets) <= set(doubt.facets) and series.spread > 0:
            nats = bins * (doubt.drop * series.expected / series.spread) ** 2 / 2
            found[series.feed] = max(nats, found.get(series.feed, 0.0))
    return found


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


def _learn_ties(state: DoubtState, coverage: Coverage) -> None:
    """Learn from the runs of the day, of entities that several feeds measure."""
    for country in sorted({run.country for run in state.ended}, key=str):
        runs = [run for run in state.ended if run.country == country]
        entities, feeds = {run.entity for run in runs}, dict[str, set[str]]()
        for series in coverage.of(country):
            if series.entity in entities:
                feeds.setdefault(series.entity, set()).add(series.feed)
        for run in runs:
            for other in sorted(feeds.get(run.entity, set()) - {run.feed}):
                learn_tie(state.ties, run.feed, other, shared=other in run.others)
    state.ended.clear()
