"""Prometheus metrics of `ebbtide source`. Label values are names from the settings and reasons, a bounded number."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, start_http_server

from streams.sources.stage import SourceTally

REJECTED = ("not-json", "wrong-type", "missing-field", "bad-time", "out-of-range")


class SourceMetrics:
    """All metrics on a registry. `silent_after`: for each source that never ends, the silence (s) that is too long."""

    def __init__(self, registry: CollectorRegistry, names: tuple[str, ...], silent_after: Mapping[str, float]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # as in a worker
        self.registry = registry
        self.up = self._gauge("up", "1 while the source is connected.")
        self.last_data = self._gauge("last_data_timestamp_seconds", "Time of the newest record, or of the start.")
        self.silent_after = self._gauge("silent_after_seconds", "Silence after which a source counts as silent.")
        self.lag = self._gauge("lag_records", "Records in the topic that are not read yet.")
        self.records = self._counter("records", "Records read.")
        self.measurements = self._counter("measurements", "Measurements made.")
        self.left_out = self._counter("left_out", "Objects that `keep` leaves out.")
        self.bad_networks = self._counter("bad_networks", "Networks that are 0, reserved or private.")
        self.rejected = self._counter("rejected", "Objects that fit no mapping.", "reason")
        self.reconnects = self._counter("reconnects", "Connections that broke.")
        self.lost = self._counter("lost_records", "Records that the broker deleted before they were read.")
        self._start(names, silent_after)

    def _start(self, names: tuple[str, ...], silent_after: Mapping[str, float]) -> None:
        """Create every series, so that Prometheus sees its first increase."""
        for name in names:
            for metric in (self.up, self.lag, self.records, self.measurements, self.left_out, self.bad_networks):
                metric.labels(name)
            for counter in (self.reconnects, self.lost):
                counter.labels(name)
            for reason in REJECTED:
                self.rejected.labels(name, reason)
        for name, seconds in silent_after.items():
            self.silent_after.labels(name).set(seconds)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"ebbtide_source_{name}", text, ("source", *labels), registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"ebbtide_source_{name}", text, ("source",), registry=self.registry)

    def serve(self, bind: str, port: int) -> None:
        """Serve the page in a thread until the program ends. Raises OSError when the port is taken."""
        start_http_server(port, bind, self.registry)


class SourceRecorder:
    """Records what one source does."""

    def __init__(self, metrics: SourceMetrics, name: str) -> None:
        self._metrics, self._name, self._before = metrics, name, SourceTally()

    def connected(self, lost: int, now: float) -> None:
        """Record a connection. `lost`: records deleted before they were read. `now`: wall time (s)."""
        self._before = SourceTally()
        self._metrics.up.labels(self._name).set(1)
        self._metrics.lost.labels(self._name).inc(lost)
        self._metrics.last_data.labels(self._name).set(now)

    def disconnected(self) -> None:
        """Record a connection that broke."""
        self._metrics.up.labels(self._name).set(0)
        self._metrics.reconnects.labels(self._name).inc()

    def progress(self, tally: SourceTally, lag: int, now: float) -> None:
        """Record what a source has counted since it was connected, and how many records wait. `now`: wall time (s)."""
        metrics, name, before = self._metrics, self._name, self._before
        if tally.records > before.records:
            metrics.last_data.labels(name).set(now)
        metrics.lag.labels(name).set(lag)
        metrics.records.labels(name).inc(tally.records - before.records)
        metrics.measurements.labels(name).inc(tally.measurements - before.measurements)
        metrics.left_out.labels(name).inc(tally.left_out - before.left_out)
        metrics.bad_networks.labels(name).inc(tally.bad_networks - before.bad_networks)
        for reason, number in tally.rejected.items():
            metrics.rejected.labels(name, reason).inc(number - before.rejected[reason])
        self._before = deepcopy(tally)
