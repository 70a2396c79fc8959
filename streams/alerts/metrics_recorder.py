"""Records what the service does as metrics."""

from __future__ import annotations

from collections.abc import Mapping

from streams.alerts.delivery_types import Effects, Outcome
from streams.alerts.dispatcher import Dispatcher
from streams.alerts.metrics import AlertMetrics


class MetricsRecorder:
    """Updates the metrics: counters at once, gauges at most once a second."""

    def __init__(self, metrics: AlertMetrics) -> None:
        self._metrics, self._refreshed_at = metrics, 0.0

    def set_ready(self, is_ready: bool) -> None:
        """Set whether partitions and their states are there and a broker answers."""
        self._metrics.ready.set(is_ready)

    def count_received(self, topic: str) -> None:
        """Count a record."""
        self._metrics.received.labels(topic).inc()

    def count_rejected(self, topic: str) -> None:
        """Count a record that is no incident or outage."""
        self._metrics.rejected.labels(topic).inc()

    def count_results(self, receiver: str, effects: Effects) -> None:
        """Count the results of revisions."""
        for result in effects.results:
            self._metrics.delivered.labels(receiver, result).inc()

    def record_outcome(self, receiver: str, outcome: Outcome, now: float) -> None:
        """Record the outcome of a request. `now` is in Unix seconds."""
        if outcome.result == "delivered":
            self._metrics.success.labels(receiver).set(now)
        else:
            self._metrics.failures.labels(receiver, outcome.reason).inc()

    def refresh(self, dispatcher: Dispatcher, lag: Mapping[str, int], now: float) -> None:
        """Set the gauges from the queues, unless they were set within a second."""
        if abs(now - self._refreshed_at) < 1.0:
            return
        self._refreshed_at, metrics = now, self._metrics
        for topic, messages in lag.items():
            metrics.lag.labels(topic).set(messages)
        for name, queue in dispatcher.queues.items():
            snoozed, silenced, oldest = queue.snoozed(now), queue.silenced(now), queue.oldest(now)
            metrics.snoozed.labels(name).set(snoozed - silenced)
            metrics.silenced.labels(name).set(silenced)
            metrics.queue.labels(name).set(len(queue.waiting) + len(queue.in_flight) - snoozed)
            metrics.oldest.labels(name).set(0.0 if oldest is None else max(0.0, now - oldest))
            metrics.open.labels(name).set(len(queue.states.open_states()))
