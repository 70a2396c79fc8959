"""The loop of `ebbtide alerts`. A round reads records, sends jobs, records outcomes, writes the log and commits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from random import Random
from typing import NamedTuple

import msgspec

from schemas.alertstate import AlertState
from schemas.notification import Subject
from streams.alerts.delivery_log import DeliveryLog
from streams.alerts.delivery_types import Effects, Job, Outcome
from streams.alerts.dispatcher import Dispatcher
from streams.alerts.metrics_recorder import MetricsRecorder
from streams.alerts.notice import decode_notice
from streams.alerts.revision_source import RevisionRecord, RevisionSource
from streams.alerts.sender import Delivered, ReceiverThread

BUSY, QUIET = 0.05, 0.5  # seconds to wait for records while notices wait, and while none does
LOG = logging.getLogger("ebbtide.alerts")
FORGET_EVERY = 600.0  # seconds
LAST = 8.0  # seconds to wait for running requests before the exit


class Ports(NamedTuple):
    """What the service is connected to: Kafka, receivers, metrics, clock and random numbers."""

    source: RevisionSource
    delivery_log: DeliveryLog
    senders: Mapping[str, Callable[[Job], Outcome]]
    read_states: Callable[[], list[AlertState]]
    topics: Mapping[str, Subject]
    metrics: MetricsRecorder
    clock: Callable[[], float] = time.time
    rng: Random = Random()


class AlertService:
    """One run. With `once` it ends when every record that was there at the start is settled or snoozed."""

    def __init__(self, dispatcher: Dispatcher, ports: Ports, once: bool) -> None:
        self._dispatcher, self._ports, self._once = dispatcher, ports, once
        self._delivered: SimpleQueue[Delivered] = SimpleQueue()
        self._threads = {name: ReceiverThread(name, send, self._delivered) for name, send in ports.senders.items()}
        self._committed: dict[tuple[str, int], int] = {}
        self._ends: dict[tuple[str, int], int] | None = None
        self._has_partitions, self._forget_at = False, 0.0
        self.stopping = threading.Event()

    def run(self) -> None:
        """Run until `stopping` is set. Raises BrokerError when the broker stays unreachable."""
        try:
            while not (self.stopping.is_set() or self._is_done()):
                self._follow_partitions()
                for record in self._ports.source.poll(self._wait()):
                    self._process(record)
                self._send_jobs()
                self._record_delivered()
                self._commit()
            self._finish()
        finally:
            self._ports.source.close()
            self._ports.delivery_log.close()

    def _follow_partitions(self) -> None:
        """Restart the dispatcher when partitions came or went."""
        starts = self._ports.source.changed()
        if starts is not None:
            self._restart(starts)
        self._ports.metrics.set_ready(self._has_partitions and self._ports.source.answers())

    def _restart(self, starts: Mapping[tuple[str, int], int]) -> None:
        topics = {subject: topic for topic, subject in self._ports.topics.items()}
        self._dispatcher.restart(self._ports.read_states(), starts, topics)
        self._committed.clear()
        if self._once:
            self._ends = self._ports.source.ends()
        self._has_partitions = True

    def _wait(self) -> float:
        queues = self._dispatcher.queues.values()
        return BUSY if any(queue.is_busy or queue.waiting for queue in queues) else QUIET

    def _process(self, record: RevisionRecord) -> None:
        location, now = record.location, self._ports.clock()
        subject = self._ports.topics[location.topic]
        self._ports.metrics.count_received(location.topic)
        if record.value is None:  # a tombstone
            self._dispatcher.skip(location)
            return
        try:
            notice = decode_notice(subject, record.value)
        except msgspec.DecodeError as error:
            self._ports.delivery_log.reject(record, str(error))
            self._ports.metrics.count_rejected(location.topic)
            self._dispatcher.skip(location)
            return
        for name, effects in self._dispatcher.process(notice, location, now).items():
            self._write(name, effects)

    def _send_jobs(self) -> None:
        for name, thread in self._threads.items():
            job, effects = self._dispatcher.next_job(name, self._ports.clock())
            if job is not None:
                effects.states += job.intents
            self._write(name, effects)
            if job is not None:
                thread.submit(job)

    def _record_delivered(self) -> None:
        while not self._delivered.empty():
            self._record_outcome(self._delivered.get())

    def _record_outcome(self, delivered: Delivered) -> None:
        (name, job, outcome), now = delivered, self._ports.clock()
        effects = self._dispatcher.record_outcome(name, job, outcome, now, self._ports.rng)
        self._write(name, effects)
        self._ports.metrics.record_outcome(name, outcome, now)
        extra = {"fields": {"receiver": name, "ids": [item.id for item in job.items], "result": outcome.result}}
        if outcome.detail:
            text = "receiver %s: %s: %s"
            LOG.warning(text, name, outcome.reason or "delivered to others", outcome.detail, extra=extra)
        else:
            actions = ", ".join(f"{item.action} {item.id}" for item in job.items)
            LOG.debug("receiver %s: %s: %s", name, outcome.result, actions, extra=extra)

    def _write(self, name: str, effects: Effects) -> None:
        if effects.states or effects.dead_letters:
            self._ports.delivery_log.write(effects.states, [(name, dead) for dead in effects.dead_letters])
        for dead in effects.dead_letters:
            revision = f"{dead.notice.subject} {dead.notice.id}, revision {dead.notice.revision}"
            LOG.error("receiver %s: %s is a dead letter: %s: %s", name, revision, dead.reason, dead.detail)
        self._ports.metrics.count_results(name, effects)

    def _commit(self) -> None:
        settled = self._dispatcher.offsets.settled()
        new = {part: offset for part, offset in settled.items() if self._committed.get(part) != offset}
        if new and self._ports.source.commit(new):
            self._committed.update(new)
            self._forget()
        self._ports.metrics.refresh(self._dispatcher, self._ports.source.lag(settled), self._ports.clock())

    def _forget(self) -> None:
        """Delete obsolete states. Only after a commit, which shows that the partitions still belong to this process."""
        now = self._ports.clock()
        if now < self._forget_at:
            return
        self._forget_at = now + FORGET_EVERY
        obsolete = self._dispatcher.forget(self._committed, now)
        if obsolete:
            self._ports.delivery_log.forget(obsolete)

    def _is_done(self) -> bool:
        """Return whether a run with `once` has reached the ends that its partitions had at the start."""
        if self._ends is None:
            return False
        following = self._dispatcher.offsets.following
        is_read = all(following.get(part, 0) >= end for part, end in self._ends.items())
        return is_read and self._dispatcher.is_idle(self._ports.clock())

    def _finish(self) -> None:
        """Wait a limited time for running requests. A request without outcome is sent again after a restart."""
        deadline = time.monotonic() + LAST
        while any(queue.is_busy for queue in self._dispatcher.queues.values()) and time.monotonic() < deadline:
            try:
                self._record_outcome(self._delivered.get(timeout=BUSY))
            except Empty:
                continue
        self._commit()
