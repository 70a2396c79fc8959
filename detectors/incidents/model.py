"""What is grouped into incidents, what an incident remembers, and what is told of it.

All are plain values, so that they can be stored. Times are Unix seconds of event time, shares are 0 to 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from detectors.outages.outage_lifecycle import Severity
from detectors.types import State, Suppression

Facets: TypeAlias = tuple[tuple[str, str], ...]
Course: TypeAlias = Literal["suspected", "ongoing", "spreading", "recovering", "ended", "expired"]
Kind: TypeAlias = Literal[
    "total", "partial", "mobile-only", "fixed-only", "international-only", "service-block", "feed-fault"
]
FAULT: Kind = "feed-fault"
FEED = "feed"  # the kind of entity of a whole feed that has stopped
DOUBT = "doubt"  # the kind of entity of a whole feed of which most series fall together
DEEP = 0.5  # of a country: its own series speaks for it, whatever falls in it
OVER: Collection[Course] = ("ended", "expired")


@dataclass(frozen=True, slots=True)
class Fall:
    """One revision of an outage, as far as grouping goes. `held`: its feed is suspected of being at fault."""

    outage_id: str
    revision: int
    state: State
    entity: str
    country: str | None
    region: str | None
    facets: Facets
    feed: str
    started_at: float
    detected_at: float
    updated_at: float
    ended_at: float | None
    expected: float
    max_drop: float
    drops: tuple[tuple[float, float], ...]
    evidence: float
    held: bool = False
    suppressed_by: Suppression | None = None

    @property
    def confirmed(self) -> bool:
        """Whether the evidence has sufficed, whatever came later."""
        return self.state not in ("suspected", "retracted")

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.state in ("suspected", "open", "recovering")

    @property
    def kind(self) -> str:
        """What its entity is: `asn`, `region` or `country`."""
        return self.entity.partition("/")[0]

    @property
    def is_of_series(self) -> bool:
        """Whether it is an outage of a series, not what is said of a whole feed."""
        return self.kind not in (FEED, DOUBT)


@dataclass(frozen=True, slots=True)
class Measured:
    """A series that its feed scores, the level that it expects, and how far a normal bin strays from that."""

    feed: str
    entity: str
    facets: Facets
    expected: float
    spread: float


Key: TypeAlias = tuple[str, str, tuple[str, ...]]


def key_of(one: Fall | Measured) -> Key:
    """Feed, kind of entity and names of the facets: series that are alike in these can be summed."""
    return one.feed, one.entity.partition("/")[0], tuple(name for name, _ in one.facets)


class Levels(NamedTuple):
    """What is expected of each series (feed, entity, facets), of all that are alike, and of those of one entity."""

    series: Mapping[tuple[str, str, Facets], float]
    whole: Mapping[Key, float]
    entity: Mapping[tuple[Key, str], float]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the feeds can tell at an instant.

    `feeds`: all there are, and the width of their bins. `mute`: those that say nothing now. `routes`: those that watch
    routes. `series`: what is scored, by country. `operators`: who runs an entity, where that is known. `weights`: of
    entities, by country, likewise. `shares`: those that measure shares, which weigh all series alike. `found`,
    `weighed`: answers given before.
    """

    feeds: Mapping[str, float]
    mute: Collection[str] = ()
    routes: Collection[str] = ()
    series: Mapping[str, Sequence[Measured]] = field(default_factory=dict)
    operators: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    shares: Collection[str] = ()
    found: dict[tuple[str, Facets], frozenset[str]] = field(default_factory=dict, init=False, repr=False, compare=False)
    weighed: dict[str, Levels] = field(default_factory=dict, init=False, repr=False, compare=False)

    def levels(self, country: str) -> Levels:
        """The expected levels of a country's series."""
        if country not in self.weighed:
            whole: defaultdict[Key, float] = defaultdict(float)
            entity: defaultdict[tuple[Key, str], float] = defaultdict(float)
            for one in self.of(country):
                whole[key_of(one)] += one.expected
                entity[key_of(one), one.entity] += one.expected
            series = {(one.feed, one.entity, one.facets): one.expected for one in self.of(country)}
            self.weighed[country] = Levels(series, whole, entity)
        return self.weighed[country]

    def of(self, country: str | None) -> Sequence[Measured]:
        """The series of a country that are scored."""
        return self.series.get(country, ()) if country else ()

    def entities(self, country: str, facets: Facets = ()) -> frozenset[str]:
        """The networks and regions of a country that are scored with these facets, if any are given."""
        if (country, facets) not in self.found:
            some = (one.entity for one in self.of(country) if set(facets) <= set(one.facets))
            self.found[country, facets] = frozenset(entity for entity in some if not entity.startswith("country/"))
        return self.found[country, facets]


