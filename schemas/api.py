"""What the worker's API is asked and what it answers: types of its parameters and bodies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from schemas import incident, outage
from schemas.incident import Incident, Kind
from schemas.measurement import Access, Country, Direction
from schemas.outage import Facets, Outage, Severity, Time

MAX_LIMIT: Final = 1000
MAX_VALUES: Final = 20
MAX_BINS: Final = 1000

#: Where a page ends: when its last element began, in Unix seconds, and the element's id.
CURSOR: Final = r"^[0-9]{1,12}-[0-9a-f]{16}$"
Asn: TypeAlias = Annotated[int, Meta(ge=1, le=4_294_967_295)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
#: A time in the texts that `schemas.times` reads, or Unix seconds.
When: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Limit: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_LIMIT)]


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of a list. A parameter that may be repeated matches any of its values; all of them must match."""

    country: Annotated[tuple[Country, ...], Meta(max_length=MAX_VALUES, description="Any of these countries.")] = ()
    asn: Annotated[tuple[Asn, ...], Meta(max_length=MAX_VALUES, description="Any of these networks.")] = ()
    entity: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^(asn|region|country)/", max_length=80)], ...],
        Meta(max_length=MAX_VALUES, description="Any of these entities, such as `region/IR-30`."),
    ] = ()
    feed: Annotated[tuple[Name, ...], Meta(max_length=MAX_VALUES, description="Any of these feeds.")] = ()
    severity: Annotated[tuple[Severity, ...], Meta(max_length=MAX_VALUES, description="Any of these.")] = ()
    since: Annotated[When | None, Meta(description="What ended at this time or before is left out.")] = msgspec.field(
        name="from", default=None
    )
    until: Annotated[When | None, Meta(description="What began at this time or later is left out.")] = msgspec.field(
        name="to", default=None
    )
    limit: Annotated[Limit, Meta(description="How many at the most.")] = 100
    cursor: Annotated[
        Annotated[str, Meta(pattern=CURSOR)] | None, Meta(description="Where the page before ended: see `next`.")
    ] = None


class OutageQuery(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which outages."""

    state: Annotated[tuple[outage.State, ...], Meta(max_length=MAX_VALUES, description="Any of these states.")] = ()


class IncidentQuery(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which incidents."""

    state: Annotated[tuple[incident.State, ...], Meta(max_length=MAX_VALUES, description="Any of these states.")] = ()
    kind: Annotated[tuple[Kind, ...], Meta(max_length=MAX_VALUES, description="Any of these kinds.")] = ()


class SeriesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which series of an entity, and how many of their bins."""

    feed: Annotated[tuple[Name, ...], Meta(max_length=MAX_VALUES, description="Any of these feeds.")] = ()
    access: Annotated[tuple[Access, ...], Meta(max_length=MAX_VALUES, description="Facet: any of these.")] = ()
    direction: Annotated[tuple[Direction, ...], Meta(max_length=MAX_VALUES, description="Facet: any of these.")] = ()
    service: Annotated[tuple[Name, ...], Meta(max_length=MAX_VALUES, description="Facet: any of these.")] = ()
    bins: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_BINS)], Meta(description="How many of the newest bins of each.")
    ] = MAX_BINS


class OutagePage(msgspec.Struct, frozen=True):
    """Outages, newest beginning first. `next`: a reference to the page after this one; null on the last."""

    outages: Sequence[Outage]
    next: str | None


class IncidentPage(msgspec.Struct, frozen=True):
    """Incidents, newest beginning first. `next`: a reference to the page after this one; null on the last."""

    incidents: Sequence[Incident]
    next: str | None


class SeriesBin(msgspec.Struct, frozen=True):
    """One closed bin, in the unit of the value; null is unknown. Normal lies between `low` and `high`."""

    start: Time
    value: float | None
    expected: float | None
    low: float | None
    high: float | None


class SeriesBins(msgspec.Struct, frozen=True):
    """The newest closed bins of one series, oldest first. `width`: of a bin, in seconds. A ratio's value is a share."""

    feed: str
    signal: str
    kind: Literal["gauge", "count", "distinct", "ratio", "presence"]
    unit: str
    width: int
    facets: Facets
    bins: Sequence[SeriesBin]


class SeriesAnswer(msgspec.Struct, frozen=True):
    """All series of an entity that were asked for, in order of feed and facets."""

    entity: str
    series: Sequence[SeriesBins]


class Annotation(msgspec.Struct, frozen=True):
    """A span for Grafana: times in milliseconds, `timeEnd` null while it lasts, `tags` with commas between."""

    time: int
    timeEnd: int | None  # noqa: N815 (Grafana's name)
    title: str
    text: str
    tags: str


class PartitionStatus(msgspec.Struct, frozen=True):
    """What a partition has read, and what became of it."""

    applied: int
    received: int
    skipped: int
    binned: int
    late: int
    dead: dict[str, int]
    held: int
    outages: int
    newest: dict[str, float]


class Status(msgspec.Struct, frozen=True):
    """Whether the worker is ready, and its partitions by number."""

    ready: bool
    partitions: dict[str, PartitionStatus]


class Problem(msgspec.Struct, frozen=True):
    """Why there is no answer (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
