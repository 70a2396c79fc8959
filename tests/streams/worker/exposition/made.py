"""A worker whose lists are all longer than their limits, for the tests of the metrics page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as _read

from schemas.bin_report import BinReport
from streams.config.settings import MetricsSettings, Settings
from streams.ingest.series_index import Series
from streams.pipeline.findings import SHARD
from streams.state.incident_stage import IncidentStage
from streams.state.measurement_stage import MeasurementStage
from streams.worker.agents import Worker
from tests.benchmarks import scrape
from tests.benchmarks.crowd import Crowd, learn, learnt
from tests.benchmarks.messages import FIRST_ASN

WATCHED = (f"asn/{FIRST_ASN}", f"asn/{FIRST_ASN + 4}", "asn/99", "country/KZ")


class Full(NamedTuple):
    """A worker and what it was made of."""

    settings: Settings
    crowd: Crowd
    worker: Worker

    def families(self) -> dict[str, Metric]:
        """Return what the page says, by name, read as OpenMetrics."""
        page = scrape.page(self.worker).decode()
        return {family.name: family for family in _read(page)}  # type: ignore[no-untyped-call]


def full(limits: MetricsSettings, asns: int = 250, countries: int = 125, strangers: int = 0) -> Full:
    """Return a worker with two partitions, four signals, outages and incidents; `strangers`: series never measured."""
    crowd = Crowd(asns, signals=4, partitions=2, countries=countries)
    settings = msgspec.structs.replace(learnt(crowd), metrics=limits)
    partitions = [MeasurementStage(settings, number, {}, 0.0) for number in range(crowd.partitions)]
    for partition in partitions:
        learn(partition, crowd, 30)
        for feed in partition.shard.feeds.values():
            feed.index.extend(list(_strangers(crowd, partition.number, strangers)))
    scrape.storm(partitions, crowd, 1000)
    incidents = [scrape.incident(number, range(number, 1000, 100)) for number in range(100)]
    worker = scrape.worker_of(settings, partitions, incidents)
    worker.grouping.stages[0] = _waiting(settings, crowd.partitions)
    worker.liveness.note(dict.fromkeys(settings.feeds, 1.0), 0.0)
    for name in settings.feeds:
        worker.metrics.outage_sent(scrape.outage(1, crowd, feed=name))
    return Full(settings, crowd, worker)


def _waiting(settings: Settings, partitions: int) -> IncidentStage:
    """Return incidents that wait for all feeds in all partitions but one."""
    kafka = msgspec.structs.replace(settings.kafka, partitions=partitions)
    stage = IncidentStage(msgspec.structs.replace(settings, kafka=kafka), 0, {}, 0.0)
    for number in range(partitions):
        for place, (feed, rules) in enumerate(settings.feeds.items()):
            end = int(rules.bin) * (9 if number == place == 0 else 1)
            stage.grouping.add(BinReport(reporter=SHARD.format(number), feed=feed, end=end))
    stage.grouping.settle()
    return stage


def _strangers(crowd: Crowd, partition: int, count: int) -> Iterator[Series | None]:
    for number in range(count):
        asn = 1_000_000 + 2 * number + partition
        yield Series(f"asn/{asn}", (), crowd.country(asn).decode(), None)
