"""The metrics page, which Prometheus scrapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from math import nan
from typing import NamedTuple, cast

from aiohttp.web import Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

from streams.worker.agents import Worker
from streams.worker.exposition.state_metrics import ScrapedState
from streams.worker.health import STANDBY, not_ready
from streams.worker.incident_delays import delays, partition_of
from streams.worker.metrics import Metrics
from streams.worker.publisher import FINDINGS
from streams.worker.web.aside import scraped


async def metrics_page(worker: Worker, accept: str) -> Response:
    """Return all metrics: OpenMetrics with exemplars when `accept` asks for it, else Prometheus text."""
    return await scraped(written, worker.metrics, read(worker), accept)


def read(worker: Worker) -> ScrapedState:
    """Return the present state for `written`, after its numbers were set. It is quick."""
    assert worker.metrics.state is not None
    refresh(worker)
    silent = {feed for feed, is_silent in worker.liveness.stalled(worker.clock()).items() if is_silent}
    return worker.metrics.state.read(silent)


def refresh(worker: Worker) -> None:
    """Set the gauges from the present state, but those of outages."""
    worker.metrics.refused.set(len(worker.guard.reasons()))
    reason = not_ready(worker)
    worker.metrics.ready.set(reason is None)
    worker.metrics.standby.set(reason == STANDBY)
    _refresh_lag(worker)
    _refresh_time(worker)
    _refresh_feeds(worker)
    _refresh_incidents(worker)


def written(metrics: Metrics, reading: ScrapedState, accept: str) -> Response:
    """Return the page of all metrics, in any thread."""
    _count_outages(metrics, reading)
    assert metrics.state is not None
    encode, content_type = choose_encoder(accept)
    page = _Page(metrics.registry, metrics.state.families(reading))
    return Response(body=encode(cast("CollectorRegistry", page)), headers={"Content-Type": content_type})


class _Page(NamedTuple):
    """What an encoder collects: the counters and gauges of a registry, and what was read of the state."""

    registry: CollectorRegistry
    state: Iterable[Metric]

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        return chain(self.registry.collect(), self.state)


def _count_outages(metrics: Metrics, reading: ScrapedState) -> None:
    ongoing = Counter(outage.feed for outage in reading.outages)
    suspected_faults = Counter(outage.feed for outage in reading.in_faults())
    for name in reading.feeds:
        metrics.ongoing.labels(name).set(ongoing[name])
        metrics.suspected_faults.labels(name).set(suspected_faults[name])


def _refresh_lag(worker: Worker) -> None:
    gauge, transaction = worker.metrics.lag, worker.metrics.transaction
    gauge.clear()
    transaction.clear()
    for number in worker.assigned():
        lag, waiting = worker.lag(number), worker.open_transaction(number)
        gauge.labels(str(number)).set(nan if lag is None else lag)
        transaction.labels(str(number)).set(waiting.seconds if waiting else 0)


def _refresh_time(worker: Worker) -> None:
    metrics, now = worker.metrics, worker.clock()
    for feed, seconds in worker.liveness.seconds(now).items():
        metrics.silence.labels(feed).set(seconds)
        metrics.stalled.labels(feed).set(worker.liveness.stalled(now)[feed])
    for feed, newest in worker.newest().items():
        metrics.newest.labels(feed).set(newest)


def _refresh_feeds(worker: Worker) -> None:
    metrics, partitions = worker.metrics, worker.partitions.values()
    stages = worker.summing.stages.values()
    metrics.pending.set(sum(partition.shard.pending() for partition in partitions))
    for name in worker.settings.feeds:
        feeds = [partition.shard.feeds[name] for partition in partitions]
        metrics.series.labels(name).set(sum(len(feed.index.by_series) for feed in feeds))
        metrics.judged.labels(name).set(sum(feed.detector.judged for feed in feeds))
        metrics.open_bins.labels(name).set(len({start for feed in feeds for start in feed.bins.bins}))
        metrics.area_series.labels(name).set(sum(stage.series(name) for stage in stages))
        metrics.area_bins_waiting.labels(name).set(max((stage.waiting(name) for stage in stages), default=0))
        metrics.areas_left_out.labels(name).set(sum(stage.left_out(name) for stage in stages))
        for limit, share in limits_used(worker, name).items():
            metrics.limit_used.labels(name, limit).set(share)


def limits_used(worker: Worker, feed: str) -> dict[str, float]:
    """Return the share of each limit that a feed uses here, in the partition that uses most."""
    found = dict.fromkeys(("series", "services", "members", "areas"), 0.0)
    stages = [{"areas": stage.used(feed)} for stage in worker.summing.stages.values()]
    for shares in (*stages, *(stage.shard.feeds[feed].room.used() for stage in worker.partitions.values())):
        found |= {limit: max(found[limit], share) for limit, share in shares.items()}
    return found


def _refresh_incidents(worker: Worker) -> None:
    metrics, groupings = worker.metrics, [stage.grouping for stage in worker.grouping.stages.values()]
    metrics.findings_waiting.set(sum(len(grouping.waiting) for grouping in groupings))
    metrics.incidents_delay.clear()
    for delay in delays(worker):
        metrics.incidents_delay.labels(delay.feed or "all", partition_of(delay.shard)).set(delay.seconds)
    judge = worker.grouping.stages.get(FINDINGS)
    if judge is None or worker.grouping.is_refused(judge):
        metrics.fault.clear()  # a worker without the incidents, or with old ones, does not know it
        judge = None
    stopped = [grouping.watermarks.stopped() for grouping in groupings]
    for name in worker.settings.feeds:
        metrics.feed_unawaited.labels(name).set(sum(len(shards.get(name, ())) for shards in stopped))
        if judge is not None:
            metrics.fault.labels(name).set(name in judge.at_fault)
