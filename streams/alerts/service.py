"""The loop of `ebbtide alerts`: reads, hands out, takes in, writes down, commits, in this order."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

import msgspec

from schemas.alertstate import AlertState
from schemas.notification import Subject
from streams.alerts.delivery_log import Journal
from streams.alerts.delivery_types import Effects, Job, Outcome
from streams.alerts.dispatcher import Desk
from streams.alerts.metrics_recorder import Gauges
from streams.alerts.notice import notice
from streams.alerts.revision_source import Record, Source
from streams.alerts.sender import Courier, Landed

BUSY, QUIET = 0.05, 0.5  # seconds to wait for records while something is under way, and while nothing is
LOG = logging.getLogger("ebbtide.alerts")
FORGET_EVERY = 600.0  # seconds
LAST = 8.0  # seconds for what is under way when we are told to stop


class World(NamedTuple):
    """What the loop works with."""

    source: Source
    journal: Journal
    senders: Mapping[str, Callable[[Job], Outcome]]
    states: Callable[[], list[AlertState]]
    topics: Mapping[str, Subject]
    gauges: Gauges
    clock: Callable[[], float] = time.time
    chance: Random = Random()


class Loop:
    """One run. `once`: ends when all that was there at the start is settled, or held by quiet hours."""

    def __init__(self, desk: Desk, world: World, once: bool) -> None:
        self._desk, self._world, self._once = desk, world, once
        self._landed: queue.SimpleQueue[Landed] = queue.SimpleQueue()
        self._couriers = {name: Courier(name, send, self._landed) for name, send in world.senders.items()}
        self._committed: dict[tuple[str, int], int] = {}
        self._ends: dict[tuple[str, int], int] | None = None
        self._has_begun, self._forget_at = False, 0.0
        self.stopping = threading.Event()

    def run(self) -> None:
        """Go on until told to stop. Raises BrokerError when the broker is out of reach for long."""
        try:
            while not (self.stopping.is_set() or self._is_done()):
                self._follow()
                for record in self._world.source.poll(self._wait()):
                    self._take(record)
                self._hand_out()
                self._take_in()
                self._commit()
            self._finish()
        finally:
            self._world.source.close()
            self._world.journal.close()

    def _follow(self) -> None:
        """Begin again when partitions came or went: with what is written down of what was delivered."""
        starts = self._world.source.changed()
        if starts is not None:
            self._begin(starts)
        self._world.gauges.ready(self._has_begun and self._world.source.answers())

    def _begin(self, starts: Mapping[tuple[str, int], int]) -> None:
        subjects = {subject: topic for topic, subject in self._world.topics.items()}
        self._desk.begin(self._world.states(), starts, subjects)
        self._committed.clear()
        if self._once:
            self._ends = self._world.source.ends()
        self._has_begun = True

    def _wait(self) -> float:
        boxes = self._desk.outboxes.values()
        return BUSY if any(box.is_busy or box.waiting for box in boxes) else QUIET

    def _take(self, record: Record) -> None:
        origin, now = record.origin, self._world.clock()
        subject = self._world.topics[origin.topic]
        self._world.gauges.received(origin.topic)
        if record.value is None:  # an old revision that was compacted away
            self._desk.skip(origin)
            return
        try:
            one = notice(subject, record.value)
        except msgspec.DecodeError as error:
            self._world.journal.reject(record, str(error))
            self._world.gauges.rejected(origin.topic)
            self._desk.skip(origin)
            return
        for name, effects in self._desk.take(one, origin, now).items():
            self._write(name, effects)

    def _hand_out(self) -> None:
        for name, courier in self._couriers.items():
            job, effects = self._desk.next(name, self._world.clock())
            if job is not None:
                effects.states += job.intents
            self._write(name, effects)
            if job is not None:
                courier.give(job)

    def _take_in(self) -> None:
        while not self._landed.empty():
            self._land(self._landed.get())

    def _land(self, landed: Landed) -> None:
        (name, job, outcome), now = landed, self._world.clock()
        effects = self._desk.land(name, job, outcome, now, self._world.chance)
        self._write(name, effects)
        self._world.gauges.landed(name, outcome, now)
        if outcome.result != "delivered":
            LOG.warning("receiver %s: %s: %s", name, outcome.reason, outcome.detail)

    def _write(self, name: str, effects: Effects) -> None:
        if effects.states or effects.dead:
            self._world.journal.write(effects.states, [(name, one) for one in effects.dead])
        for one in effects.dead:
            what = f"{one.notice.subject} {one.notice.id}, revision {one.notice.revision}"
            LOG.error("receiver %s: %s is a dead letter: %s: %s", name, what, one.reason, one.detail)
        self._world.gauges.count(name, effects)

    def _commit(self) -> None:
        settled = self._desk.offsets.settled()
        new = {part: offset for part, offset in settled.items() if self._committed.get(part) != offset}
        if new and self._world.source.commit(new):
            self._committed.update(new)
            self._forget()
        self._world.gauges.refresh(self._desk, self._world.source.lag(settled), self._world.clock())

    def _forget(self) -> None:
        """Forget what is over for long: only after a commit, which shows that the partitions are still ours."""
        now = self._world.clock()
        if now < self._forget_at:
            return
        self._forget_at = now + FORGET_EVERY
        gone = self._desk.forget(self._committed, now)
        if gone:
            self._world.journal.forget(gone)

    def _is_done(self) -> bool:
        """Say whether a run for once has come to the end that there was at its start."""
        if self._ends is None:
            return False
        following = self._desk.offsets.following
        is_read = all(following.get(part, 0) >= end for part, end in self._ends.items())
        return is_read and self._desk.is_idle(self._world.clock())

    def _finish(self) -> None:
        """Take in what is under way, while there is time; the rest is sent again after a restart."""
        end = time.monotonic() + LAST
        while any(box.is_busy for box in self._desk.outboxes.values()) and time.monotonic() < end:
            try:
                self._land(self._landed.get(timeout=BUSY))
            except queue.Empty:
                continue
        self._commit()
