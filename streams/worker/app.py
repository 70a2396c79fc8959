"""Assembles the Faust app of a worker: its settings, agents, timers and pages."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import faust
from msgspec import DecodeError
from prometheus_client import CollectorRegistry

from schemas.clock import decode_clock
from schemas.rejections import REASONS, one_line
from streams.broker.faust_group import Assignor
from streams.broker.faust_tables import EagerTableManager
from streams.broker.faust_web import use_runner
from streams.broker.security import credentials
from streams.broker.snapshot_table import SnapshotTable
from streams.broker.topics import MAX_MESSAGE, TABLE
from streams.broker.transport import batch_topic
from streams.config.reference_data import ReferenceData
from streams.config.settings import Settings
from streams.state.snapshot_store import is_head
from streams.worker.agents import Worker
from streams.worker.exposition.state_metrics import StateMetrics
from streams.worker.metrics import Metrics
from streams.worker.publisher import Publisher
from streams.worker.routes import add_pages
from streams.worker.start_lines import StartLine
from streams.worker.watchdog import Watchdog
from streams.worker.web.access import application_options
from streams.worker.web.limits import LimitedRunner

TICK = 1.0  # seconds between two looks at what is due
FINDINGS = 200  # most bin reports in a batch: pieces with levels are large
PARTIALS = 100  # most area sums in a batch: each may be large
log = logging.getLogger(__name__)


def build(settings: Settings, partitions: int, data_dir: str, reference: ReferenceData | None = None) -> faust.App:
    """Return the app of a worker for topics with that many partitions: `app.ebbtide` is its Worker.

    Its `app.watchdog` is to be started when it runs.
    """
    app = _app(settings, partitions, data_dir)
    table = app.Table(TABLE, partitions=partitions, key_type=bytes, value_type=bytes)  # raw bytes, no serializer
    table.is_head = is_head
    metrics = Metrics(CollectorRegistry(), tuple(settings.feeds), tuple(REASONS))
    app.watchdog = Watchdog(float(settings.kafka.session_timeout) / 2)
    publisher = Publisher(app, settings, app.watchdog.check)
    worker = Worker(settings, app, table, metrics, publisher, time.monotonic, app.watchdog.check, reference)
    app.ebbtide, app.log_guard = worker, worker.guard
    metrics.state = StateMetrics(settings, worker.scored_stages, worker.open_incidents, worker.incidents_of_all)
    _add_agents(app, worker)
    _add_signals(app, worker, table)
    add_pages(app.web.web_app, worker)
    use_runner(app, LimitedRunner(app.web.web_app, closed=metrics.connection_closed))
    return app


def _app(settings: Settings, partitions: int, data_dir: str) -> faust.App:
    kafka = settings.kafka
    return faust.App(
        kafka.app_id,
        env_prefix="EBBTIDE_FAUST",  # ignores WEB_PORT, BROKER_URL and the like in the environment
        broker=[f"batchkafka://{server}" for server in kafka.bootstrap_servers],
        broker_credentials=credentials(kafka),
        store="memory://",
        datadir=data_dir,
        topic_partitions=partitions,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,  # unacknowledged batches would block every rebalance
        agent_supervisor="mode.CrashingSupervisor",  # a batch that cannot be handled must not be skipped
        consumer_group_instance_id=kafka.instance,  # a restart under the same name need not wait for the old session
        broker_session_timeout=float(kafka.session_timeout),
        broker_heartbeat_interval=float(kafka.session_timeout) / 4,
        producer_max_request_size=MAX_MESSAGE,
        TableManager=EagerTableManager,
        Table=SnapshotTable,
        PartitionAssignor=Assignor,
        canonical_url=settings.web.address,  # by which workers name each other
        web_bind=settings.web.bind,
        web_host=settings.web.bind,
        web_port=settings.web.port,
        web_tables_enabled=False,
        web_router_enabled=False,
        web_application_options=application_options(settings.web),
        autodiscover=False,
    )


def _add_agents(app: faust.App, worker: Worker) -> None:
    kafka = worker.settings.kafka
    measurements = batch_topic(app, kafka.measurements, max_records=worker.settings.worker.max_records)
    findings = batch_topic(app, kafka.findings, max_records=FINDINGS)
    clock = app.topic(kafka.clock, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes)

    @app.agent(measurements, name="measure")  # type: ignore[untyped-decorator]
    async def _measure(stream: Any) -> None:  # noqa: ANN401
        await worker.measuring.run(stream)

    @app.agent(findings, name="group")  # type: ignore[untyped-decorator]
    async def _group(stream: Any) -> None:  # noqa: ANN401
        await worker.grouping.run(stream)

    partials = batch_topic(app, kafka.partials, max_records=PARTIALS)

    @app.agent(partials, name="sum")  # type: ignore[untyped-decorator]
    async def _sum(stream: Any) -> None:  # noqa: ANN401
        await worker.summing.run(stream)

    @app.agent(clock, name="hear")  # type: ignore[untyped-decorator]
    async def _hear(stream: Any) -> None:  # noqa: ANN401
        await _run_clock(worker, stream)

    started = StartLine(worker)

    @app.timer(TICK, name="tick")  # type: ignore[untyped-decorator]
    async def _tick() -> None:
        if not app.rebalancing and not app.in_recovery:
            await worker.tick()
            started.look()


def _add_signals(app: faust.App, worker: Worker, table: Any) -> None:  # noqa: ANN401
    lost_at, recovered = worker.clock(), asyncio.Event()

    @app.on_partitions_revoked.connect(weak=False)  # type: ignore[untyped-decorator]
    async def _revoked(app: faust.App, revoked: set[Any], **_: Any) -> None:  # noqa: ANN401
        nonlocal lost_at
        lost_at = worker.clock()
        worker.release()

    @table.on_recover  # type: ignore[untyped-decorator]
    async def _recovered(*_: Any) -> None:  # noqa: ANN401
        worker.release()
        recovered.set()

    @app.task  # type: ignore[untyped-decorator]
    async def _load() -> None:
        while not app.should_stop:
            await app.wait_for_stopped(recovered)  # Faust hides errors in callbacks
            recovered.clear()
            worker.load()
            worker.metrics.recovery.set(worker.clock() - lost_at)


async def _run_clock(worker: Worker, stream: Any) -> None:  # noqa: ANN401
    """Pass the messages of the clock topic to the worker."""
    async for event in stream.events():
        try:
            clock = decode_clock(event.value)
        except (DecodeError, TypeError) as error:
            at, reason = f"partition {event.message.partition}, offset {event.message.offset}", one_line(str(error))
            log.warning("topic %s, %s: not a clock message: %s", worker.settings.kafka.clock, at, reason)
            continue
        await worker.on_clock(clock, event.message.partition)
