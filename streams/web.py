"""Pages of the worker's web server: is it alive, is it ready, its metrics, and its outages as JSON."""

from __future__ import annotations

from math import nan
from typing import Any

import faust
import orjson
from aiohttp.web import Request, Response
from msgspec import to_builtins
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from schemas.outage import Outage
from streams.worker import Worker


def add_pages(app: faust.App, worker: Worker) -> None:
    """Add all pages to the app's web server."""
    pages = {
        "/healthz": lambda: _json({"status": "alive"}),
        "/readyz": lambda: _readiness(worker),
        "/metrics": lambda: _metrics(worker),
        "/api/v1/outages": lambda: _json({"outages": outages(worker)}),
        "/api/v1/status": lambda: _json(status(worker)),
    }
    for path, page in pages.items():
        _add(app, path, page)


def _add(app: faust.App, path: str, page: Any) -> None:  # noqa: ANN401
    async def answer(request: Request) -> Response:
        return page()  # type: ignore[no-any-return]

    app.web.web_app.router.add_get(path, answer)


def _json(body: object, status: int = 200) -> Response:
    return Response(body=orjson.dumps(body), status=status, content_type="application/json")


def not_ready(worker: Worker) -> str | None:
    """Return why the worker is not ready: not assigned, not recovered, or not caught up; None when it is."""
    app = worker.app
    if app.rebalancing or app.in_recovery or not app.tables.recovery.completed.is_set():
        return "recovering"
    numbers = worker.assigned()
    lags = {number: worker.lag(number) for number in numbers}
    behind = [number for number, lag in lags.items() if lag is None or lag > worker.settings.worker.max_records]
    return f"partitions {behind} are behind" if behind else None


def _readiness(worker: Worker) -> Response:
    reason = not_ready(worker)
    return _json({"ready": reason is None, "reason": reason}, 200 if reason is None else 503)


def outages(worker: Worker) -> list[dict[str, Any]]:
    """Return what is going on and the newest of what has ended, newest first."""
    known: list[Outage] = [o for _, p in sorted(worker.partitions.items()) for o in p.running.values()]
    known += worker.ended
    known.sort(key=lambda outage: (outage.updated_at, outage.outage_id), reverse=True)
    return [to_builtins(outage) for outage in known]


def status(worker: Worker) -> dict[str, Any]:
    """Return the counts and positions of each partition here."""
    return {"ready": not_ready(worker) is None, "partitions": {str(n): _one(p) for n, p in worker.partitions.items()}}


def _one(partition: Any) -> dict[str, Any]:  # noqa: ANN401
    counts = partition.shard.counts.values()
    tally = partition.tally
    return {
        "applied": partition.applied,
        "received": tally.received,
        "skipped": tally.skipped,
        "binned": sum(count.binned for count in counts),
        "late": sum(count.late for count in counts),
        "dead": dict(tally.dead),
        "held": partition.shard.held(),
        "outages": sum(count.outages for count in counts),
        "newest": partition.shard.newest(),
    }


def _metrics(worker: Worker) -> Response:
    refresh(worker)
    return Response(body=generate_latest(worker.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def refresh(worker: Worker) -> None:
    """Bring the gauges up to date: they are read off the state when somebody asks."""
    metrics, partitions = worker.metrics, worker.partitions.values()
    metrics.ready.set(not_ready(worker) is None)
    metrics.lag.clear()
    for number in worker.assigned():
        lag = worker.lag(number)
        metrics.lag.labels(str(number)).set(nan if lag is None else lag)
    now = worker.clock()
    for feed, seconds in worker.silence.seconds(now).items():
        metrics.silence.labels(feed).set(seconds)
        metrics.stalled.labels(feed).set(worker.silence.stalled(now)[feed])
    for feed, newest in worker.newest().items():
        metrics.newest.labels(feed).set(newest)
    for feed in worker.settings.feeds:
        metrics.series.labels(feed).set(sum(len(p.shard.feeds[feed].index) for p in partitions))
        metrics.ongoing.labels(feed).set(sum(o.feed == feed for p in partitions for o in p.running.values()))
