"""What the outages of an incident show together: how much is lost, of what, and which feeds agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from detectors.outages.outage_lifecycle import material, severity
from detectors.types import HOUR

from .model import (
    DOUBTED_FEED,
    FEED_FAULT,
    STOPPED_FEED,
    Coverage,
    Facets,
    IncidentKind,
    MeasuredSeries,
    OutageRevision,
    SeriesKey,
    TrackedIncident,
    key_of,
    of_kind,
)
from .sums import Shown, facets_shown

ONLY_KINDS: tuple[tuple[str, str, IncidentKind], ...] = (
    ("access", "mobile", "mobile-only"),
    ("access", "fixed", "fixed-only"),
    ("direction", "international", "international-only"),
)
PLAIN = 4  # standard deviations of a bin: a drop of more is plain to see
# Kinds of entity, the best witness first: a region's own series shows more of it than its networks do.
FINEST = ("region", "asn", "country", STOPPED_FEED, DOUBTED_FEED)
Steps = Sequence[tuple[float, float]]  # time and share lost of each distinct fall


class Loss(NamedTuple):
    """Share lost by the series that are down, share lost of all that is measured, the distinct falls, and the share of
    the loss that is back.
    """

    drop: float
    affected: float
    drops: tuple[tuple[float, float], ...]
    back: float


class Weighed(NamedTuple):
    """An outage, and the level that its series is expected to have now, in the feed's unit."""

    outage: OutageRevision
    weight: float


def loss_of(incident: TrackedIncident, members: Sequence[OutageRevision], coverage: Coverage) -> Loss:
    """Return the loss as the series show it that show it best."""
    levels = coverage.levels(incident.country or "")
    groups: defaultdict[SeriesKey, list[Weighed]] = defaultdict(list)
    for outage in members:
        weight = levels.series.get((outage.feed, outage.entity, outage.facets), outage.expected)
        groups[key_of(outage)].append(Weighed(outage, weight))
    affected = {key: _affected(weighed, levels.whole.get(key, 0.0)) for key, weighed in groups.items()}
    kind, most = _best_kind(any(outage.is_deep for outage in members), affected)
    best = max(
        (key for key in groups if key[1] == kind and affected[key] >= most / 2),
        key=lambda key: (round(_drop(groups[key]), 2), affected[key], key),
    )
    share = _of_country(affected, best, coverage)
    return Loss(_drop(groups[best]), share, _drops(groups[best], incident.start), _back(groups[best]))


def _best_kind(is_deep: bool, affected: Mapping[SeriesKey, float]) -> tuple[str, float]:
    """Return the kind of entity that shows the loss best, and the most that one feed shows lost of it.

    This is the finest kind; where a country `is_deep` down, its own series if the finest kind shows less than half of
    its loss.
    """
    most: dict[str, float] = {}
    for key, share in affected.items():
        most[key[1]] = max(share, most.get(key[1], 0.0))
    kind = next(kind for kind in FINEST if kind in most)
    if is_deep and most[kind] < most["country"] / 2:
        kind = "country"
    return kind, most[kind]


def _of_country(affected: Mapping[SeriesKey, float], best: SeriesKey, coverage: Coverage) -> float:
    """Return the share of the country: by its own series, else by feeds of sizes rather than shares, else the best."""
    sizes = {key: share for key, share in affected.items() if key[0] not in coverage.shares} or affected
    for kind in ("country", best[1]):
        if found := [share for key, share in sizes.items() if key[1] == kind]:
            return max(found)
    return affected[best]


def _deepest(weighed: Iterable[Weighed]) -> list[Weighed]:
    """Return the deepest outage of each series, since one may fall twice."""
    by_series: dict[tuple[str, Facets], Weighed] = {}
    for member in sorted(weighed, key=lambda member: (member.outage.max_drop, member.outage.outage_id)):
        by_series[member.outage.entity, member.outage.facets] = member
    return list(by_series.values())


