"""The pages of a worker without Kafka, which has read generated measurements, on a loopback address."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import orjson
from aiohttp.web import Application, TCPSite
from prometheus_client import CollectorRegistry

from schemas.incident import Incident
from streams.config.metadata import Register
from streams.config.settings import Duration, FeedSettings, Settings, WebSettings
from streams.pipeline.incidents.grouping import Grouping, expected_reporters
from streams.pipeline.shard import Shard
from streams.state.measurement_stage import MeasurementStage
from streams.worker.agents import Worker
from streams.worker.metrics import Metrics
from streams.worker.view import view_of
from streams.worker.web.access import application_options
from streams.worker.web.limits import LimitedRunner
from streams.worker.web.page_state import newest_revisions
from streams.worker.web.routes import add_view_pages
from streams.worker.web.worker_view import WorkerView
from tests.streams.helpers import records

HOUR = 3600
START = 1_577_145_600  # Tuesday 24 December 2019, midnight
HOURS = 84
DAY = 24
SETTINGS = Settings(
    feeds={
        "reach": FeedSettings(signal="active-probing", kind="ratio", bin=Duration(HOUR), lateness=Duration(0)),
        "traffic": FeedSettings(
            signal="traffic", kind="gauge", bin=Duration(HOUR), lateness=Duration(0), unit="Mbit/s"
        ),
        "atlas": FeedSettings(signal="ripe-atlas", kind="presence", bin=Duration(HOUR), lateness=Duration(0)),
    },
    web=WebSettings(grafana="https://grafana.example/ebbtide"),
)


class Dark(NamedTuple):
    """A network that loses a share of its traffic: the first hour and the number of hours."""

    asn: int
    since: int
    hours: int
    share: float


#: Mobile networks of Iran fall in two steps and stay down; one of Azerbaijan was down and is back.
STORY = (*(Dark(asn, 77, 9, 0.97) for asn in range(1, 7)), *(Dark(asn, 79, 9, 0.7) for asn in range(7, 10)))
STORY = (*STORY, Dark(41, 60, 6, 1.0))


def story(networks: int = 40, darks: Sequence[Dark] = STORY) -> list[bytes]:
    """Return hourly measurements of networks of Iran, the last ten of them of Azerbaijan."""
    by_asn = {dark.asn: dark for dark in darks}
    values: list[bytes] = []
    for hour in range(HOURS):
        for asn in range(1, networks + 11):
            dark = by_asn.get(asn)
            lost = dark.share if dark and dark.since <= hour < dark.since + dark.hours else 0.0
            values += _measured(hour, asn, "IR" if asn <= networks else "AZ", lost)
    return values


def _measured(hour: int, asn: int, country: str, lost: float) -> Iterator[bytes]:
    daily = 1 + 0.3 * math.sin(hour * math.tau / DAY)
    noise = 1 + (hour * 7 + asn * 3) % 11 / 200
    common = {"ts": START + hour * HOUR + asn % 60, "asn": asn, "country": country}
    access = {"access": "mobile"} if asn <= 20 else {}
    yield orjson.dumps({"feed": "traffic", **common, **access, "value": 40 * asn**0.5 * daily * noise * (1 - lost)})
    if asn % 2:
        yield orjson.dumps({"feed": "reach", **common, "value": round(59 * (1 - lost)), "of": 60})


def worker_of(settings: Settings) -> Worker:
    """Return a worker that is assigned nothing and sends nothing."""
    recovery = SimpleNamespace(completed=SimpleNamespace(is_set=lambda: True))
    app = SimpleNamespace(
        consumer=SimpleNamespace(assignment=set),
        rebalancing=False,
        in_recovery=False,
        tables=SimpleNamespace(recovery=recovery),
        assignor=SimpleNamespace(owners=lambda topic: {}),
    )
    metrics = Metrics(CollectorRegistry(), tuple(settings.feeds), ())
    worker = Worker(settings, cast("Any", app), {}, metrics, cast("Any", None), lambda: 100.0, lambda: None)
    worker.topic_events.is_whole = True
    return worker


def read(values: Sequence[bytes], settings: Settings = SETTINGS) -> WorkerView:
    """Return the view of a worker that has read these measurements, with the resulting incidents."""
    worker = worker_of(settings)
    partition = worker.measuring.at(0)
    grouping, incidents = Grouping(settings, Register(), expected_reporters(settings, 1)), dict[str, Incident]()
    partition.shard = _shard(settings, worker)
    for first in range(0, len(values), 1000):
        part = values[first : first + 1000]
        _take(worker, partition, part, grouping, incidents)
    incidents.update({incident.incident_id: incident for incident in grouping.finish()})
    worker.note_time()
    view, by_id = view_of(worker), attrgetter("outage_id")
    return dataclasses.replace(
        view,
        outages=lambda: list(newest_revisions(view.outages(), by_id).values()),
        incidents=lambda: list(incidents.values()),
    )


def _shard(settings: Settings, worker: Worker) -> Shard:
    """Return a shard that sums its own areas, and keep its bins in the worker."""
    shard = Shard(settings)
    shard.report_levels()
    worker.recent_bins.clear()
    for name, feed in shard.feeds.items():
        worker.recent_bins.watch(0, name, feed)
    for name, areas in shard.areas.items():
        for summed in areas.summed.values():
            worker.recent_bins.watch(0, name, summed)
    return shard


def _take(
    worker: Worker,
    partition: MeasurementStage,
    part: Sequence[bytes],
    grouping: Grouping,
    incidents: dict[str, Incident],
) -> None:
    emitted = partition.process(records(part, partition.applied + 1), 0.0)
    assert not emitted.dead_letters
    worker.ended.note(emitted)
    for report in emitted.bin_reports:
        grouping.add(report)
    incidents.update({incident.incident_id: incident for incident in grouping.settle()})


def application(view: WorkerView) -> Application:
    """Return the pages with the access control of a worker."""
    app = Application(**application_options(view.settings.web))
    add_view_pages(app, view)
    return app


@contextmanager
def served(view: WorkerView) -> Iterator[str]:
    """Yield the address of the pages, which another thread serves."""
    loop, ready, port = asyncio.new_event_loop(), threading.Event(), list[int]()

    async def start() -> None:
        runner = LimitedRunner(application(view))
        await runner.setup()
        site = TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port.append(site._server.sockets[0].getsockname()[1])  # type: ignore[union-attr]
        ready.set()

    def serve() -> None:
        loop.run_until_complete(start())
        loop.run_forever()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(30)
    yield f"http://127.0.0.1:{port[0]}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
