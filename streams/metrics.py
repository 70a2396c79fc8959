"""Prometheus metrics of a worker, on one registry that is handed in. No label takes a value from a measurement."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

DELAYS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """All metrics; `feeds` and `reasons` are the values that the labels may take."""

    def __init__(self, registry: CollectorRegistry, feeds: tuple[str, ...], reasons: tuple[str, ...]) -> None:
        self.registry = registry
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self.build = Info("ebbtide_build", "Version of this worker.", registry=registry)
        self.received = self._counter("measurements", "Measurements read, bad ones included.")
        self.skipped = self._counter("measurements_skipped", "Messages read again after a restart, already included.")
        self.binned = self._counter("measurements_binned", "Measurements put into bins.", "feed")
        self.late = self._counter("measurements_late", "Measurements of bins that had closed.", "feed")
        self.dead = self._counter("dead_letters", "Measurements rejected, by reason.", "reason")
        self.outages = self._counter("outage_events", "Revisions of outages sent.", "feed")
        self.snapshot_bytes = self._counter("snapshot_bytes", "Bytes of snapshot rows written.")
        self.snapshots = self._counter("snapshots", "Snapshots written.")
        self.series = self._gauge("series", "Series known.", "feed")
        self.ongoing = self._gauge("ongoing_outages", "Outages suspected, open or recovering.", "feed")
        self.newest = self._gauge("last_event_timestamp_seconds", "Newest event time that moved the watermark.", "feed")
        self.silence = self._gauge("feed_silence_seconds", "Time in which the newest event time has not moved.", "feed")
        self.stalled = self._gauge("feed_stalled", "1 when a feed was silent for two bins and its lateness.", "feed")
        self.lag = self._gauge("partition_lag_messages", "Messages not yet taken.", "partition")
        self.ready = self._gauge("ready", "1 when assigned, recovered and caught up.")
        self.batch_seconds = Histogram(
            "ebbtide_batch_seconds", "Time to process a batch.", buckets=DELAYS, registry=registry
        )
        for feed in feeds:
            for by_feed in (self.binned, self.late, self.outages, self.series, self.ongoing):
                by_feed.labels(feed)
        for reason in reasons:
            self.dead.labels(reason)

    def add(self, counted: Mapping[tuple[str, str], int]) -> None:
        """Add what was counted, by the name of a counter here and its label (empty: none)."""
        for (name, label), count in counted.items():
            counter: Counter = getattr(self, name)
            (counter.labels(label) if label else counter).inc(count)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"ebbtide_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"ebbtide_{name}", text, labels, registry=self.registry)
