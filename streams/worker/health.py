"""Readiness of the worker, and the counts and positions of its partitions."""

from __future__ import annotations

from typing import Any

from aiohttp.web import Response

from streams.broker.transport import OpenTransaction
from streams.state.area_stage import AreaStage
from streams.worker.agents import Worker
from streams.worker.peers import is_standby
from streams.worker.web.responses import as_json

TRANSACTION_PATIENCE = 300.0  # seconds; a producer's transaction usually ends within one minute
STANDBY = "standby: other workers have all partitions"


def not_ready(worker: Worker) -> str | None:
    """Return why the worker is not ready, None when it is.

    No broker answers, it recovers, has no partition, lags behind, waits for the end of a producer's transaction, or has
    not read the outages and incidents of all workers yet.
    """
    app, events = worker.app, worker.topic_events
    if events.trouble is not None:
        return events.trouble
    if app.rebalancing or app.in_recovery or not app.tables.recovery.completed.is_set():
        return "recovering"
    if refusals := worker.guard.reasons():
        return f"refused: {'; '.join(refusals)}"
    if not events.is_whole:
        return "reading outages and incidents"
    numbers = worker.assigned()
    if not numbers:
        return STANDBY if is_standby(worker) else "no partition is assigned to this worker"
    behind = [number for number in numbers if _is_behind(worker, number)]
    if behind:
        return f"partitions {behind} are behind"
    stuck = [number for number, _ in long_transactions(worker)]
    return f"partitions {stuck} wait for a producer that has not ended its transaction" if stuck else None


def _is_behind(worker: Worker, number: int) -> bool:
    """Return whether many messages of a partition could be read and are not."""
    lag, waiting = worker.lag(number), worker.open_transaction(number)
    return lag is None or lag - (waiting.messages if waiting else 0) > worker.settings.worker.max_records


def long_transactions(worker: Worker) -> list[tuple[int, OpenTransaction]]:
    """Return the partitions that have waited for the end of a transaction for `TRANSACTION_PATIENCE`."""
    found = [(number, worker.open_transaction(number)) for number in worker.assigned()]
    return [(number, waiting) for number, waiting in found if waiting and waiting.seconds >= TRANSACTION_PATIENCE]


def readiness(worker: Worker, is_standby_fine: bool = False) -> Response:
    """Return the response of `/readyz`: status 200 when the worker is ready, else 503 with the reason.

    A worker on standby is not ready, and has status 200 all the same when `is_standby_fine`.
    """
    reason = not_ready(worker)
    fine = reason is None or (is_standby_fine and reason == STANDBY)
    return as_json({"ready": reason is None, "reason": reason}, 200 if fine else 503)


def status(worker: Worker) -> dict[str, Any]:
    """Return the counts and positions of each partition in this worker."""
    return {
        "ready": not_ready(worker) is None,
        "partitions": {str(n): _partition(p) for n, p in worker.partitions.items()},
        "areas": {str(n): _areas(stage) for n, stage in worker.summing.stages.items()},
    }


def _partition(partition: Any) -> dict[str, Any]:  # noqa: ANN401
    counts = partition.shard.counts.values()
    tally = partition.tally
    return {
        "applied": partition.applied,
        "received": tally.received,
        "skipped": tally.skipped,
        "binned": sum(count.binned for count in counts),
        "late": sum(count.late for count in counts),
        "dead": dict(tally.dead),
        "held": partition.shard.pending(),
        "outages": sum(count.outages for count in counts),
        "newest": partition.shard.newest(),
    }


def _areas(stage: AreaStage) -> dict[str, Any]:
    return {
        "applied": stage.applied,
        "series": sum(stage.series(feed) for feed in stage.settings.feeds),
        "outages": len(stage.open_outages),
        "closed": {f"{site.feed}/{site.name}": site.areas.closed for site in stage.sites.values()},
        "waiting": {f"{site.feed}/{site.name}": len(site.gathering.waiting) for site in stage.sites.values()},
    }
