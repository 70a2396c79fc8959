"""The values that grouping works on: outages, what the feeds measure, and incidents.

All are plain values, so that a snapshot can hold them. Times are Unix seconds of event time. Shares are 0 to 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from detectors.types import Severity, State, Suppression

from .loss_so_far import LossSoFar

Facets: TypeAlias = tuple[tuple[str, str], ...]
IncidentPhase: TypeAlias = Literal["suspected", "ongoing", "spreading", "recovering", "ended", "expired", "retracted"]
IncidentKind: TypeAlias = Literal[
    "total", "partial", "mobile-only", "fixed-only", "international-only", "service-block", "feed-fault"
]
FEED_FAULT: IncidentKind = "feed-fault"
STOPPED_FEED = "feed"  # the kind of entity of a whole feed that has stopped
DOUBTED_FEED = "doubt"  # the kind of entity of a whole feed of which most series fall together
DEEP_DROP = 0.5  # a country that loses this share explains all outages in it
SUMMED_FIRST = ("asn", "region", "country")  # what areas are sums of: the first that is measured
OVER: Collection[IncidentPhase] = ("ended", "expired", "retracted")


@dataclass(frozen=True, slots=True)
class OutageRevision:
    """One revision of an outage, with the fields that grouping needs.

    `suspected_fault`: the feed is suspected of a fault, so the outage may not be real. `expected` is in the feed's
    unit, `evidence` in nats. `drops`: time and share lost of each distinct fall. `dated_within`: seconds by which the
    start of a gradual fall may be off. `by_feed`: of one that several feeds show together, what each gives.
    `drop`: the share lost now (None: all of `max_drop`). `summed`: facets that its series is summed over, with the
    values that the feed measures. `missing`: bins of which measurements were deleted unread. `reporter`: who found it,
    empty where that is unknown. `bins`: those of its evidence. `is_young`: its series is on its first day.
    """

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
    suspected_fault: bool = False
    suppressed_by: Suppression | None = None
    dated_within: float = 0.0
    by_feed: tuple[tuple[str, float], ...] = ()
    drop: float | None = None
    summed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    missing: int = 0
    reporter: str = ""
    bins: int = 1
    is_young: bool = False

    @property
    def still_lost(self) -> float:
        """The share that is lost now."""
        return 0.0 if not self.running else self.max_drop if self.drop is None else min(self.drop, self.max_drop)

    @property
    def confirmed(self) -> bool:
        """Whether the evidence has sufficed at some time."""
        return self.state not in ("suspected", "retracted")

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.state in ("suspected", "open", "recovering")

    @property
    def kind(self) -> str:
        """The kind of its entity: `asn`, `region` or `country`; `feed` or `doubt` for a whole feed."""
        return self.entity.partition("/")[0]

    @property
    def is_of_series(self) -> bool:
        """Whether it is an outage of a series, not a fault of a whole feed."""
        return self.kind not in (STOPPED_FEED, DOUBTED_FEED)

    @property
    def is_service(self) -> bool:
        """Whether its series is one of a service or of several, not of a network as a whole."""
        return any(name == "service" for name, _ in (*self.facets, *self.summed))

    def is_within(self, outer: OutageRevision) -> bool:
        """Whether what `outer` measures has all that this outage's series has, apart from the place."""
        return set(outer.facets) <= set(self.facets) and (self.is_service or not outer.is_service)

    @property
    def is_announced(self) -> bool:
        """Whether a feed announces it by itself: it is of a series, and not of what several feeds show together."""
        return self.is_of_series and not self.by_feed

    @property
    def is_deep(self) -> bool:
        """Whether a country has lost so much that this explains all outages in it."""
        return self.kind == "country" and self.max_drop >= DEEP_DROP


@dataclass(frozen=True, slots=True)
class MeasuredSeries:
    """A scored series, its `expected` level and the `spread` of a normal bin, both in the feed's unit."""

    feed: str
    entity: str
    facets: Facets
    expected: float
    spread: float


SeriesKey: TypeAlias = tuple[str, str, tuple[str, ...]]


def key_of(series: OutageRevision | MeasuredSeries) -> SeriesKey:
    """Return feed, kind of entity and names of the facets: series of the same key can be summed."""
    return series.feed, series.entity.partition("/")[0], tuple(name for name, _ in series.facets)


