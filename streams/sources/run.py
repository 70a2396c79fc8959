"""Runs sources: connects, reads, gathers, sends, and connects again, until a signal or the end of the input."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any, NamedTuple

import msgspec
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from schemas.source_report import SourceReport
from streams.broker import topics
from streams.broker.async_clients import consuming, transacting
from streams.config.akvorado_source import AkvoradoSource
from streams.config.errors import BrokerError, StateError, UsageError
from streams.config.network_sources import NetworkSource
from streams.config.ports import demand_port
from streams.config.route_sources import MrtSource
from streams.config.settings import Settings
from streams.config.sources import FilesSource, KafkaSource, WatchedSource
from streams.sources.akvorado import SchemaWatch, schema_of, unread
from streams.sources.backoff import Backoff
from streams.sources.decoders import ROUTES, decoder_of
from streams.sources.enrichment import enrichment_of
from streams.sources.kafka_reader import KafkaReader, kafka_of, naming_brokers
from streams.sources.lines import RouteSources, file_chunks, file_input, route_bins_of, source_named, stage_of
from streams.sources.link import ConnectionLostError, linked
from streams.sources.metrics import SourceMetrics, SourceRecorder
from streams.sources.network import network_reader
from streams.sources.ports import SourcePorts
from streams.sources.positions import SavedSource, read_saved
from streams.sources.protobuf_decoder import MessageFormat, whole
from streams.sources.records import Arrival, Decoder, RecordChunk, RejectedRecord
from streams.sources.route_bins import RouteBins
from streams.sources.senders import DeadRecord, KafkaSender, PrintingSender, RefusedError, Sender, SourceBatch
from streams.sources.stage import Due, SourceStage
from streams.sources.until import Until

LOG = logging.getLogger("ebbtide.source")
RENEW = 60.0  # seconds after which tables are looked at again
MOST_DEAD = 500  # records that wait for the next transaction


class Connected(NamedTuple):
    """A source that is connected: what reads, decides and sends. `topic`: of its records, or `file`.

    `begins`: where each part begins. `reported`: what the source says of itself. `routes`: of a source of routes, what
    it remembers.
    """

    stage: SourceStage
    arrivals: AsyncIterator[Arrival]
    sender: Sender
    topic: str
    lag: Callable[[], int] = lambda: 0
    begins: Mapping[str, int] = {}
    reported: Callable[[], SourceReport | None] = lambda: None
    routes: RouteBins | None = None


async def transfer(
    connected: Connected, until: Until | None, report: Callable[[Connected], object] = lambda _: None
) -> None:
    """Send what a source reads, until its end. `report` is called after each arrival."""
    stage, waiting = connected.stage, list[DeadRecord]()
    is_new = stage.gather.begin(connected.begins)
    async for arrival in connected.arrivals:
        if is_new:  # killed before its first measurements, the source begins at the same records again
            await _send(connected, Due(0, []), [], None)
        is_new = False
        for chunk in arrival.chunks:
            waiting += _dead(connected, chunk, stage.process(chunk))
        due = stage.due(arrival.idle)
        if due.measurements or len(waiting) >= MOST_DEAD or (waiting and not arrival.chunks):
            await _send(connected, due, waiting, until)
            waiting = []
        report(connected)
        if until and until.is_reached(due.limit):
            return
    await _send(connected, stage.rest(), waiting, until)
    report(connected)


async def _send(connected: Connected, due: Due, dead: list[DeadRecord], until: Until | None) -> None:
    measurements = until.cut(due.measurements) if until else due.measurements
    gather, routes = connected.stage.gather, connected.routes
    saved = gather.coverage.rows() if gather.coverage else routes.rows() if routes else {}
    batch = SourceBatch(measurements, dead, gather.send(due.limit), saved, connected.reported())
    await connected.sender.send(batch)


def _dead(connected: Connected, chunk: RecordChunk, rejected: Iterable[RejectedRecord]) -> list[DeadRecord]:
    """Return the rejected records of a chunk that were not sent before the start."""
    done = connected.stage.gather.clock(chunk.part).position.done
    found = [(chunk.records[at], reason, detail) for at, reason, detail in rejected]
    return [
        DeadRecord(
            connected.topic,
            chunk.part.removeprefix(f"{connected.topic}/"),
            record.offset,
            record.value or b"",
            reason,
            detail,
        )
        for record, reason, detail in found
        if record.offset >= done
    ]


class SourceRun:
    """The run of one source by its name. `is_dry`: print, and read and write no positions."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        is_dry: bool,
        until: Until | None,
        ports: SourcePorts,
        metrics: SourceMetrics,
        printing: PrintingSender | None = None,
    ) -> None:
        self._settings, self.name, self._is_dry, self._until = settings, name, is_dry, until
        self._source, self._printing = source_named(settings, name), printing or PrintingSender()
        self._ports, self._recorder = ports, SourceRecorder(metrics, name, self._source.feed)
        self._began = self._renewed_at = ports.now()
        self._enrichment = enrichment_of(settings, name)
        self._routes = route_bins_of(settings, name)
        self._data_from, self._data_to = 0.0, 0.0  # times of the first and the last data of a connection
        self.stages: list[SourceStage] = []

    async def run(self) -> None:
        """Run until the end of the input. Raises an EbbtideError when to connect again would not help."""
        if self._source.terms:
            LOG.warning("source %s: %s", self.name, self._source.terms)
        backoff = Backoff(self._ports.rng)
        while True:
            self._data_from = self._data_to = self._ports.now()
            LOG.debug("source %s: connecting", self.name, extra={"fields": {"source": self.name}})
            try:
                await self._once()
                return
            except RefusedError:
                raise
            except (BrokerError, ConnectionLostError) as error:
                if not self.stages:
                    raise  # at the first attempt the settings may be wrong
                await self._pause(error, backoff)

    async def _pause(self, error: BrokerError | ConnectionLostError, backoff: Backoff) -> None:
        reason, asked = (error.reason, error.retry_after) if isinstance(error, ConnectionLostError) else ("broker", 0.0)
        self._recorder.disconnected(reason)
        wait = max(asked, backoff.next(self._data_to - self._data_from))
        extra = {"fields": {"source": self.name, "reason": reason}}
        LOG.warning("source %s: %s; connecting again in %.1f s", self.name, error, wait, extra=extra)
        await self._ports.sleep(wait)

    async def _once(self) -> None:
        async with AsyncExitStack() as stack:
            sender, saved = await self._sender(stack)
            connected = await self._connected(stack, sender, saved)
            stage, since = connected.stage, self._ports.now()
            connected = connected._replace(reported=lambda: self._reported(stage, since))
            await transfer(connected, self._until, self._report)

    def _reported(self, stage: SourceStage, since: float) -> SourceReport:
        """Return what the source says of itself to workers."""
        width, found = stage.gather.rule.width, self._source
        gaps = (gap for clock in stage.gather.clocks.values() for gap in clock.gaps)
        return SourceReport(
            feed=found.feed,
            reported_at=self._ports.now(),
            since=since,
            newest=stage.newest,
            patience=float(found.silent_after) + 2 * width if isinstance(found, WatchedSource) else None,
            records=stage.tally.records,
            rejected=sum(stage.tally.rejected.values()),
            gap=max(gaps, default=None),
        )

    def _report(self, connected: Connected) -> None:
        now = self._ports.now()
        if self._recorder.progress(connected.stage, connected.lag(), now):
            self._data_to = now
        if now - self._renewed_at >= RENEW:
            self._renewed_at = now
            for line in self._enrichment.renewed():
                LOG.warning("source %s: %s", self.name, line)
        if (coverage := connected.stage.gather.coverage) is not None:
            for notice in coverage.taken_notices():
                LOG.warning("source %s: %s", self.name, notice)

    def _is_connected(self, stage: SourceStage, lost: int = 0) -> None:
        self.stages.append(stage)
        self._recorder.connected(lost, self._ports.now())

    async def _sender(self, stack: AsyncExitStack) -> tuple[Sender, SavedSource]:
        if self._is_dry:
            return self._printing, self._printing.saved
        kafka = self._settings.kafka
        partitions = (await asyncio.to_thread(topics.demand, kafka, topics.sourcing(kafka)))[kafka.measurements]
        producer = await stack.enter_async_context(transacting(kafka, f"{kafka.app_id}-source-{self.name}"))
        saved = await asyncio.to_thread(read_saved, kafka, self.name)  # when no other can write any more
        return KafkaSender(kafka, self.name, producer, partitions), saved

    async def _connected(self, stack: AsyncExitStack, sender: Sender, saved: SavedSource) -> Connected:
        if isinstance(self._source, FilesSource | MrtSource):
            return self._files(self._source, sender, saved)
        if isinstance(self._source, NetworkSource):
            return await self._network(stack, self._source, sender, saved)
        if not isinstance(self._source, KafkaSource):
            raise UsageError(f"sources.{self.name}: no reader for this type")
        if isinstance(self._source, AkvoradoSource):
            return await self._akvorado(stack, self._source, sender, saved)
        decoder = decoder_of(self.name, self._source, self._source.format, self._enrichment)
        return await self._topic(stack, self._source, decoder, sender, saved)

    def _files(self, source: FilesSource | MrtSource, sender: Sender, saved: SavedSource) -> Connected:
        found = file_input(source, self.name, enrichment=self._enrichment)
        stage = stage_of(self._settings, self.name, found.decoder, saved)
        self._is_connected(stage)
        routes = self._remembering(saved)
        chunks = file_chunks(self._settings, self.name, found, self._ports.now(), saved.positions, routes)
        return Connected(stage, _arriving(chunks), sender, "file", routes=self._routes)

    async def _akvorado(
        self, stack: AsyncExitStack, source: AkvoradoSource, sender: Sender, saved: SavedSource
    ) -> Connected:
        """Read the topic of the schema that is served now."""
        schema = await asyncio.to_thread(schema_of, source)
        whole_name = schema.source(source)
        for topic in unread(source.topic, schema.hash, saved.positions):
            LOG.warning(
                "source %s: reads topic %s; what is unread in %s stays unread", self.name, whole_name.topic, topic
            )
        messages = MessageFormat(schema.message, whole)
        decoder = decoder_of(self.name, source, source.format, self._enrichment, messages)
        return await self._topic(
            stack, whole_name, decoder, sender, saved, SchemaWatch(source, self.name, schema, self._ports).arrivals
        )

    async def _topic(
        self,
        stack: AsyncExitStack,
        source: KafkaSource,
        decoder: Decoder,
        sender: Sender,
        saved: SavedSource,
        arrivals: Callable[[KafkaReader], AsyncIterator[Arrival]] = KafkaReader.arrivals,
    ) -> Connected:
        stage = stage_of(self._settings, self.name, decoder, saved)
        kafka = kafka_of(self._settings.kafka, source)
        with naming_brokers(source, self.name):
            partitions = await asyncio.to_thread(topics.partitions_of, kafka, source.topic)
            consumer = await stack.enter_async_context(consuming(kafka))
        idle_after = float(self._settings.worker.idle_after)
        reader = KafkaReader(consumer, source, self.name, idle_after, self._ports.now)
        begins = await reader.start(partitions, saved.positions)
        for part in begins:
            stage.gather.clock(part)
        self._is_connected(stage, reader.lost)
        return Connected(stage, arrivals(reader), sender, source.topic, reader.lag, begins)

    async def _network(
        self, stack: AsyncExitStack, source: NetworkSource, sender: Sender, saved: SavedSource
    ) -> Connected:
        form = "json" if self._routes is None else ROUTES
        stage = stage_of(self._settings, self.name, decoder_of(self.name, source, form, self._enrichment), saved)
        link = await stack.enter_async_context(linked(source, self.name, self._ports, self._began))
        reader = network_reader(source, link, saved.positions, self._remembering(saved))
        arrivals = self._noting(reader.arrivals(), stage)
        tag = str(source.__struct_config__.tag)
        return Connected(stage, arrivals, sender, tag, begins=reader.begins, routes=self._routes)

    def _remembering(self, saved: SavedSource) -> RouteBins | None:
        """Return what outlives connections of a source of routes, with what is saved of it. Raises StateError."""
        if self._routes is not None:
            try:
                self._routes.remember(saved.coverage)
            except msgspec.DecodeError as error:
                topic = self._settings.kafka.sources_state
                raise StateError(f"topic {topic}, source {self.name}: no memory of routes: {error}") from None
        return self._routes

    async def _noting(self, arrivals: AsyncIterator[Arrival], stage: SourceStage) -> AsyncIterator[Arrival]:
        """Yield what arrives. The first arrival shows that the source is connected."""
        is_first = True
        async with aclosing(arrivals):  # type: ignore[type-var]
            async for arrival in arrivals:
                if is_first:
                    self._is_connected(stage)
                is_first = False
                yield arrival


