"""What the outages of an incident say together: how much is gone, of what, and which feeds bear it out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from detectors.outages.outage_lifecycle import material, severity

from .coincidence import HOUR
from .model import DOUBT, FAULT, FEED, Coverage, Facets, Fall, Incident, Key, Kind, Measured, is_deep, key_of

ONLY: tuple[tuple[str, str, Kind], ...] = (
    ("access", "mobile", "mobile-only"),
    ("access", "fixed", "fixed-only"),
    ("direction", "international", "international-only"),
)
PLAIN = 4  # standard deviations of a bin at which a drop is plain to see
# A region's own series says more of it than networks of which it is a part.
FINEST = ("region", "asn", "country", FEED, DOUBT)


class Loss(NamedTuple):
    """Share lost by what has fallen, share of all that is measured, and the falls in time."""

    drop: float
    affected: float
    drops: tuple[tuple[float, float], ...]


def loss(incident: Incident, coverage: Coverage) -> Loss:
    """The losses, as the series have them that see it best."""
    levels = coverage.levels(incident.country or "")
    groups: defaultdict[Key, list[Weighed]] = defaultdict(list)
    for fall in incident.members:
        weight = levels.series.get((fall.feed, fall.entity, fall.facets), fall.expected)
        groups[key_of(fall)].append(Weighed(fall, weight))
    affected = {key: _affected(falls, levels.whole.get(key, 0.0)) for key, falls in groups.items()}
    kind, most = _speaker(incident, affected)
    best = max(
        (k for k in groups if k[1] == kind and affected[k] >= most / 2),
        key=lambda k: (round(_drop(groups[k]), 2), affected[k], k),
    )
    return Loss(_drop(groups[best]), _of_country(affected, best, coverage), _drops(groups[best], incident.start))


def _speaker(incident: Incident, affected: Mapping[Key, float]) -> tuple[str, float]:
    """The kind of entity whose losses are told, the finest, and the most that one feed has of it.

    A country that is deeply down speaks for itself where what is known of its parts is less than half of that.
    """
    most: dict[str, float] = {}
    for key, share in affected.items():
        most[key[1]] = max(share, most.get(key[1], 0.0))
    kind = next(kind for kind in FINEST if kind in most)
    if any(is_deep(fall) for fall in incident.members) and most[kind] < most["country"] / 2:
        kind = "country"
    return kind, most[kind]


def _of_country(affected: Mapping[Key, float], best: Key, coverage: Coverage) -> float:
    """Share of the country: as its own series has it, else those of sizes rather than of shares, else the best."""
    sizes = {key: share for key, share in affected.items() if key[0] not in coverage.shares} or affected
    for kind in ("country", best[1]):
        if found := [share for key, share in sizes.items() if key[1] == kind]:
            return max(found)
    return affected[best]


class Weighed(NamedTuple):
    """An outage, and the level that its series is expected to have now, as that of the others is known."""

    fall: Fall
    weight: float


def _deepest(falls: Iterable[Weighed]) -> list[Weighed]:
    """The deepest outage of each series, since one may fall twice."""
    by_series: dict[tuple[str, Facets], Weighed] = {}
    for one in sorted(falls, key=lambda one: (one.fall.max_drop, one.fall.outage_id)):
        by_series[one.fall.entity, one.fall.facets] = one
    return list(by_series.values())


def _lost(falls: Iterable[Weighed]) -> float:
    return sum(one.weight * one.fall.max_drop for one in _deepest(falls))


def _weight(falls: Iterable[Weighed]) -> float:
    return max(sum(one.weight for one in _deepest(falls)), 1e-9)


def _drop(falls: Sequence[Weighed]) -> float:
    return _lost(falls) / _weight(falls)


def _affected(falls: Sequence[Weighed], whole: float) -> float:
    return _lost(falls) / max(whole, _weight(falls))


def _drops(falls: Sequence[Weighed], start: float) -> tuple[tuple[float, float], ...]:
    """Distinct falls of what has fallen by then; a place that joins is none, nor are steps within an hour.

    None is before the `start` of the incident, which more feeds than this one tell.
    """
    courses = [(one.weight, _steps(one.fall.drops)) for one in falls]
    first = min(one.fall.started_at for one in falls)
    further = {at for _, steps in courses for at, _ in steps[1:]}
    shares = [(at, _share_at(courses, at)) for at in sorted({first} | further)]
    return _steps([(max(at, start), round(share, 4)) for at, share in shares])


def _steps(drops: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Falls that are worth telling, one for those within an hour: a level takes some bins to be known."""
    told: list[tuple[float, float]] = []
    for at, drop in drops:
        if told and at < told[-1][0] + HOUR:
            told[-1] = (told[-1][0], max(drop, told[-1][1]))
        elif not told or drop >= told[-1][1] + material(told[-1][1]):
            told.append((at, drop))
    return tuple(told)