@dataclass(frozen=True, slots=True)
class Told:
    """One revision of an incident. `root`: the id of its first outage; `merged_into`, `absorbed`: roots of others.

    `is_sure`: the evidence has sufficed. `is_wide`: it is of a country, or of half of its networks or more.
    `is_doubted`: most series of the feed at fault fell together. `is_refuted`: others show the same, so it is no fault.
    `facets`: those that all its outages say.
    """

    root: str
    revision: int
    state: Course
    is_sure: bool
    is_wide: bool
    countries: tuple[str, ...]
    regions: tuple[str, ...]
    asns: tuple[int, ...]
    kinds: tuple[Kind, ...]
    severity: Severity
    drop: float
    affected_share: float | None
    services: tuple[str, ...]
    started_at: float
    detected_at: float
    updated_at: float
    ended_at: float | None
    drops: tuple[tuple[float, float], ...]
    spread: tuple[tuple[float, str], ...]
    feeds: tuple[str, ...]
    outage_ids: tuple[str, ...]
    seen_by: tuple[str, ...]
    against: tuple[str, ...]
    silent: tuple[str, ...]
    routes_up: tuple[int, int] | None
    evidence: float
    merged_into: str | None
    absorbed: tuple[str, ...]
    suppressed_by: Suppression | None = None
    is_doubted: bool = False
    facets: Facets = ()
    is_refuted: bool = False


@dataclass(slots=True)
class Incident:
    """What is remembered of an incident: the newest revision of each of its outages, and what was told last.

    `broad`: its outages are too many at once for chance, so that others of the country belong to it. `fault`: the
    feed at fault, empty when networks are; `refuted`: it is not, as other feeds show the same.
    """

    root: str
    opened: float
    country: str | None
    fault: str = ""
    refuted: bool = False
    broad: bool = False
    affected: float = 0.0
    falls: dict[str, Fall] = field(default_factory=dict)
    absorbed: list[str] = field(default_factory=list)
    told: Told | None = None

    @property
    def confirmed(self) -> list[Fall]:
        """Outages whose evidence has sufficed."""
        return [fall for fall in self.falls.values() if fall.confirmed]

    @property
    def members(self) -> list[Fall]:
        """Its outages: the confirmed ones if there are any, else those suspected, else all."""
        falls = list(self.falls.values())
        return self.confirmed or [fall for fall in falls if fall.running] or falls

    @property
    def is_over(self) -> bool:
        """Whether its end was told; it is remembered while an outage of a minority of feeds still runs."""
        return self.told is not None and self.told.state in OVER

    @property
    def is_service(self) -> bool:
        """Whether single services fail, not the network."""
        return all(any(name == "service" for name, _ in fall.facets) for fall in self.members)

    @property
    def edges(self) -> Sequence[Fall]:
        """Those that tell when it began and ended: what is said of a whole feed, if that is doubted."""
        whole = [fall for fall in self.falls.values() if not fall.is_of_series]
        is_doubted = any(fall.kind == DOUBT for fall in whole)
        return whole if is_doubted else finest(self.members)

    @property
    def start(self) -> float:
        """When it began: its regions if there are any, else whatever fell; each when half of its feeds show it."""
        starts: dict[str, dict[str, float]] = {}
        for fall in self.edges:
            its = starts.setdefault(fall.entity, {})
            its[fall.feed] = min(its.get(fall.feed, fall.started_at), fall.started_at)
        return min(sorted(its.values())[(len(its) - 1) // 2] for its in starts.values())


def finest(falls: Sequence[Fall]) -> Sequence[Fall]:
    """Those of regions if there are any, and of a whole country that is deeply down: others lose a part with them."""
    if not any(fall.kind == "region" for fall in falls):
        return falls
    return [fall for fall in falls if fall.kind == "region" or (is_deep(fall) and not fall.facets)]


def is_deep(fall: Fall) -> bool:
    """Whether a country has lost so much that it explains whatever falls in it."""
    return fall.kind == "country" and fall.max_drop >= DEEP


def stated(falls: Iterable[Fall]) -> Facets:
    """The facets that all of these say, with each value that one of them has."""
    said = [dict(fall.facets) for fall in falls]
    names = [name for name in said[0] if all(name in one for one in said)] if said else []
    return tuple((name, value) for name in names for value in sorted({one[name] for one in said}))


def units(falls: Iterable[Fall]) -> dict[str, float]:
    """When each entity first fell, by time; the country only when nothing smaller is known."""
    first: dict[str, float] = {}
    for fall in sorted(falls, key=lambda fall: (fall.started_at, fall.entity)):
        first.setdefault(fall.entity, fall.started_at)
    smaller = {entity: at for entity, at in first.items() if not entity.startswith("country/")}
    return smaller or first


@dataclass(slots=True)
class Book:
    """The whole state: incidents that are not over, by root; and when independent ones began in each country.

    `now`: up to when it is written; `since`: the first instant.
    """

    now: float = 0.0
    since: float | None = None
    incidents: dict[str, Incident] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
    begun: dict[str, dict[str, float]] = field(default_factory=dict)
