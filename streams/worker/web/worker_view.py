"""What the pages know: looks at a worker as it is now, so that pages can be made and tried without one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from schemas.incident import Incident
from schemas.outage import Outage
from streams.config.settings import Settings
from streams.worker.agents import Worker
from streams.worker.health import not_ready, status
from streams.worker.web.recent_bins import Strip


class FeedHealth(NamedTuple):
    """How a feed does here. `newest`: event time (Unix seconds); `silence`: seconds in which it has not moved; both
    None when it was never heard.
    """

    name: str
    newest: float | None
    silence: float | None
    stalled: bool
    series: int
    outages: int


class Health(NamedTuple):
    """How the worker does. `not_ready`: why it is not; `lag`: messages not taken yet, None when that is not known."""

    not_ready: str | None
    lag: int | None
    feeds: list[FeedHealth]


@dataclass(frozen=True, slots=True)
class Known:
    """All that pages may ask for. `strips`: of an entity; `strip`: of an outage.

    `name_of`: what an entity is called, None where nobody said.
    """

    settings: Settings
    outages: Callable[[], list[Outage]]
    incidents: Callable[[], list[Incident]]
    strips: Callable[[str], list[Strip]]
    strip: Callable[[Outage], Strip | None]
    name_of: Callable[[str], str | None]
    health: Callable[[], Health]
    status: Callable[[], dict[str, object]]


def known_of(worker: Worker) -> Known:
    """Return what a worker knows."""
    return Known(
        settings=worker.settings,
        outages=lambda: newest_revisions([*worker.ended, *worker.running()]),
        incidents=worker.incidents,
        strips=worker.album.strips,
        strip=worker.album.of_outage,
        name_of=lambda entity: worker.known.register.names.get(entity),
        health=lambda: health(worker),
        status=lambda: status(worker),
    )


def newest_revisions(outages: Iterable[Outage]) -> list[Outage]:
    """Return the newest revision of each outage: what was sent before a crash may be sent again after it."""
    newest: dict[str, Outage] = {}
    for outage in outages:
        old = newest.get(outage.outage_id)
        if old is None or old.revision <= outage.revision:
            newest[outage.outage_id] = outage
    return list(newest.values())


def health(worker: Worker) -> Health:
    """Return how the worker and its feeds do now."""
    now, newest = worker.clock(), worker.newest()
    silence, stalled = worker.liveness.seconds(now), worker.liveness.stalled(now)
    shards = [partition.shard for partition in worker.partitions.values()]
    running = [outage.feed for outage in worker.running()]
    feeds = [
        FeedHealth(
            name=name,
            newest=newest.get(name),
            silence=silence.get(name),
            stalled=stalled.get(name, False),
            series=sum(len(shard.feeds[name].index.by_series) for shard in shards),
            outages=running.count(name),
        )
        for name in worker.settings.feeds
    ]
    return Health(not_ready(worker), _lag(worker), feeds)


def _lag(worker: Worker) -> int | None:
    lags = [worker.lag(number) for number in worker.assigned()]
    return None if None in lags else sum(lag for lag in lags if lag is not None)