def _share_at(courses: Sequence[tuple[float, Sequence[tuple[float, float]]]], at: float) -> float:
    """Share lost at a time by the series that have fallen by then, each of a weight."""
    by_then = [(weight, [drop for when, drop in steps if when <= at]) for weight, steps in courses]
    fallen = [(weight, drops[-1]) for weight, drops in by_then if drops]
    return sum(weight * drop for weight, drop in fallen) / max(sum(weight for weight, _ in fallen), 1e-9)


def kinds(incident: Incident, drop: float, coverage: Coverage) -> tuple[Kind, ...]:
    """What fell and what did not, as far as both are measured; `total` or `partial` last."""
    if incident.fault:
        return (FAULT,)
    found: list[Kind] = [kind for name, value, kind in ONLY if _only(incident, name, value, coverage)]
    if incident.is_service and _others_work(incident, coverage):
        found.append("service-block")
    return (*found, "total" if severity(drop) == "total" else "partial")


def _only(incident: Incident, name: str, value: str, coverage: Coverage) -> bool:
    """Whether outages that say the facet all have this value, no other is left unsaid, and other values are normal."""
    with_it = [fall for fall in incident.members if name in dict(fall.facets)]
    if not with_it or any(dict(fall.facets)[name] != value for fall in with_it):
        return False
    said = {fall.entity for fall in with_it}
    if any(fall.entity not in said and fall.kind != "country" for fall in incident.members):
        return False
    places, feeds = _places(incident), {fall.feed for fall in with_it}
    return any(
        one.feed in feeds and dict(one.facets).get(name, value) != value and (not places or one.entity in places)
        for one in _scored(incident, coverage)
    )


def _places(incident: Incident) -> set[str]:
    """Where the rest must be normal: the entity itself while it is one, else anywhere in the country (empty)."""
    entities = {fall.entity for fall in incident.members}
    return entities if len(entities) == 1 and not incident.broad else set()


def _others_work(incident: Incident, coverage: Coverage) -> bool:
    """Whether the same networks are measured otherwise, by other services or as a whole, and that is normal."""
    entities = {fall.entity for fall in incident.members}
    fallen = {(fall.entity, fall.facets) for fall in incident.members}
    return any(one.entity in entities and (one.entity, one.facets) not in fallen for one in _scored(incident, coverage))


def _scored(incident: Incident, coverage: Coverage) -> list[Measured]:
    return [one for one in coverage.of(incident.country) if one.feed not in coverage.mute]


class Witnesses(NamedTuple):
    """Feeds that show it, that could and do not, that cannot tell; and of how many networks the routes are up."""

    seen_by: tuple[str, ...]
    against: tuple[str, ...]
    silent: tuple[str, ...]
    routes_up: tuple[int, int] | None


def witnesses(incident: Incident, now: float, coverage: Coverage) -> Witnesses:
    """A feed is against it when it measures half of the entities or more, in a way that would show it, and does not."""
    seen_by = {fall.feed for fall in incident.members}
    entities = {fall.entity for fall in incident.members}
    able: defaultdict[str, set[str]] = defaultdict(set)
    for one in _scored(incident, coverage):
        if one.entity in entities and _could_tell(one, incident, now, coverage.feeds[one.feed]):
            able[one.feed].add(one.entity)
    others = [feed for feed in coverage.feeds if feed not in seen_by]
    against = [feed for feed in others if 2 * len(able[feed]) >= len(entities)]
    return Witnesses(
        tuple(sorted(seen_by)),
        tuple(sorted(against)),
        tuple(sorted(set(others) - set(against))),
        _routes_up(incident, able, coverage),
    )


def _could_tell(one: Measured, incident: Incident, now: float, width: float) -> bool:
    """Whether a series would show it by now: a whole bin since, not in its noise, of a service only that service's."""
    said = dict(one.facets)
    return any(
        all(dict(fall.facets).get(name, value) == value for name, value in said.items())
        and said.get("service") == dict(fall.facets).get("service")
        and fall.max_drop * one.expected >= PLAIN * one.spread
        and now // width * width - width >= fall.started_at
        for fall in incident.members
        if fall.entity == one.entity
    )


def _routes_up(incident: Incident, able: defaultdict[str, set[str]], coverage: Coverage) -> tuple[int, int] | None:
    """Of how many networks the routes are up, of all that have theirs watched; None when it says little.

    It says something when two other feeds show networks down, or the whole country deeply, and at least half of them
    have their routes.
    """
    others = [fall for fall in incident.confirmed if fall.feed not in coverage.routes]
    if incident.is_service or any(fall.kind == "region" for fall in others):
        return None
    networks = [fall for fall in others if fall.kind == "asn"]
    whole = [fall for fall in others if is_deep(fall) and not fall.facets]
    falls = next((some for some in (networks, whole) if len({fall.feed for fall in some}) >= 2), [])
    watched = {entity for feed in coverage.routes for entity in able[feed]} & {fall.entity for fall in falls}
    down = {fall.entity for fall in incident.members if fall.feed in coverage.routes}
    up = len(watched - down)
    return (up, len(watched)) if watched and 2 * up >= len(watched) else None
