"""Types of the parameters and bodies of the worker's API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from schemas import incident, outage
from schemas.incident import Incident, Kind
from schemas.measurement import Access, Country, Direction
from schemas.outage import Facets, Outage, Time
from schemas.remark import Remark
from schemas.severity import Severity

MAX_LIMIT: Final = 1000
MAX_VALUES: Final = 20
MAX_BINS: Final = 1000
MAX_PAGE_BINS: Final = 50_000

#: The end of a page: the start of its last element in Unix seconds, and the id of that element.
CURSOR: Final = r"^[0-9]{1,12}-[0-9a-f]{16}$"
#: The end of a page of series: the key by which they are ordered, in hexadecimal digits.
SERIES_CURSOR: Final = r"^([0-9a-f]{2}){1,1000}$"
Asn: TypeAlias = Annotated[int, Meta(ge=1, le=4_294_967_295)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
#: A time in a format that `schemas.times` reads, or Unix seconds.
When: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Limit: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_LIMIT)]
#: A cursor of a list, and of the series of an entity.
Cursor: TypeAlias = Annotated[str, Meta(pattern=CURSOR)]
SeriesCursor: TypeAlias = Annotated[str, Meta(pattern=SERIES_CURSOR)]
_CURSOR_MEANS: Final = "End of the previous page: see `next`."


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of a list. A parameter that may be repeated matches any of its values; all parameters must match."""

    country: Annotated[tuple[Country, ...], Meta(max_length=MAX_VALUES, description="Any of these countries.")] = ()
    asn: Annotated[tuple[Asn, ...], Meta(max_length=MAX_VALUES, description="Any of these networks.")] = ()
    entity: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^(asn|region|country)/", max_length=80)], ...],
        Meta(max_length=MAX_VALUES, description="Any of these entities, such as `region/IR-30`."),
    ] = ()
    feed: Annotated[tuple[Name, ...], Meta(max_length=MAX_VALUES, description="Any of these feeds.")] = ()
    severity: Annotated[tuple[Severity, ...], Meta(max_length=MAX_VALUES, description="Any of these.")] = ()
    since: Annotated[When | None, Meta(description="Leave out what ended at this time or before.")] = msgspec.field(
        name="from", default=None
    )
    until: Annotated[When | None, Meta(description="Leave out what began at this time or later.")] = msgspec.field(
        name="to", default=None
    )
    limit: Annotated[Limit, Meta(description="Maximum number of elements; a page may end earlier at 4 MiB.")] = 100
    cursor: Annotated[Cursor | None, Meta(description=_CURSOR_MEANS)] = None


