"""What the pages read of a worker, as types and functions: the pages are made and tested without a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from schemas.incident import Incident
from schemas.outage import Outage
from schemas.remark import Remark
from streams.config.settings import Settings
from streams.worker.web.recent_bins import EntityRows, ReadHistory


class FeedHealth(NamedTuple):
    """The state of one feed in this worker.

    `newest`: its newest event time (Unix seconds); `silence`: seconds for which that has not moved. Both are None
    before the first measurement. `judged`: series that the bins closed last compared with what was expected.
    `judged_from`: while all series warm up, when the first can be judged (Unix seconds); None where unknown.
    """

    name: str
    newest: float | None
    silence: float | None
    stalled: bool
    series: int
    outages: int
    judged: int = 0
    judged_from: float | None = None


class SourceHealth(NamedTuple):
    """The state of a source of `ebbtide source` in words, and what it has reported last; None where unknown.

    `newest`: its newest event time; `reported_at`, `since`: wall time of the report, and from which `records` and
    `rejected` count; `gap`: the newest time in which nothing could be known. All times are Unix seconds.
    """

    name: str
    state: str
    feed: str | None = None
    newest: float | None = None
    reported_at: float | None = None
    since: float | None = None
    records: int | None = None
    rejected: int | None = None
    gap: tuple[int, int] | None = None


class Health(NamedTuple):
    """The state of the worker.

    `not_ready`: the reason it is not ready, None when it is; `lag`: number of unread messages, None when unknown;
    `notices`: a sentence on each thing that is wrong with what producers send; `dead`: how many dead letters came
    of its partitions since it took them, by reason, and `last_dead` the newest in each partition, in words; `sources`:
    those of the settings, and all that have reported.
    """

    not_ready: str | None
    lag: int | None
    feeds: list[FeedHealth]
    notices: Sequence[str] = ()
    dead: Mapping[str, int] = MappingProxyType({})
    last_dead: Sequence[str] = ()
    sources: Sequence[SourceHealth] = ()


@dataclass(frozen=True, slots=True)
class WorkerView:
    """Everything that a page can read. Each function returns the present state, quickly, and in the event loop only.

    `outages`, `incidents`: all, with older revisions among them; `rows_of_entity`: where the recent bins of all series
    of an entity are; `histories`: what reads those of the series of each outage, in any thread; `name_of`: name of an
    entity in the metadata, None when it has none, in any thread; `remarks_of`: what operators say of an incident;
    `unread`: why outages and incidents may be missing,
    None when all are there; `elsewhere`: a sentence on which worker has the series of an entity, empty when it is
    this one; `warnings`: why outages and incidents may be old or missing, a phrase each.
    """

    settings: Settings
    outages: Callable[[], Sequence[Outage]]
    incidents: Callable[[], Sequence[Incident]]
    rows_of_entity: Callable[[str], list[EntityRows]]
    histories: Callable[[Sequence[Outage]], list[ReadHistory]]
    name_of: Callable[[str], str | None]
    health: Callable[[], Health]
    status: Callable[[], dict[str, object]]
    remarks_of: Callable[[str], Sequence[Remark]] = lambda incident_id: ()
    unread: Callable[[], str | None] = lambda: None
    elsewhere: Callable[[str], str] = lambda entity: ""
    warnings: Callable[[], Sequence[str]] = tuple