def _lost_and_weight(weighed: Iterable[Weighed]) -> tuple[float, float]:
    """Return the level lost, and the expected level of the series that are down."""
    deepest = _deepest(weighed)
    lost = sum(member.weight * member.outage.max_drop for member in deepest)
    return lost, max(sum(member.weight for member in deepest), 1e-9)


def _drop(weighed: Iterable[Weighed]) -> float:
    lost, weight = _lost_and_weight(weighed)
    return lost / weight


def _back(weighed: Sequence[Weighed]) -> float:
    """Return the share of the loss that is back: of each series, what its running outages no longer show lost."""
    lost, _ = _lost_and_weight(weighed)
    still: dict[tuple[str, Facets], float] = {}
    for outage, weight in weighed:
        series = outage.entity, outage.facets
        still[series] = max(weight * outage.still_lost, still.get(series, 0.0))
    return max(0.0, 1 - sum(still.values()) / max(lost, 1e-9))


def _affected(weighed: Iterable[Weighed], whole: float) -> float:
    lost, weight = _lost_and_weight(weighed)
    return lost / max(whole, weight)


def _drops(weighed: Sequence[Weighed], start: float) -> tuple[tuple[float, float], ...]:
    """Return the distinct falls, as shares of all that has fallen by then, none before the incident's `start`.

    A further entity that falls is no fall of the incident, nor are steps within an hour.
    """
    courses = [(member.weight, _distinct(member.outage.drops)) for member in weighed]
    first = min(member.outage.started_at for member in weighed)
    further = {at for _, steps in courses for at, _ in steps[1:]}
    shares = [(at, _share_at(courses, at)) for at in sorted({first} | further)]
    return _distinct([(max(at, start), round(share, 4)) for at, share in shares])