class OutageQuery(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of a list of outages."""

    state: Annotated[tuple[outage.State, ...], Meta(max_length=MAX_VALUES, description="Any of these states.")] = ()


class IncidentQuery(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of a list of incidents."""

    state: Annotated[tuple[incident.State, ...], Meta(max_length=MAX_VALUES, description="Any of these states.")] = ()
    kind: Annotated[tuple[Kind, ...], Meta(max_length=MAX_VALUES, description="Any of these kinds.")] = ()


class SeriesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters that select series of an entity, and the number of their bins."""

    feed: Annotated[tuple[Name, ...], Meta(max_length=MAX_VALUES, description="Any of these feeds.")] = ()
    access: Annotated[tuple[Access, ...], Meta(max_length=MAX_VALUES, description="Facet: any of these.")] = ()
    direction: Annotated[tuple[Direction, ...], Meta(max_length=MAX_VALUES, description="Facet: any of these.")] = ()
    service: Annotated[tuple[Name, ...], Meta(max_length=MAX_VALUES, description="Facet: any of these.")] = ()
    bins: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_BINS)], Meta(description="Maximum number of bins for each series.")
    ] = MAX_BINS
    limit: Annotated[
        Limit, Meta(description="Maximum number of series; a page may end earlier, so that it has at most 50,000 bins.")
    ] = 100
    cursor: Annotated[SeriesCursor | None, Meta(description=_CURSOR_MEANS)] = None


class FeedQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of a feed of incidents."""

    country: Annotated[tuple[Country, ...], Meta(max_length=MAX_VALUES, description="Any of these countries.")] = ()


class JsonFeedItem(msgspec.Struct, frozen=True):
    """An incident. `id` stays the same in all revisions; `date_modified` is the event time of the newest one."""

    id: str
    url: str
    title: str
    content_text: str
    date_published: Time
    date_modified: Time
    tags: Sequence[str]


class JsonFeed(msgspec.Struct, frozen=True):
    """Incidents as JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/), what changed last first, at most 50."""

    version: str
    title: str
    home_page_url: str
    feed_url: str
    items: Sequence[JsonFeedItem]


class OutagePage(msgspec.Struct, frozen=True):
    """Outages, newest start first. `next`: a reference to the next page; null on the last page.

    `warnings`: why outages may be missing or old.
    """

    outages: Sequence[Outage]
    next: str | None
    warnings: Sequence[str] = ()


class IncidentPage(msgspec.Struct, frozen=True):
    """Incidents, newest start first. `next`: a reference to the next page; null on the last page.

    `warnings`: why incidents may be missing or old. `remarks`: what operators say of these incidents.
    """

    incidents: Sequence[Incident]
    next: str | None
    warnings: Sequence[str] = ()
    remarks: Sequence[Remark] = ()


class ReportedIncident(Incident, frozen=True, kw_only=True):
    """An incident with what operators say of it."""

    remarks: Sequence[Remark] = ()


def reported(incident: Incident, remarks: Sequence[Remark]) -> ReportedIncident:
    """Return an incident with the remarks about it."""
    own = [found for found in remarks if found.incident_id == incident.incident_id]
    return ReportedIncident(**msgspec.structs.asdict(incident), remarks=own)


class SeriesBin(msgspec.Struct, frozen=True):
    """One closed bin, in the unit of the value; null is unknown. Normal values lie between `low` and `high`."""

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
    """The series of an entity that match the parameters, in order of feed and facets.

    `next`: a reference to the next page; null on the last page.
    """

    entity: str
    series: Sequence[SeriesBins]
    next: str | None


class Annotation(msgspec.Struct, frozen=True):
    """A period for Grafana: times in milliseconds, `timeEnd` null while it lasts, `tags` separated by commas."""

    time: int
    timeEnd: int | None  # noqa: N815 (Grafana's name)
    title: str
    text: str
    tags: str


class PartitionStatus(msgspec.Struct, frozen=True):
    """Counts and positions of a partition. `held`: measurements far ahead in time that wait for confirmation."""

    applied: int
    received: int
    skipped: int
    binned: int
    late: int
    dead: dict[str, int]
    pending: int = msgspec.field(name="held")
    outages: int
    newest: dict[str, float]


class AreasStatus(msgspec.Struct, frozen=True):
    """The areas of a partition that this worker sums up.

    `closed`, `waiting`: the newest bin that is closed, and how many wait for shards, of each `FEED/AREAS`.
    """

    applied: int
    series: int
    outages: int
    closed: dict[str, int | None]
    waiting: dict[str, int]


class SourceStatus(msgspec.Struct, frozen=True):
    """The state of a source in words, and what it has reported last; null where unknown. Times are Unix seconds.

    `since`: from when on records and rejected ones count. `gap`: the newest time in which nothing could be known.
    """

    name: str
    state: str
    feed: str | None
    newest: float | None
    reported_at: float | None
    since: float | None
    records: int | None
    rejected: int | None
    gap: tuple[int, int] | None


class Status(msgspec.Struct, frozen=True):
    """Whether the worker is ready, its partitions and the areas that it sums up by number, and sources by name."""

    ready: bool
    partitions: dict[str, PartitionStatus]
    areas: dict[str, AreasStatus]
    sources: dict[str, SourceStatus]


class Problem(msgspec.Struct, frozen=True):
    """The reason for an error (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