class CountryLevels(NamedTuple):
    """Expected levels of one country: of each series (feed, entity, facets), by key, and by key and entity."""

    series: Mapping[tuple[str, str, Facets], float]
    whole: Mapping[SeriesKey, float]
    entity: Mapping[tuple[SeriesKey, str], float]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the feeds can show at an instant.

    `feeds`: the width of each feed's bins, in seconds. `mute`: feeds that send nothing now. `routes`: feeds that watch
    routes. `series`: scored series by country. `operators`: the operator of each entity, where it is known. `weights`:
    weights of entities by country, where they are known. `shares`: feeds that measure shares, so that all series weigh
    the same. `sums`: keys of the series that are areas, summed from other series of the feed.
    """

    feeds: Mapping[str, float]
    mute: Collection[str] = ()
    routes: Collection[str] = ()
    series: Mapping[str, Sequence[MeasuredSeries]] = field(default_factory=dict)
    operators: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    shares: Collection[str] = ()
    sums: Collection[SeriesKey] = ()
    _entities: dict[tuple[str, Facets], frozenset[str]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _levels: dict[str, CountryLevels] = field(default_factory=dict, init=False, repr=False, compare=False)
    _facets: dict[str, dict[tuple[str, str], set[Facets]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def levels(self, country: str) -> CountryLevels:
        """Return the expected levels of a country's series. Later calls return the same object."""
        if country not in self._levels:
            whole: defaultdict[SeriesKey, float] = defaultdict(float)
            entity: defaultdict[tuple[SeriesKey, str], float] = defaultdict(float)
            scored = self.of(country)
            for series in scored:
                key = key_of(series)
                whole[key] += series.expected
                entity[key, series.entity] += series.expected
            levels = {(series.feed, series.entity, series.facets): series.expected for series in scored}
            self._levels[country] = CountryLevels(levels, whole, entity)
        return self._levels[country]

    def facets_measured(self, feed: str, country: str, network: str = "") -> Collection[Facets]:
        """Return the facets of what a feed measures in a country, or of one network; not those of sums.

        In a country these are the facets of networks; of regions where it measures no network, and so on.
        """
        if country not in self._facets:
            found: defaultdict[tuple[str, str], set[Facets]] = defaultdict(set)
            for series in self.of(country):
                if key_of(series) not in self.sums:
                    found[series.feed, series.entity.partition("/")[0]].add(series.facets)
                    found[series.feed, series.entity].add(series.facets)
            self._facets[country] = dict(found)
        facets = self._facets[country]
        places = [network] if network else SUMMED_FIRST
        return next((facets[feed, place] for place in places if (feed, place) in facets), ())

    def of(self, country: str | None) -> Sequence[MeasuredSeries]:
        """Return the scored series of a country."""
        return self.series.get(country, ()) if country else ()

    def entities(self, country: str, facets: Facets = ()) -> frozenset[str]:
        """Return the networks and regions of a country that have a scored series with all of these facets."""
        if (country, facets) not in self._entities:
            names = (series.entity for series in self.of(country) if set(facets) <= set(series.facets))
            self._entities[country, facets] = frozenset(name for name in names if not name.startswith("country/"))
        return self._entities[country, facets]


@dataclass(frozen=True, slots=True)
class IncidentRevision:
    """One revision of an incident. `root`: the id of its first outage; `merged_into`, `absorbed`: roots of others.

    `is_sure`: the evidence has sufficed. `is_wide`: it is of a country, or of half of its networks or more.
    `is_doubted`: most series of the feed at fault fell together. `is_refuted`: other feeds show the same, so it is no
    fault. `facets`: those that all its outages have. `by_feed`: nats that each feed gave where none shows it by itself.
    `back`: the share of the loss that is back while it goes on. `mean_drop`: the share lost on average so far.
    `confirmed_at`: when it was first more than a suspicion; None before, and where it is retracted. `incomplete`: feeds
    of which measurements were deleted unread while their outages lasted.
    """

    root: str
    revision: int
    state: IncidentPhase
    is_sure: bool
    is_wide: bool
    countries: tuple[str, ...]
    regions: tuple[str, ...]
    asns: tuple[int, ...]
    kinds: tuple[IncidentKind, ...]
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
    by_feed: tuple[tuple[str, float], ...] = ()
    back: float = 0.0
    confirmed_at: float | None = None
    incomplete: tuple[str, ...] = ()
    mean_drop: float | None = None