async def _arriving(chunks: Iterable[RecordChunk]) -> AsyncIterator[Arrival]:
    for chunk in chunks:
        yield Arrival([chunk])
        await asyncio.sleep(0)


def run_sources(settings: Settings, names: Sequence[str], is_dry: bool, until: Until | None) -> list[SourceStage]:
    """Run sources side by side until all have ended, or a signal stops them; return their stages.

    Raises the first EbbtideError. A dry run serves no metrics.
    """
    bind, port = settings.source_metrics.bind, settings.source_metrics.port
    sources = {name: source_named(settings, name) for name in names}
    silent_after = {n: float(found.silent_after) for n, found in sources.items() if isinstance(found, WatchedSource)}
    peers = {n: found.routes.least_peers for n, found in sources.items() if isinstance(found, RouteSources)}
    metrics = SourceMetrics(CollectorRegistry(), {n: found.feed for n, found in sources.items()}, silent_after, peers)
    if port and not is_dry:
        demand_port(bind, port, "source_metrics.bind, source_metrics.port")
        metrics.serve(bind, port)
    runs = [SourceRun(settings, name, is_dry, until, SourcePorts(), metrics) for name in names]
    asyncio.run(_run_all(runs))
    return [stage for run in runs for stage in run.stages]


def _report_unless_kafka(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report what nobody has awaited; errors of aiokafka's own futures are raised by its methods, too."""
    if not isinstance(context.get("exception"), KafkaError):
        loop.default_exception_handler(context)


async def _run_all(runs: Sequence[SourceRun]) -> None:
    tasks = [asyncio.create_task(run.run()) for run in runs]
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_report_unless_kafka)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: [task.cancel() for task in tasks])
    try:
        await asyncio.gather(*tasks)
    except asyncio.CancelledError:
        LOG.info("stopped")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
