"""Prometheus metrics of `ebbtide source`. Label values are names from the settings and reasons, a bounded number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from types import MappingProxyType

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, start_http_server

from streams.sources.link import REASONS
from streams.sources.route_table import EVENTS
from streams.sources.stage import SourceStage, SourceTally

REJECTED = ("not-json", "not-protobuf", "not-bgp", "wrong-type", "missing-field", "bad-time", "out-of-range")
_OF_RECORDS = ("records", "measurements", "left_out", "bad_networks", "unknown", "duplicates", "gap_seconds")
TALLIED = (*_OF_RECORDS, "zeros", "unmeasured", "exporter_gap_seconds")


class SourceMetrics:
    """All metrics on a registry. `feeds`: the feed of each source.

    `silent_after`: for each source that never ends, the silence (s) that is too long. `least_peers`: for each source
    of routes, how many peers must count.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        feeds: Mapping[str, str],
        silent_after: Mapping[str, float],
        least_peers: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # as in a worker
        self.registry = registry
        self.up = self._gauge("up", "1 while the source is connected.", "feed")
        self.last_data = self._gauge("last_data_timestamp_seconds", "Time of the newest record, or of the start.")
        self.silent_after = self._gauge(
            "silent_after_seconds", "Silence after which a source counts as silent.", "feed"
        )
        self.event_time = self._gauge("event_timestamp_seconds", "Newest event time.")
        self.lag = self._gauge("lag_records", "Records in the topic that are not read yet.")
        self.records = self._counter("records", "Records read.")
        self.measurements = self._counter("measurements", "Measurements made.")
        self.left_out = self._counter("left_out", "Objects that `keep` leaves out.")
        self.bad_networks = self._counter("bad_networks", "Networks that are 0, reserved or private.")
        self.rejected = self._counter("rejected", "Objects that fit no mapping.", "reason")
        self.unknown = self._counter("unknown", "Values that the service does not know.")
        self.duplicates = self._counter("duplicates", "Records that came again.")
        self.gap_seconds = self._counter("gap_seconds", "Seconds in which nothing can be known.")
        self.exporters = self._gauge("exporters", "Exporters that the source knows.")
        self.silent_exporters = self._gauge("silent_exporters", "Exporters that did not measure the newest bin whole.")
        self.zeros = self._counter("zeros", "Measurements of 0: healthy exporters report nothing of a network.")
        self.unmeasured = self._counter("unmeasured", "Networks and bins whose exporters are silent.")
        self.exporter_gap_seconds = self._counter("exporter_gap_seconds", "Silence of all exporters together.")
        self.reconnects = self._counter("reconnects", "Connections that broke.", "reason")
        self.routes = self._counter("routes", "Routes that peers announce and withdraw, or that are left out.", "event")
        self.peers = self._gauge("peers", "Peers whose routes counted at the end of the newest bin.")
        self.least_peers = self._gauge("least_peers", "Peers that must count; with fewer all networks are unknown.")
        self.of_routes = frozenset(least_peers)
        self.lost = self._counter("lost_records", "Records that the broker deleted before they were read.")
        self._start(feeds, silent_after)
        for name, number in least_peers.items():
            self.peers.labels(name)
            self.least_peers.labels(name).set(number)

    def _start(self, feeds: Mapping[str, str], silent_after: Mapping[str, float]) -> None:
        """Create every series, so that Prometheus sees its first increase."""
        gauges = (self.lag, self.exporters, self.silent_exporters)
        for name, feed in feeds.items():
            self.up.labels(name, feed)
            for metric in (*gauges, self.lost, *(counter for counter, _ in self.tallied())):
                metric.labels(name)
            for reason in REASONS:
                self.reconnects.labels(name, reason)
            for reason in REJECTED:
                self.rejected.labels(name, reason)
            for event in EVENTS:
                self.routes.labels(name, event)
        for name, seconds in silent_after.items():
            self.silent_after.labels(name, feeds[name]).set(seconds)

    def tallied(self) -> Iterator[tuple[Counter, str]]:
        """Yield the counters that show a field of `SourceTally` of the same name, each with that name."""
        for field in TALLIED:
            yield getattr(self, field), field

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"ebbtide_source_{name}", text, ("source", *labels), registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"ebbtide_source_{name}", text, ("source", *labels), registry=self.registry)

    def serve(self, bind: str, port: int) -> None:
        """Serve the page in a thread until the program ends. Raises OSError when the port is taken."""
        start_http_server(port, bind, self.registry)


class SourceRecorder:
    """Records what one source of a feed does."""

    def __init__(self, metrics: SourceMetrics, name: str, feed: str) -> None:
        self._metrics, self._name, self._before = metrics, name, SourceTally()
        self._up = metrics.up.labels(name, feed)

    def connected(self, lost: int, now: float) -> None:
        """Record a connection. `lost`: records deleted before they were read. `now`: wall time (s)."""
        self._before = SourceTally()
        self._up.set(1)
        self._metrics.lost.labels(self._name).inc(lost)
        self._metrics.last_data.labels(self._name).set(now)

    def disconnected(self, reason: str) -> None:
        """Record a connection that broke."""
        self._up.set(0)
        self._metrics.reconnects.labels(self._name, reason).inc()

    def progress(self, stage: SourceStage, lag: int, now: float) -> bool:
        """Record what a source has counted since it was connected, and how many records wait; return whether any came.

        `now`: wall time (s).
        """
        metrics, name, before, tally = self._metrics, self._name, self._before, stage.tally
        has_data = tally.records > before.records or tally.routes != before.routes
        if has_data:
            metrics.last_data.labels(name).set(now)
        if stage.newest is not None:
            metrics.event_time.labels(name).set(stage.newest)
        metrics.lag.labels(name).set(lag)
        if name in metrics.of_routes:
            metrics.peers.labels(name).set(tally.peers)
        for counter, field in metrics.tallied():
            counter.labels(name).inc(getattr(tally, field) - getattr(before, field))
        if (coverage := stage.gather.coverage) is not None:
            metrics.exporters.labels(name).set(len(coverage.exporters))
            metrics.silent_exporters.labels(name).set(len(coverage.silent))
        for reason, number in tally.rejected.items():
            metrics.rejected.labels(name, reason).inc(number - before.rejected[reason])
        for event, number in tally.routes.items():
            metrics.routes.labels(name, event).inc(number - before.routes[event])
        self._before = deepcopy(tally)
        return has_data
