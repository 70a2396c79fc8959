"""Builds the `WorkerView` that the pages read out of a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from schemas.incident import Incident
from schemas.outage import Outage
from streams.worker.agents import Worker
from streams.worker.health import not_ready, status
from streams.worker.incident_delays import delay_notices
from streams.worker.input_notices import notices
from streams.worker.peers import elsewhere, peers
from streams.worker.web.worker_view import FeedHealth, Health, WorkerView

E = TypeVar("E", Outage, Incident)
UNREAD = "the topics of outages and incidents have not been read to their ends yet"


def view_of(worker: Worker) -> WorkerView:
    """Return the view of a worker. Its functions read the worker each time they are called."""
    return WorkerView(
        settings=worker.settings,
        outages=lambda: newest_revisions(_outages(worker)),
        incidents=lambda: newest_incidents(_incidents(worker)),
        unread=lambda: None if worker.topic_events.is_whole else UNREAD,
        elsewhere=lambda entity: elsewhere(worker, entity),
        history_of_entity=worker.recent_bins.of_entity,
        history_of_outage=worker.recent_bins.of_outage,
        name_of=lambda entity: worker.reference.register.names.get(entity),
        health=lambda: health(worker),
        status=lambda: status(worker),
    )


def _outages(worker: Worker) -> list[Outage]:
    """Return the outages of all workers, and those of this worker, which it has sooner."""
    return [*worker.topic_events.outages.values(), *worker.ended.outages, *worker.open_outages()]


def _incidents(worker: Worker) -> list[Incident]:
    return [*worker.topic_events.incidents.values(), *worker.ended.incidents, *worker.open_incidents()]


def newest_revisions(outages: Iterable[Outage]) -> list[Outage]:
    """Return the newest revision of each outage. After a crash a worker may have sent a revision twice."""
    return _newest(outages, lambda outage: outage.outage_id)


def newest_incidents(incidents: Iterable[Incident]) -> list[Incident]:
    """Return the newest revision of each incident."""
    return _newest(incidents, lambda incident: incident.incident_id)


def _newest(items: Iterable[E], id_of: Callable[[E], str]) -> list[E]:
    newest: dict[str, E] = {}
    for item in items:
        previous = newest.get(id_of(item))
        if previous is None or previous.revision <= item.revision:
            newest[id_of(item)] = item
    return list(newest.values())


def health(worker: Worker) -> Health:
    """Return the present state of the worker and of each feed."""
    now, newest = worker.clock(), worker.newest()
    silence, stalled = worker.liveness.seconds(now), worker.liveness.stalled(now)
    shards = [partition.shard for partition in worker.partitions.values()]
    running = [outage.feed for outage in worker.open_outages()]
    feeds = [
        FeedHealth(
            name=name,
            newest=newest.get(name),
            silence=silence.get(name),
            stalled=stalled.get(name, False),
            series=sum(len(shard.feeds[name].index.by_series) for shard in shards),
            outages=running.count(name),
            judged=sum(scored.judged for shard in shards for feed, _, scored in shard.scored() if feed == name),
        )
        for name in worker.settings.feeds
    ]
    return Health(not_ready(worker), _lag(worker), feeds, [*notices(worker), *delay_notices(worker), *peers(worker)])


def _lag(worker: Worker) -> int | None:
    """Return the number of unread messages in all partitions, None when it is unknown for any of them."""
    lags = [worker.lag(number) for number in worker.assigned()]
    return None if None in lags else sum(lag for lag in lags if lag is not None)
