"""The state of one worker process: its stage runners, and what wakes them when no message comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any

import faust
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from schemas.clock import Clock
from schemas.incident import Incident
from schemas.outage import Outage
from streams.broker.snapshot_table import SnapshotTable
from streams.broker.transport import OpenTransaction, lag, open_transaction
from streams.config.reference_data import ReferenceData
from streams.config.settings import Settings
from streams.state.area_stage import AreaStage
from streams.state.incident_stage import IncidentStage
from streams.state.measurement_stage import MeasurementStage
from streams.state.stage import Stage
from streams.worker.ended_events import EndedEvents
from streams.worker.feed_liveness import FeedLiveness
from streams.worker.log_guard import LogGuard
from streams.worker.metadata_refresh import refresh_metadata
from streams.worker.metrics import Metrics
from streams.worker.publisher import Publisher
from streams.worker.stage_runner import Services, StageRunner
from streams.worker.topic_events import TopicEvents
from streams.worker.web.recent_bins import RecentBins

LAST_SAVE_SECONDS = 5.0


class Worker:
    """The stages of the partitions that are assigned to this process, and what wakes and saves them.

    `clock` returns wall time since any fixed instant (s); `check_watchdog` ends the process when its partitions may
    belong to another worker.
    """

    def __init__(
        self,
        settings: Settings,
        app: faust.App,
        table: MutableMapping[bytes, bytes],
        metrics: Metrics,
        publisher: Publisher,
        clock: Callable[[], float],
        check_watchdog: Callable[[], None],
        reference: ReferenceData | None = None,
    ) -> None:
        self.settings, self.app, self.table = settings, app, table
        self.metrics, self.publisher, self.clock = metrics, publisher, clock
        self.reference = reference or ReferenceData()
        self.ended = EndedEvents(settings.web.recent)
        self.guard = LogGuard(settings, metrics, self._stage_at)
        deliver = table.deliver if isinstance(table, SnapshotTable) else _deliver_nothing
        services = Services(metrics, publisher, self.ended, clock, check_watchdog, self.guard, deliver)
        self.topic_events = TopicEvents(settings.kafka, settings.web.recent, metrics.events_unreadable.inc, clock)
        self.measuring = StageRunner(services, self._measurement_stage, metrics.batch_seconds.time)
        self.summing = StageRunner(services, self._area_stage)
        self.grouping = StageRunner(services, self._incident_stage)
        self.runners: list[StageRunner[Any]] = [self.measuring, self.summing, self.grouping]
        self.partitions: dict[int, MeasurementStage] = self.measuring.stages
        self.recent_bins = RecentBins(settings.web.history, settings.web.history_mb * 1_000_000)
        self._looked_at = clock()
        self.liveness = FeedLiveness({feed: settings.stalled_after(feed) for feed in settings.feeds})

    def _stage_at(self, tp: TP) -> Stage:
        """Return the stage of a partition of a topic that stages read."""
        kafka = self.settings.kafka
        runners: dict[str, StageRunner[Any]] = {
            kafka.measurements: self.measuring,
            kafka.partials: self.summing,
            kafka.findings: self.grouping,
        }
        stage: Stage = runners[tp.topic].at(tp.partition)
        return stage

    def _measurement_stage(self, number: int, now: float) -> MeasurementStage:
        stage = MeasurementStage(self.settings, number, self.table, now, self.reference)
        for name, feed in stage.shard.feeds.items():
            self.recent_bins.watch(number, name, feed, partial(getattr, feed, "rewound"))
        return stage

    def _area_stage(self, number: int, now: float) -> AreaStage:
        stage = AreaStage(self.settings, number, self.table, now, self.reference)
        for site in stage.sites.values():
            self.recent_bins.watch(number, site.feed, site.summed, partial(stage.rewound_of, site))
        return stage

    def _incident_stage(self, number: int, now: float) -> IncidentStage:
        return IncidentStage(self.settings, number, self.table, now, self.reference)

    def scored_stages(self) -> list[MeasurementStage | AreaStage]:
        """Return the stages here that have series with a detector."""
        return [*self.partitions.values(), *self.summing.stages.values()]

    def open_outages(self) -> list[Outage]:
        """Return the newest revision of each outage that has not ended, of series and of areas."""
        return list(chain.from_iterable(stage.open_outages.values() for stage in self.scored_stages()))

    def open_incidents(self) -> list[Incident]:
        """Return the newest revision of each incident that is not over, if this worker groups them."""
        return [incident for stage in self.grouping.stages.values() for incident in stage.open_incidents.values()]

    def incidents_of_all(self) -> list[Incident]:
        """Return the incidents that are not over, of any worker: as in their topic, and those here, which are newer."""
        here, over = self.open_incidents(), {incident.incident_id for incident in self.ended.incidents}
        there = {incident.incident_id: incident for incident in self.topic_events.incidents.lasting()}
        newest = {**there, **{incident.incident_id: incident for incident in here}}
        return [incident for name, incident in newest.items() if name not in over]

    def release(self) -> None:
        """Forget all state: what is assigned next is loaded from the snapshots, and what they lack is read again."""
        self.recent_bins.clear()
        for runner in self.runners:
            runner.release()

    async def on_clock(self, clock: Clock, number: int) -> None:
        """Note how far a feed has come elsewhere, follow it where this partition may, and save what is due."""
        async with self.measuring.lock(number):
            stage = self.measuring.at(number)
            if self.measuring.is_refused(stage):
                return
            stage.note_clock(clock.feed, clock.newest)
            await self.measuring.publish(stage, stage.follow_clock(self.lag(number), self.clock()))
        for runner in self.runners:
            async with runner.lock(number):
                await runner.save_if_due(runner.at(number))

    def assigned(self) -> list[int]:
        """Return the partitions of the measurements that this worker reads."""
        with suppress(ConsumerNotStarted):
            assignment = self.app.consumer.assignment()
            return sorted(tp.partition for tp in assignment if tp.topic == self.settings.kafka.measurements)
        return []

    def load(self) -> None:
        """Load the assigned partitions, also those without a message since: their open outages count as open."""
        for number in self.assigned():
            for runner in self.runners:
                runner.at(number)

    def newest(self) -> dict[str, float]:
        """Return the newest event time of each feed in the partitions here (Unix seconds)."""
        times = [stage.shard.newest() for stage in self.partitions.values()]
        return {feed: max(newest[feed] for newest in times if feed in newest) for feed in set().union(*times)}

    def note_time(self) -> None:
        """Note the newest event times here and elsewhere, by which a feed that has stopped is recognised."""
        for newest in (self.newest(), *(stage.clock for stage in self.partitions.values())):
            self.liveness.note(newest, self.clock())

    def _note_setbacks(self) -> None:
        """Measure the silence of feeds anew whose time has gone back since the last look."""
        for stage in self.partitions.values():
            for feed, (at, _) in stage.setbacks.items():
                if at > self._looked_at:
                    self.liveness.go_back(feed)
        self._looked_at = self.clock()

    async def tick(self) -> None:
        """Wake the partitions that have something to do and no message coming; only a message may change state."""
        await refresh_metadata(self.reference.register, self.metrics)
        self.load()
        self._note_setbacks()
        self.note_time()
        due = {number for runner in self.runners for number in runner.due()}
        for number, stage in self.partitions.items():
            self.open_transaction(number)  # its time counts from the first look
            now = self.clock()
            stage.note_lag(self.lag(number), now)
            if not self.measuring.is_refused(stage) and stage.may_follow(self.lag(number), now):
                due.add(number)
        for number in sorted(due):
            await self._wake(number)

    async def finish(self) -> None:
        """Take no more batches, save and acknowledge; what is not saved in time is read again after a restart."""
        for runner in self.runners:
            runner.stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SAVE_SECONDS):
                for number in sorted(self._unsaved()):
                    await self._wake(number)
                while self._unsaved():
                    await asyncio.sleep(0.05)

    def _unsaved(self) -> set[int]:
        return {number for runner in self.runners for number in runner.unsaved()}

    async def _wake(self, number: int) -> None:
        """Send a clock message to a partition here: Faust lets a table be written only while a message is handled."""
        clock = Clock(next(iter(self.settings.feeds)), 0, number)
        await self.publisher.announce(self.measuring.at(number).name, clock, [number])

    def lag(self, number: int) -> int | None:
        """Return how many messages of a partition are unread; None when that is not known."""
        return lag(self.app, TP(self.settings.kafka.measurements, number))

    def open_transaction(self, number: int) -> OpenTransaction | None:
        """Return the messages of a partition that wait for a producer to end a transaction; None without one."""
        return open_transaction(self.app, TP(self.settings.kafka.measurements, number))


async def _deliver_nothing(_: Callable[[], bool]) -> bool:
    """Stand for the delivery of rows to a table without a changelog."""
    return True
