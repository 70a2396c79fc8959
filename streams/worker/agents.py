"""The Faust agents and timers around partitions: Faust carries messages and keeps state, it decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from typing import Any

import faust
from faust.exceptions import ConsumerNotStarted
from faust.types import TP
from msgspec import DecodeError

from schemas.clock import Clock, decode_clock
from schemas.incident import OVER, Incident
from schemas.outage import RUNNING, Outage
from schemas.rejections import one_line
from streams.broker.transport import RecordBatch, lag
from streams.config.errors import InputError
from streams.config.reference_data import ReferenceData
from streams.config.settings import Settings
from streams.pipeline.findings import SHARD, finding_of, pieces_of, silence
from streams.pipeline.shard import Closed, outages_of
from streams.state.area_stage import AreaStage
from streams.state.incident_stage import IncidentStage
from streams.state.measurement_stage import MeasurementStage
from streams.worker.clock_announcer import ClockAnnouncer
from streams.worker.feed_liveness import FeedLiveness
from streams.worker.metrics import Metrics
from streams.worker.publisher import Publisher
from streams.worker.stage_runner import Services, StageRunner
from streams.worker.web.recent_bins import RecentBins

LAST_SAVE_SECONDS = 5.0
log = logging.getLogger(__name__)


class Worker:
    """The partitions assigned to this process. `clock` is steady wall time in seconds; `demand_pulse` ends the process
    when they may be another's.
    """

    def __init__(
        self,
        settings: Settings,
        app: faust.App,
        table: MutableMapping[bytes, bytes],
        metrics: Metrics,
        sender: Publisher,
        clock: Callable[[], float],
        demand_pulse: Callable[[], None],
        reference: ReferenceData | None = None,
    ) -> None:
        self.settings, self.app, self.table = settings, app, table
        self.metrics, self.sender, self.clock = metrics, sender, clock
        self.reference = reference or ReferenceData()
        means = Services(metrics, sender, clock, demand_pulse)
        self.measuring = StageRunner(means, self._partition, self._measured)
        self.summing = StageRunner(means, self._area_stage, self._summed)
        self.grouping = StageRunner(means, self._incident_stage, self._found)
        self.runners: list[StageRunner[Any]] = [self.measuring, self.summing, self.grouping]
        self.partitions: dict[int, MeasurementStage] = self.measuring.stages
        self.ended: deque[Outage] = deque(maxlen=settings.web.recent)
        self.over: deque[Incident] = deque(maxlen=settings.web.recent)
        self.recent_bins = RecentBins(settings.web.history, settings.web.history_mb * 1_000_000)
        self._announcers = {feed: ClockAnnouncer(settings.time_rule(feed)) for feed in settings.feeds}
        self.liveness = FeedLiveness({feed: settings.stalled_after(feed) for feed in settings.feeds})

    def _partition(self, number: int, now: float) -> MeasurementStage:
        partition = MeasurementStage(self.settings, number, self.table, now, self.reference)
        for name, feed in partition.shard.feeds.items():
            self.recent_bins.watch(number, name, feed)
        return partition

    def _area_stage(self, number: int, now: float) -> AreaStage:
        stage = AreaStage(self.settings, number, self.table, now, self.reference)
        for site in stage.sites.values():
            self.recent_bins.watch(number, site.feed, site.summed)
        return stage

    def held(self) -> list[MeasurementStage | AreaStage]:
        """Return what has series here: partitions of the measurements, and those of the areas summed from them."""
        return [*self.partitions.values(), *self.summing.stages.values()]

    def running(self) -> Iterator[Outage]:
        """Yield the newest revisions of all outages that go on, those of areas among them."""
        return (outage for one in self.held() for outage in one.running.values())

    def _incident_stage(self, number: int, now: float) -> IncidentStage:
        return IncidentStage(self.settings, number, self.table, now, self.reference)

    def let_go(self) -> None:
        """Forget all state: what is assigned next comes out of the snapshots, and what they lack is read again."""
        self.recent_bins.clear()
        for runner in self.runners:
            runner.let_go()

    async def _measured(self, partition: MeasurementStage, batch: RecordBatch) -> None:
        """Have a run of measurements taken, and send what came of it."""
        with self.metrics.batch_seconds.time():
            before = partition.totals()
            run = batch.run
            taken = partition.take(run.values, run.keys, run.offsets, run.timestamps / 1000.0, self.clock())
            batch.release()
            self.metrics.add(partition.totals() - before)
        await self.sender.dead(partition.name, batch.tp, taken.dead)
        await self._publish(partition, taken.closed)
        await self._tell(partition)
        await self._announce(partition)

    async def _found(self, stage: IncidentStage, batch: RecordBatch) -> None:
        """Have findings taken, and send what came of what all reporters have told."""
        # In a thread: when thousands of networks fall at once it takes seconds in which all else must go on.
        told = await asyncio.to_thread(stage.take, batch.run.values, batch.run.offsets)
        batch.release()
        if self.grouping.stages.get(stage.number) is not stage:
            return  # it went to another worker meanwhile, whose newer revisions must not be followed by these
        for line in told.bad:
            log.warning("topic %s, %s", self.settings.kafka.findings, line)
        await self.sender.incidents(stage.name, told.incidents)
        for one in told.incidents:
            self.metrics.incident_sent(one)
            if one.state in OVER:
                self.over.append(one)

    def open_incidents(self) -> list[Incident]:
        """Return the newest revision of each incident that is not over, where they are made."""
        return [one for stage in self.grouping.stages.values() for one in stage.open.values()]

    def incidents(self) -> list[Incident]:
        """Return those that are not over, and the newest that are."""
        return list({one.incident_id: one for one in [*self.over, *self.open_incidents()]}.values())

    async def _summed(self, stage: AreaStage, batch: RecordBatch) -> None:
        """Have partials taken, and send what came of the bins that all shards have told of."""
        told = stage.take(batch.run.values, batch.run.offsets, self.clock())
        batch.release()
        for line in told.bad:
            log.warning("topic %s, %s", self.settings.kafka.partials, line)
        self.metrics.add({("partials_late", feed): count for feed, count in told.late.items()})
        await self._send(stage.name, told.closed)

    async def on_clock(self, clock: Clock, number: int) -> None:
        """Hear how far a feed has come elsewhere, or that it is time to look; act on it if this partition may."""
        async with self.measuring.lock(number):
            partition = self.measuring.at(number)
            partition.hear(clock.feed, clock.newest)
            await self._publish(partition, partition.follow(self.lag(number), self.clock()))
            await self._tell(partition)
        for runner in self.runners:
            async with runner.lock(number):
                await runner.save_if_due(runner.at(number))

    def assigned(self) -> list[int]:
        """Return the partitions of the measurements that this worker reads."""
        with suppress(ConsumerNotStarted):
            mine = self.app.consumer.assignment()
            return sorted(tp.partition for tp in mine if tp.topic == self.settings.kafka.measurements)
        return []

    def load(self) -> None:
        """Load the partitions that nothing has come for since they were assigned: what is open in them is going on."""
        for number in self.assigned():
            for runner in self.runners:
                runner.at(number)

    def newest(self) -> dict[str, float]:
        """Return how far each feed has come in the partitions here."""
        known = [one.shard.newest() for one in self.partitions.values()]
        return {feed: max(one[feed] for one in known if feed in one) for feed in set().union(*known)}

    def note_time(self) -> None:
        """Note how far each feed has come here and elsewhere, so that one that has stopped is told apart."""
        for known in (self.newest(), *(one.heard for one in self.partitions.values())):
            self.liveness.note(known, self.clock())

    async def tick(self) -> None:
        """Wake partitions that have something to do but no measurement coming; only a message may change state."""
        await self._renew()
        self.load()
        self.note_time()
        wanted = {number for runner in self.runners for number in runner.due()}
        for number, partition in self.partitions.items():
            now = self.clock()
            partition.watch(self.lag(number), now)
            if partition.may_follow(self.lag(number), now):
                wanted.add(number)
        for number in sorted(wanted):
            await self._wake(number)

    async def finish(self) -> None:
        """Take no more, and have everything saved and acknowledged; what is not after a while will be read again."""
        for runner in self.runners:
            runner.stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SAVE_SECONDS):
                for number in sorted(self._unsaved()):
                    await self._wake(number)
                while self._unsaved():
                    await asyncio.sleep(0.05)

    async def _renew(self) -> None:
        """Read the metadata again when their file has changed; a broken one leaves what was known."""
        register = self.reference.register
        if register.is_stale():
            try:
                await asyncio.to_thread(register.renew)
                self.metrics.broken.set(0)
            except InputError as error:
                log.warning("metadata: what was known stays: %s", error)
                self.metrics.broken.set(1)
        self.metrics.metadata.set(register.size)

    def _unsaved(self) -> set[int]:
        return {number for runner in self.runners for number in runner.unsaved()}

    async def _wake(self, number: int) -> None:
        """Send a partition to ourselves: Faust lets a table be written only while a message is handled."""
        clock = Clock(next(iter(self.settings.feeds)), 0, number)
        await self.sender.clock(str(number), clock, [number])

    def lag(self, number: int) -> int | None:
        """Return how many messages of a partition have not been taken; None when that is not known."""
        return lag(self.app, TP(self.settings.kafka.measurements, number))

    async def _publish(self, partition: MeasurementStage, closed: Sequence[Closed]) -> None:
        """Send what a partition found when bins closed."""
        await self._send(partition.name, [(SHARD.format(partition.number), one) for one in closed])

    async def _send(self, stage: str, closed: Sequence[tuple[str, Closed]]) -> None:
        """Send outages, and for incidents what each reporter says of each bin."""
        outages = outages_of(one for _, one in closed)
        await self.sender.outages(stage, outages)
        await self.sender.findings(stage, [piece for who, one in closed for piece in pieces_of(finding_of(who, one))])
        for outage in outages:
            self.metrics.outage_sent(outage)
            if outage.state not in RUNNING:
                self.ended.append(outage)

    async def _tell(self, partition: MeasurementStage) -> None:
        """Tell of areas, for those who sum them; and of which feeds there is nothing here, so that nobody waits."""
        await self.sender.partials(partition.name, partition.partials())
        who = SHARD.format(partition.number)
        await self.sender.findings(partition.name, [silence(who, feed, end) for feed, end in partition.silences()])

    async def _announce(self, partition: MeasurementStage) -> None:
        """Tell all partitions in which bins a feed was heard, and how far it has come."""
        newest = partition.shard.newest()
        for feed, spoke in partition.shard.spoke().items():
            for time in self._announcers[feed].due(spoke, newest[feed]):
                clock = Clock(feed, time, partition.number)
                await self.sender.clock(partition.name, clock, range(self.settings.kafka.partitions))


async def hear(worker: Worker, stream: Any) -> None:  # noqa: ANN401
    """Run the agent of the clock topic."""
    async for event in stream.events():
        try:
            clock = decode_clock(event.value)
        except (DecodeError, TypeError) as error:
            where = f"partition {event.message.partition}, offset {event.message.offset}"
            what = one_line(str(error))
            log.warning("topic %s, %s: not a clock message: %s", worker.settings.kafka.clock, where, what)
            continue
        await worker.on_clock(clock, event.message.partition)
