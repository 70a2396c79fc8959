"""What the loop does, as metrics."""

from __future__ import annotations

from collections.abc import Mapping

from streams.alerts.delivery_types import Effects, Outcome
from streams.alerts.dispatcher import Desk
from streams.alerts.metrics import AlertMetrics


class Gauges:
    """Brings the metrics up to date, at most once a second."""

    def __init__(self, metrics: AlertMetrics) -> None:
        self._metrics, self._at = metrics, 0.0

    def ready(self, is_ready: bool) -> None:
        """Note whether it is known which partitions are read and what was delivered of them, and a broker is there."""
        self._metrics.ready.set(is_ready)

    def received(self, topic: str) -> None:
        """Count a message."""
        self._metrics.received.labels(topic).inc()

    def rejected(self, topic: str) -> None:
        """Count a message that is none."""
        self._metrics.rejected.labels(topic).inc()

    def count(self, name: str, effects: Effects) -> None:
        """Count what became of revisions."""
        for result in effects.results:
            self._metrics.delivered.labels(name, result).inc()

    def landed(self, name: str, outcome: Outcome, now: float) -> None:
        """Note how a request went."""
        if outcome.result == "delivered":
            self._metrics.success.labels(name).set(now)
        else:
            self._metrics.failures.labels(name, outcome.reason).inc()

    def refresh(self, desk: Desk, lag: Mapping[str, int], now: float) -> None:
        """Read the gauges off the state, unless that was done within a second."""
        if abs(now - self._at) < 1.0:
            return
        self._at, its = now, self._metrics
        for topic, messages in lag.items():
            its.lag.labels(topic).set(messages)
        for name, box in desk.outboxes.items():
            held, oldest = box.held(now), box.oldest(now)
            its.held.labels(name).set(held)
            its.queue.labels(name).set(len(box.waiting) + len(box.flying) - held)
            its.oldest.labels(name).set(0.0 if oldest is None else max(0.0, now - oldest))
            its.open.labels(name).set(len(box.going_on()))
