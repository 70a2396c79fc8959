"""`python -m tests.benchmarks.scrape`: how long the metrics page of a big worker takes in a storm, without Kafka.

The worker holds its partitions, its lists are full: more outages and incidents go on, in more places, than are shown.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from faust.types import TP
from prometheus_client import CollectorRegistry

from schemas.incident import Confidence, Incident, Scope
from schemas.outage import Drop, Outage
from schemas.rejections import REASONS
from streams.config.settings import MetricsSettings as Limits
from streams.config.settings import Settings
from streams.state.measurement_stage import MeasurementStage
from streams.worker.agents import Worker
from streams.worker.exposition.state_metrics import StateMetrics
from streams.worker.metrics import Metrics
from streams.worker.scrape import read, written
from tests.benchmarks.crowd import Crowd, learn, learnt
from tests.benchmarks.messages import FIRST_ASN

HOURS = 30
STARTED = "2019-12-25T06:05:00Z"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
RUNS = 15


def outage(number: int, crowd: Crowd, **fields: Any) -> Outage:  # noqa: ANN401
    """Return the outage with this number."""
    asn = FIRST_ASN + number
    made = Outage(
        outage_id=f"{number:016x}", revision=1, state="open", entity=f"asn/{asn}", country=crowd.country(asn).decode(),
        facets={"access": "mobile"}, feed=f"signal{number % crowd.signals}", signal=f"signal{number % crowd.signals}",
        started_at=STARTED, started_between=(STARTED, STARTED), detected_at=STARTED, updated_at=STARTED, value=1,
        expected=11.0, drop=0.9, max_drop=0.9, severity="total", shape="sudden", drops=[], evidence=37.2, explain={},
    )  # fmt: skip
    return msgspec.structs.replace(made, **fields)


def incident(number: int, outages: Iterable[int], **fields: Any) -> Incident:  # noqa: ANN401
    """Return the incident with this number, of the outages with these."""
    made = Incident(
        incident_id=f"{number:016x}", revision=1, state="ongoing", kinds=["total"], severity="total",
        scope=Scope(["IR"], [], [FIRST_ASN + outage for outage in outages]), affected_share=0.4, services=[],
        headline="The Internet is down in Iran.", started_at=STARTED, detected_at=STARTED, updated_at=STARTED,
        drops=[Drop(STARTED, 0.9)], spread=[], feeds=["signal0"], outage_ids=[f"{outage:016x}" for outage in outages],
        confidence=Confidence(seen_by=["signal0"], against=[], silent=[], evidence=112.0),
    )  # fmt: skip
    return msgspec.structs.replace(made, **fields)


def worker_of(settings: Settings, partitions: Sequence[MeasurementStage], incidents: list[Incident]) -> Worker:
    """Return a worker that holds these, and is connected to nothing."""
    mine = {TP(settings.kafka.measurements, partition.number) for partition in partitions}
    recovery = SimpleNamespace(completed=SimpleNamespace(is_set=lambda: True))
    app = SimpleNamespace(
        consumer=SimpleNamespace(assignment=lambda: mine, lag=lambda *_: 0, open_transaction=lambda *_: None),
        rebalancing=False,
        in_recovery=False,
        tables=SimpleNamespace(recovery=recovery),
        assignor=SimpleNamespace(owners=lambda topic: {}),
    )
    metrics = Metrics(CollectorRegistry(), tuple(settings.feeds), tuple(REASONS))
    worker = Worker(settings, cast("Any", app), {}, metrics, cast("Any", None), lambda: 0.0, lambda: None)
    worker.topic_events.is_whole = True
    worker.partitions = {partition.number: partition for partition in partitions}
    metrics.state = StateMetrics(settings, lambda: partitions, lambda: incidents, lambda: incidents)
    return worker


def storm(partitions: Sequence[MeasurementStage], crowd: Crowd, outages: int) -> None:
    """Have so many outages go on."""
    for number in range(outages):
        made = outage(number, crowd, entity=f"asn/{FIRST_ASN + number % crowd.asns}", facets={})
        partitions[number % len(partitions)].open_outages[made.outage_id] = made


def page(worker: Worker, accept: str = OPENMETRICS) -> bytes:
    """Return the metrics page."""
    body = written(worker.metrics, read(worker), accept).body
    assert isinstance(body, bytes)
    return body


def main(argv: Sequence[str] | None = None) -> int:
    """Run it and print the size of the page and the time that it took."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scrape", description=__doc__)
    parser.add_argument("--asns", type=int, default=80_000, help="networks, each seen by five signals")
    parser.add_argument("--outages", type=int, default=20_000, help="outages that go on")
    arguments = parser.parse_args(argv)
    crowd = Crowd(arguments.asns, countries=250)
    for watch in (False, True):
        _measure(crowd, arguments.outages, tuple(f"asn/{asn}" for asn in crowd.home(0)[:20]) if watch else ())
    return 0


def _measure(crowd: Crowd, outages: int, watch: tuple[str, ...]) -> None:
    settings = msgspec.structs.replace(learnt(crowd), metrics=Limits(watch=watch))
    partitions = [MeasurementStage(settings, number, {}, 0.0) for number in range(crowd.partitions)]
    for partition in partitions:
        learn(partition, crowd, HOURS)
    storm(partitions, crowd, outages)
    worker = worker_of(settings, partitions, [incident(number, range(number, outages, 100)) for number in range(100)])
    took, busy, size = [], [], page(worker)
    for _ in range(RUNS):
        began, before = time.perf_counter(), time.process_time()
        page(worker)
        took.append(1000 * (time.perf_counter() - began))
        busy.append(1000 * (time.process_time() - before))
    sys.stdout.write(
        f"{crowd.series:,} series, {outages:,} outages, {len(watch)} entities watched: {size.count(10):,} lines, "
        f"{len(size) / 1e6:.2f} MB, median {statistics.median(took):.0f} ms, {min(took):.0f} to {max(took):.0f} ms, "
        f"of the processor {statistics.median(busy):.0f} ms\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
