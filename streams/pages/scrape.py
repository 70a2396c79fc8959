"""The page that Prometheus reads."""

from __future__ import annotations

from math import nan

from aiohttp.web import Response
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from streams.pages.health import not_ready
from streams.worker import Worker


def metrics(worker: Worker) -> Response:
    """Return all metrics of the worker as of now."""
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