@dataclass(slots=True)
class TrackedIncident:
    """An incident that is not over: the newest revision of each of its outages, and its own newest revision.

    `opened`: when its first outage was announced. `fault`: the feed at fault, empty when networks are down. `refuted`:
    the feed is not at fault, as other feeds show the same. `broad`: its outages are too many at once for chance, so
    that further outages of the country belong to it. `affected`: the largest share of the country so far. `outages`:
    by outage id. `absorbed`: roots of incidents that were merged into it. `latest`: None before the first revision.
    `confirmed_at`: when it was first more than a suspicion, None before. `loss`: what it has lost so far.
    """

    root: str
    opened: float
    country: str | None
    fault: str = ""
    refuted: bool = False
    broad: bool = False
    affected: float = 0.0
    outages: dict[str, OutageRevision] = field(default_factory=dict)
    absorbed: list[str] = field(default_factory=list)
    latest: IncidentRevision | None = None
    confirmed_at: float | None = None
    loss: LossSoFar = field(default_factory=LossSoFar)

    @property
    def age(self) -> tuple[float, str]:
        """What orders incidents, the oldest first."""
        return self.opened, self.root

    @property
    def confirmed(self) -> list[OutageRevision]:
        """Outages whose evidence has sufficed."""
        return [outage for outage in self.outages.values() if outage.confirmed]

    @property
    def members(self) -> list[OutageRevision]:
        """Its outages: the confirmed ones if there are any, else the suspected ones, else all."""
        outages = list(self.outages.values())
        return self.confirmed or [outage for outage in outages if outage.running] or outages

    @property
    def entities(self) -> set[str]:
        """The entities that are down."""
        return {outage.entity for outage in self.members}

    @property
    def is_over(self) -> bool:
        """Whether its end is announced. It is kept while an outage of a minority of its feeds still runs."""
        return self.latest is not None and self.latest.state in OVER

    @property
    def is_service(self) -> bool:
        """Whether single services fail, not the network."""
        return all(outage.is_service for outage in self.members)

    @property
    def is_wide(self) -> bool:
        """Whether it is of a country, not of single networks or regions in it."""
        confirmed = self.confirmed
        return bool(confirmed) and (self.broad or bool(of_kind(confirmed, "country")))

    @property
    def has_region(self) -> bool:
        """Whether a region's own series is down."""
        return bool(of_kind(self.confirmed, "region"))

    @property
    def edges(self) -> Sequence[OutageRevision]:
        """The outages that date its start and end: those of the whole feed if that is doubted, else the finest."""
        whole = [outage for outage in self.outages.values() if not outage.is_of_series]
        return whole if of_kind(whole, DOUBTED_FEED) else finest(self.members)

    @property
    def start(self) -> float:
        """When it began: the earliest entity's start. An entity's start is the lower median over its feeds."""
        starts: dict[str, dict[str, float]] = {}
        for outage in self.edges:
            by_feed = starts.setdefault(outage.entity, {})
            by_feed[outage.feed] = min(by_feed.get(outage.feed, outage.started_at), outage.started_at)
        return min(sorted(by_feed.values())[(len(by_feed) - 1) // 2] for by_feed in starts.values())


def of_kind(outages: Iterable[OutageRevision], kind: str) -> list[OutageRevision]:
    """Return the outages of one kind of entity."""
    return [outage for outage in outages if outage.kind == kind]


def names_by_kind(outages: Iterable[OutageRevision]) -> defaultdict[str, set[str]]:
    """Return the names of the entities that are down, by kind: `{"asn": {"3333"}}` for an outage of `asn/3333`."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for outage in outages:
        kind, _, name = outage.entity.partition("/")
        names[kind].add(name)
    return names


def finest(outages: Sequence[OutageRevision]) -> Sequence[OutageRevision]:
    """Return the outages of regions, and of a country that is deeply down; all outages when no region is down.

    Networks, and a country that is a little down, lose only a part with their region, so they date it badly.
    """
    if not of_kind(outages, "region"):
        return outages
    return [outage for outage in outages if outage.kind == "region" or (outage.is_deep and not outage.facets)]


def first_falls(outages: Iterable[OutageRevision]) -> dict[str, float]:
    """Return when each entity first fell, in order of time; countries only when nothing smaller is down."""
    first: dict[str, float] = {}
    for outage in sorted(outages, key=lambda outage: (outage.started_at, outage.entity)):
        first.setdefault(outage.entity, outage.started_at)
    smaller = {entity: at for entity, at in first.items() if not entity.startswith("country/")}
    return smaller or first


@dataclass(slots=True)
class IncidentState:
    """The whole state of grouping.

    `now`: the instant that it has reached. `since`: its first instant. `incidents`: those that are not over, by root.
    `roots`: the root of each outage's incident, by outage id. `starts`: when confirmed incidents of the last two months
    began, by country and root.
    """

    now: float = 0.0
    since: float | None = None
    incidents: dict[str, TrackedIncident] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)
    starts: dict[str, dict[str, float]] = field(default_factory=dict)
