"""A worker with one network of very many facets, all of them dark, and what its event loop does for pages."""

from __future__ import annotations

import asyncio
import sys
import threading
from asyncio.events import Handle
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import msgspec
import numpy as np
from aiohttp.web import Application, TCPSite

from schemas.incident import Scope
from schemas.incident import encode as encode_incident
from streams.config.settings import MetricsSettings
from streams.ingest.series_index import Series
from streams.state.measurement_stage import MeasurementStage
from streams.worker.agents import Worker
from streams.worker.routes import add_pages
from streams.worker.web.access import application_options
from streams.worker.web.limits import LimitedRunner
from tests.benchmarks import scrape
from tests.benchmarks.crowd import Crowd, learn, learnt

ENTITY, FEED, BINS = "asn/1", "signal0", 48
START = 1_577_232_000


def crowded(facets: int) -> Worker:
    """Return a worker that has one network with that many services, an outage of each, and an incident of all."""
    crowd = Crowd(100, signals=1, partitions=1)
    settings = msgspec.structs.replace(learnt(crowd), metrics=MetricsSettings(watch=(ENTITY,)))
    stage = MeasurementStage(settings, 0, {}, 0.0)
    incident = scrape.incident(0, range(facets), scope=Scope(["IR"], [], [1]))
    worker = scrape.worker_of(settings, [stage], [incident])
    worker.recent_bins.watch(0, FEED, stage.shard.feeds[FEED])
    stage.shard.home = None  # what the crowd learns from has no keys
    stage.shard.feeds[FEED].index.extend([_series(number) for number in range(facets)])
    learn(stage, crowd, 30)
    _lay_bins(worker, facets)
    for number in range(facets):
        made = scrape.outage(number, crowd, entity=ENTITY, facets=dict(_series(number).facets), feed=FEED)
        stage.open_outages[made.outage_id] = made
    worker.topic_events.incidents.put(b"0", encode_incident(incident))
    return worker


def _series(number: int) -> Series:
    return Series(ENTITY, (("service", f"service-{number:06d}"),), None, None)


def _lay_bins(worker: Worker, facets: int) -> None:
    """Put bins of all facets into the recent ones."""
    (feed,) = worker.recent_bins._all()
    index = worker.partitions[0].shard.feeds[FEED].index
    index.born[:facets] = START
    levels = np.full((3, len(index)), 7.0, np.float32)
    feed.bins.clear()
    feed.bins.extend((START + 300 * number, levels) for number in range(BINS))


class Loop(NamedTuple):
    """A web server and the work of each callback of its event loop, in lines of Python."""

    url: str
    work: list[int]


@contextmanager
def traced(worker: Worker) -> Iterator[Loop]:
    """Serve all pages of a worker in a thread whose event loop is traced."""
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), Loop("", [0])
    ports: list[int] = []

    async def start() -> None:
        application = Application(**application_options(worker.settings.web))
        add_pages(application, worker)
        runner = LimitedRunner(application)
        await runner.setup()
        site = TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ports.append(site._server.sockets[0].getsockname()[1])  # type: ignore[union-attr]
        ready.set()

    def count(frame: FrameType, event: str, argument: object) -> Any:  # noqa: ANN401
        if event == "call" and frame.f_code is Handle._run.__code__:
            found.work.append(0)
        found.work[-1] += 1
        return count

    def serve() -> None:
        loop.run_until_complete(start())
        sys.settrace(count)
        loop.run_forever()
        sys.settrace(None)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(30)
    yield found._replace(url=f"http://127.0.0.1:{ports[0]}")
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
