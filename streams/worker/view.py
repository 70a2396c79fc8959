"""Builds the `WorkerView` that the pages read out of a worker."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from operator import attrgetter

from schemas.incident import Incident
from schemas.outage import Outage
from streams.worker.agents import Worker
from streams.worker.health import STANDBY, not_ready, status
from streams.worker.incident_delays import delay_notices
from streams.worker.input_notices import notices
from streams.worker.peers import elsewhere, peers
from streams.worker.source_reports import source_health
from streams.worker.web.worker_view import FeedHealth, Health, SourceHealth, WorkerView

UNREAD = "the topics of outages and incidents have not been read to their ends yet"


def view_of(worker: Worker, wall: Callable[[], float] = time.time) -> WorkerView:
    """Return the view of a worker. Its functions read the worker each time they are called. `wall`: Unix seconds."""
    return WorkerView(
        settings=worker.settings,
        outages=lambda: _outages(worker),
        incidents=lambda: _incidents(worker),
        remarks_of=worker.topic_events.remarks.of,
        unread=lambda: None if worker.topic_events.is_whole else UNREAD,
        warnings=lambda: warnings(worker),
        elsewhere=lambda entity: elsewhere(worker, entity),
        rows_of_entity=worker.recent_bins.rows_of,
        histories=worker.recent_bins.of_outages,
        name_of=lambda entity: worker.reference.register.names.get(entity),
        health=lambda: health(worker, wall()),
        status=lambda: {
            **status(worker),
            "sources": {found.name: found._asdict() for found in _sources(worker, wall())},
        },
    )


def _outages(worker: Worker) -> list[Outage]:
    """Return the outages of all workers, and those of this worker, which it has sooner."""
    return [*worker.topic_events.outages.values(), *worker.ended.outages, *worker.open_outages()]


def _incidents(worker: Worker) -> list[Incident]:
    return [*worker.topic_events.incidents.values(), *worker.ended.incidents, *worker.open_incidents()]


def warnings(worker: Worker) -> list[str]:
    """Return why outages and incidents may be old or missing, a phrase each: state of the worker, topics and feeds."""
    reason, now = not_ready(worker), worker.clock()
    silence, stalled = worker.liveness.seconds(now), worker.liveness.stalled(now)
    state = [] if reason in (None, STANDBY) else [f"this worker is not ready: {reason}"]
    silent = [
        f"feed {name}: nothing new for {silence[name] // 60:.0f} min" for name, is_due in stalled.items() if is_due
    ]
    return [*state, *worker.topic_events.notices(), *silent]


def _sources(worker: Worker, wall: float) -> list[SourceHealth]:
    return source_health(worker.settings.sources, worker.topic_events.sources.all(), wall)


def health(worker: Worker, wall: float) -> Health:
    """Return the present state of the worker, of each feed and of each source. `wall`: Unix seconds."""
    now, newest = worker.clock(), worker.newest()
    silence, stalled = worker.liveness.seconds(now), worker.liveness.stalled(now)
    shards = [partition.shard for partition in worker.partitions.values()]
    running = Counter(map(attrgetter("feed"), worker.open_outages()))
    feeds = [
        FeedHealth(
            name=name,
            newest=newest.get(name),
            silence=silence.get(name),
            stalled=stalled.get(name, False),
            series=sum(len(shard.feeds[name].index.by_series) for shard in shards),
            outages=running[name],
            judged=sum(scored.judged for shard in shards for feed, _, scored in shard.scored() if feed == name),
            judged_from=min(filter(None, (shard.feeds[name].detector.judged_from for shard in shards)), default=None),
        )
        for name in worker.settings.feeds
    ]
    return Health(
        not_ready(worker),
        _lag(worker),
        feeds,
        [*notices(worker), *_sentences(worker.topic_events.notices()), *delay_notices(worker), *peers(worker)],
        dead=sum((stage.tally.dead for stage in worker.partitions.values()), Counter[str]()),
        last_dead=[
            f"partition {number}, {stage.tally.last_dead}"
            for number, stage in sorted(worker.partitions.items())
            if stage.tally.last_dead
        ],
        sources=_sources(worker, wall),
    )


def _sentences(phrases: Iterable[str]) -> list[str]:
    return [f"{phrase[0].upper()}{phrase[1:]}." for phrase in phrases]


def _lag(worker: Worker) -> int | None:
    """Return the number of unread messages in all partitions, None when it is unknown for any of them."""
    lags = [worker.lag(number) for number in worker.assigned()]
    return None if None in lags else sum(lag for lag in lags if lag is not None)