def _distinct(drops: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return falls that differ materially, one for those within an hour: a level takes some bins to be known."""
    steps: list[tuple[float, float]] = []
    for at, drop in drops:
        if steps and at < steps[-1][0] + HOUR:
            steps[-1] = (steps[-1][0], max(drop, steps[-1][1]))
        elif not steps or drop >= steps[-1][1] + material(steps[-1][1]):
            steps.append((at, drop))
    return tuple(steps)


def _share_at(courses: Sequence[tuple[float, Steps]], at: float) -> float:
    """Return the share lost at a time by the series that have fallen by then. `courses`: weight and falls of each."""
    by_then = [(weight, [drop for when, drop in steps if when <= at]) for weight, steps in courses]
    fallen = [(weight, drops[-1]) for weight, drops in by_then if drops]
    return sum(weight * drop for weight, drop in fallen) / max(sum(weight for weight, _ in fallen), 1e-9)


def kinds_of(
    incident: TrackedIncident, members: Sequence[OutageRevision], drop: float, coverage: Coverage
) -> tuple[IncidentKind, ...]:
    """Return what is down and what is not, as far as both are measured; `total` or `partial` last."""
    if incident.fault:
        return (FEED_FAULT,)
    scored = _scored(incident, coverage)
    entities = {outage.entity for outage in members}
    places = entities if len(entities) == 1 and not incident.broad else set()
    rest = [series for series in scored if not places or series.entity in places]
    shown = facets_shown(members)
    found = [kind for name, value, kind in ONLY_KINDS if _is_only(members, shown, rest, name, value)]
    if incident.is_service and _others_work(members, scored):
        found.append("service-block")
    return (*found, "total" if severity(drop) == "total" else "partial")


def _is_only(
    members: Sequence[OutageRevision], shown: Sequence[Shown], rest: Iterable[MeasuredSeries], name: str, value: str
) -> bool:
    """Whether all outages with the facet `name` have this value, no entity is down without it, and others are normal.

    `shown`: what each is confined to. `rest`: the series that show it: those of the entity itself while only one is
    down, else of the whole country.
    """
    with_facet = [outage for outage, facets in zip(members, shown, strict=True) if name in facets]
    if not with_facet or any(facets.get(name, {value}) != {value} for facets in shown):
        return False
    entities, feeds = {outage.entity for outage in with_facet}, {outage.feed for outage in with_facet}
    if any(outage.entity not in entities and outage.kind != "country" for outage in members):
        return False
    return any(series.feed in feeds and dict(series.facets).get(name, value) != value for series in rest)


def _others_work(members: Sequence[OutageRevision], scored: Iterable[MeasuredSeries]) -> bool:
    """Whether other series of the same networks, of other services or of the whole network, are normal."""
    entities = {outage.entity for outage in members}
    down = {(outage.entity, outage.facets) for outage in members}
    return any(series.entity in entities and (series.entity, series.facets) not in down for series in scored)


def _scored(incident: TrackedIncident, coverage: Coverage) -> list[MeasuredSeries]:
    """Return the scored series of the incident's country, of feeds that are not mute."""
    return [series for series in coverage.of(incident.country) if series.feed not in coverage.mute]


class Witnesses(NamedTuple):
    """Feeds that show the incident, that could and do not, and that cannot; and `routes_up`.

    `routes_up`: how many networks have their routes, of how many that have them watched.
    """

    seen_by: tuple[str, ...]
    against: tuple[str, ...]
    silent: tuple[str, ...]
    routes_up: tuple[int, int] | None


def witnesses_of(
    incident: TrackedIncident, members: Sequence[OutageRevision], now: float, coverage: Coverage
) -> Witnesses:
    """Return which feeds agree.

    A feed is against when it measures half of the entities or more, in a way that would show the incident, and shows
    nothing.
    """
    seen_by, entities = {outage.feed for outage in members}, {outage.entity for outage in members}
    able: defaultdict[str, set[str]] = defaultdict(set)
    for series in _scored(incident, coverage):
        if series.entity in entities and _could_show(series, members, now, coverage.feeds[series.feed]):
            able[series.feed].add(series.entity)
    others = [feed for feed in coverage.feeds if feed not in seen_by]
    against = {feed for feed in others if 2 * len(able[feed]) >= len(entities)}
    return Witnesses(
        tuple(sorted(seen_by)),
        tuple(sorted(against)),
        tuple(sorted(set(others) - against)),
        None if incident.is_service else _routes_up(incident.confirmed, able, coverage),
    )


def _could_show(series: MeasuredSeries, members: Iterable[OutageRevision], now: float, width: float) -> bool:
    """Whether a series would show an outage of its entity by now.

    It would when a whole bin (`width` in seconds) has passed since, its facets are those of the outage or wider, it is
    of the same service, and the drop exceeds its noise.
    """
    facets = dict(series.facets)
    return any(
        all(dict(outage.facets).get(name, value) == value for name, value in facets.items())
        and facets.get("service") == dict(outage.facets).get("service")
        and ("service" in facets) == outage.is_service
        and outage.max_drop * series.expected >= PLAIN * series.spread
        and now // width * width - width >= outage.started_at
        for outage in members
        if outage.entity == series.entity
    )


def _routes_up(
    confirmed: Sequence[OutageRevision], able: Mapping[str, set[str]], coverage: Coverage
) -> tuple[int, int] | None:
    """Return how many networks have their routes, of how many that have them watched; None when this says little.

    It says something when two other feeds show networks down, or the whole country deeply, and at least half of them
    have their routes. `able`: by feed, the entities of which it would show an outage.
    """
    others = [outage for outage in confirmed if outage.feed not in coverage.routes]
    if of_kind(others, "region"):
        return None
    countries = [outage for outage in others if outage.is_deep and not outage.facets]
    candidates = (of_kind(others, "asn"), countries)
    outages = next((group for group in candidates if len({outage.feed for outage in group}) >= 2), [])
    watched = {entity for feed in coverage.routes for entity in able.get(feed, ())}
    watched &= {outage.entity for outage in outages}
    down = {outage.entity for outage in confirmed if outage.feed in coverage.routes}
    up = len(watched - down)
    return (up, len(watched)) if watched and 2 * up >= len(watched) else None
