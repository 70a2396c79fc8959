"""Prometheus metrics of a worker. No label here takes a value from a measurement.

`streams.worker.exposition` adds outages, incidents and the watch list, which it reads from the state at each scrape.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from schemas.incident import Incident
from schemas.outage import Outage
from schemas.times import parse_time
from streams.pipeline.emitted import Emitted
from streams.worker.exposition.state_metrics import StateMetrics

DELAYS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
CLOSED = ("crowd", "head", "send")
WAITS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)


class Metrics:
    """All metrics, on the given registry. `feeds`, `reasons`: values of labels; `wall`: clock in Unix seconds.

    `state`: what the metrics page adds from the state at each scrape.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        feeds: tuple[str, ...],
        reasons: tuple[str, ...],
        wall: Callable[[], float] = time.time,
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series for each counter and histogram, which nobody reads
        self.registry, self.wall = registry, wall
        self.state: StateMetrics | None = None
        self._pipeline()
        self._state()
        flow = (self.binned, self.late, self.misplaced, self.outages, self.delay)
        now = (self.series, self.judged, self.ongoing, self.open_bins, self.areas_left_out)
        areas = (
            self.setbacks,
            self.findings_late,
            self.feed_unawaited,
            self.partials_late,
            self.area_series,
            self.area_bins_waiting,
        )
        for by_feed in (*flow, *now, *areas, self.faults, self.suspected_faults):
            for feed in feeds:
                by_feed.labels(feed)
        for reason in reasons:
            self.dead.labels(reason)

    def _pipeline(self) -> None:
        """Add the metrics of throughput."""
        registry = self.registry
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        Info("ebbtide_build", "Version of this worker.", registry=registry).info({"version": version("ebbtide")})
        self.received = self._counter("measurements", "Measurements read, bad ones included.")
        self.skipped = self._counter("measurements_skipped", "Messages read again that the state included.")
        self.binned = self._counter("measurements_binned", "Measurements put into bins.", "feed")
        self.late = self._counter("measurements_late", "Measurements of bins that had closed.", "feed")
        self.setbacks = self._counter(
            "feed_setbacks", "Times that a feed's time went back, as it was ahead of receipt for long.", "feed"
        )
        self.misplaced = self._counter(
            "measurements_misplaced", "Measurements of entities whose key belongs to another partition.", "feed"
        )
        self.partials_late = self._counter("partials_late", "Parts of areas of bins that had closed.", "feed")
        self.findings_late = self._counter("findings_late", "Findings that incidents had gone on without.", "feed")
        self.dead = self._counter("dead_letters", "Measurements rejected, by reason.", "reason")
        self.outages = self._counter("outage_events", "Revisions of outages sent.", "feed")
        self.incidents = self._counter("incident_events", "Revisions of incidents sent.")
        self.faults = self._counter("feed_faults", "Faults of a feed.", "feed")
        self.delay = self._histogram("bin_to_event_seconds", "From a bin's end to the outage sent.", WAITS, "feed")
        self.batch_seconds = self._histogram("batch_seconds", "Time to process a batch.", DELAYS)
        self.snapshot_bytes = self._counter("snapshot_bytes", "Bytes of snapshot rows written.")
        self.lost = self._counter("lost_messages", "Messages that the broker deleted before they were read.")
        self.events_unreadable = self._counter(
            "events_unreadable", "Records of the topics of outages and incidents that are neither."
        )
        self.snapshots = self._counter("snapshots", "Snapshots written.")
        self.connections_closed = self._counter(
            "web_connections_closed", "Connections to the pages that the worker closed, by reason.", "reason"
        )
        for reason in CLOSED:
            self.connections_closed.labels(reason)

    def _state(self) -> None:
        """Add the gauges of the present state."""
        self.series = self._gauge("series", "Series in the state.", "feed")
        self.judged = self._gauge(
            "series_judged", "Series that the newest closed bin compared with what was expected of them.", "feed"
        )
        self.area_series = self._gauge("area_series", "Areas summed in this worker.", "feed")
        self.area_bins_waiting = self._gauge("area_bins_waiting", "Bins of areas that wait for a partition.", "feed")
        self.limit_used = self._gauge(
            "limit_used_ratio", "Share of a limit in use, in the partition that uses most.", "feed", "limit"
        )
        self.areas_left_out = self._gauge("areas_left_out", "Areas that are not watched: there are too many.", "feed")
        self.open_bins = self._gauge("open_bins", "Bins that have not closed.", "feed")
        self.pending = self._gauge("measurements_held", "Measurements far ahead in time that wait for confirmation.")
        self.ongoing = self._gauge("ongoing_outages", "Outages suspected, open or recovering.", "feed")
        self.newest = self._gauge("last_event_timestamp_seconds", "Newest event time that moved the watermark.", "feed")
        self.silence = self._gauge("feed_silence_seconds", "Time in which the newest event time has not moved.", "feed")
        self.stalled = self._gauge("feed_stalled", "1 when a feed was silent for two bins and its lateness.", "feed")
        self.fault = self._gauge(
            "feed_fault", "1 while most series of a feed, of all partitions, fall at once.", "feed"
        )
        self.metadata = self._gauge("metadata_entities", "Networks and regions that the metadata names or weighs.")
        self.broken = self._gauge("metadata_broken", "1 while the metadata file cannot be read.")
        self.findings_waiting = self._gauge("findings_waiting", "Event times whose findings wait for reporters.")
        self.incidents_delay = self._gauge(
            "incidents_delay_seconds",
            "Event time by which others are ahead of what incidents wait for.",
            "feed",
            "partition",
        )
        self.feed_unawaited = self._gauge(
            "feed_unawaited_partitions", "Partitions in which a silent feed is not waited for.", "feed"
        )
        self.suspected_faults = self._gauge(
            "held_outages", "Outages held back: incidents have them as a fault of the feed.", "feed"
        )
        self.lag = self._gauge("partition_lag_messages", "Messages not read yet.", "partition")
        self.transaction = self._gauge(
            "transaction_open_seconds",
            "Time for which an open transaction has held messages back.",
            "partition",
        )
        self.refused = self._gauge("refusals", "Partitions that are refused: state and log do not fit.")
        self.ready = self._gauge("ready", "1 when assigned, recovered and caught up.")
        self.standby = self._gauge("standby", "1 when other workers have all partitions.")
        self.recovery = self._gauge("recovery_seconds", "Duration of the last recovery of the state, from its loss.")
        self.recovery.set(nan)

    def connection_closed(self, reason: str) -> None:
        """Count a connection that the web server closed: see `streams.worker.web.limits`."""
        self.connections_closed.labels(reason).inc()

    def add(self, counted: Mapping[tuple[str, str], int]) -> None:
        """Add counts. Each key is the name of a counter attribute and its label, empty when it has no label."""
        for (name, label), count in counted.items():
            counter: Counter = getattr(self, name)
            (counter.labels(label) if label else counter).inc(count)

    def note(self, emitted: Emitted) -> None:
        """Count the outages and incidents that were published."""
        for outage in emitted.outages:
            self.outage_sent(outage)
        for incident in emitted.incidents:
            self.incident_sent(incident)

    def outage_sent(self, outage: Outage) -> None:
        """Count a revision, and observe the time since the end of the bin that caused it."""
        self.outages.labels(outage.feed).inc()
        since = max(0.0, self.wall() - parse_time(outage.updated_at))
        self.delay.labels(outage.feed).observe(since, {"outage_id": outage.outage_id})

    def incident_sent(self, incident: Incident) -> None:
        """Count a revision. The first revision of a feed fault also counts as a fault of its feeds."""
        self.incidents.inc()
        if "feed-fault" in incident.kinds and incident.revision == 1:
            for feed in incident.feeds:
                self.faults.labels(feed).inc()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"ebbtide_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"ebbtide_{name}", text, labels, buckets=buckets, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"ebbtide_{name}", text, labels, registry=self.registry)
