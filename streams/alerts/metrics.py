"""Prometheus metrics of `ebbtide alerts`. Label values are names from the settings, so their number is bounded."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, disable_created_metrics

RESULTS = ("delivered", "dead", "moot")
REASONS = ("network", "timeout", "busy", "server-error", "refused", "gone", "redirected", "address")


class AlertMetrics:
    """All metrics on a registry. `receivers` and `topics` are the label values."""

    def __init__(self, registry: CollectorRegistry, receivers: tuple[str, ...], topics: tuple[str, ...]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # as in a worker
        self.registry = registry
        self.build = Info("ebbtide_alerts_build", "Version of this program.", registry=registry)
        self.ready = self._gauge("ready", "1 when it has partitions and their states, and a broker answers.")
        self.received = self._counter("received", "Revisions read.", "topic")
        self.rejected = self._counter("rejected", "Messages that are no incident or outage.", "topic")
        self.lag = self._gauge("lag_messages", "Revisions in the topic that are not settled yet.", "topic")
        self.delivered = self._counter("delivered", "Revisions by result.", "receiver", "result")
        self.failures = self._counter("failures", "Requests that failed, retried or not.", "receiver", "reason")
        self.queue = self._gauge("queue_length", "Revisions that wait, including retries.", "receiver")
        self.snoozed = self._gauge("held", "Revisions that wait for the end of quiet hours only.", "receiver")
        self.silenced = self._gauge("silenced", "Revisions that wait for the end of a silence.", "receiver")
        self.oldest = self._gauge(
            "oldest_pending_seconds", "Age of the oldest revision that waits and is not snoozed.", "receiver"
        )
        self.success = self._gauge("last_success_timestamp_seconds", "Time of the last successful request.", "receiver")
        self.open = self._gauge("open", "Open incidents and outages whose end the receiver must still get.", "receiver")
        self._start(receivers, topics)

    def _start(self, receivers: tuple[str, ...], topics: tuple[str, ...]) -> None:
        """Create every series, so that Prometheus sees its first increase."""
        for topic in topics:
            for by_topic in (self.received, self.rejected):
                by_topic.labels(topic)
        for receiver in receivers:
            for gauge in (self.queue, self.snoozed, self.silenced, self.oldest, self.open):
                gauge.labels(receiver)
            for result in RESULTS:
                self.delivered.labels(receiver, result)
            for reason in REASONS:
                self.failures.labels(receiver, reason)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"ebbtide_alerts_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"ebbtide_alerts_{name}", text, labels, registry=self.registry)
