"""The names of all metrics that our programs export, as Prometheus stores them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from streams.alerts.metrics import AlertMetrics
from streams.config.settings import MetricsSettings
from streams.sources.metrics import SourceMetrics
from tests.streams.worker.exposition.made import WATCHED, full


def exported() -> set[str]:
    """Return the names of the samples of a worker with something in all lists, of alerts, and of sources."""
    worker = {
        sample.name for family in full(MetricsSettings(watch=WATCHED)).families().values() for sample in family.samples
    }
    others = {sample.name for family in other_programs().collect() for sample in family.samples}
    return worker | others


def other_programs() -> CollectorRegistry:
    """Return the metrics of alerts, and of a source that has read something."""
    registry = CollectorRegistry()
    AlertMetrics(registry, ("newsroom",), ("incidents",))
    sources = SourceMetrics(registry, {"flows": "traffic"}, {"flows": 60.0}, {"flows": 3})
    for seen in (sources.last_data, sources.event_time):  # unknown, so absent, until something has come
        seen.labels("flows")
    return registry
