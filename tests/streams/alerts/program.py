"""`ebbtide alerts` with one receiver and without threads, for tests that crash it at any point."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from schemas.alertstate import AlertState
from streams.alerts.delivery_types import Effects, Job, Outcome, RecordLocation
from streams.alerts.dispatcher import Dispatcher
from streams.alerts.notice import Notice
from streams.config.alerts import AlertsSettings, Route
from streams.config.receivers import AnyReceiver
from streams.config.types import Duration
from tests.streams.alerts.helpers import DELIVERED, WEBHOOK, incident

DAY = 86_400.0
PART = ("incidents", 0)


class Program:
    """`ebbtide alerts` with one receiver. Written states and committed offsets survive a crash."""

    def __init__(self, log: list[Notice], receiver: AnyReceiver = WEBHOOK, forget_after: float = 14 * DAY) -> None:
        self.log, self.now, self.committed = log, 1.8e9, 0
        self.settings = AlertsSettings(
            receivers={"noc": receiver},
            routes=(Route(receivers=("noc",)),),
            forget_after=Duration(forget_after),
        )
        self.written: dict[str, AlertState] = {}
        self.notified: list[tuple[str, str]] = []  # incident, action
        self.arrived: list[Job] = []
        self.over: set[str] = set()  # incidents whose end was delivered
        self.crash()

    def crash(self) -> None:
        """Crash and start again."""
        self.dispatcher, self.at = Dispatcher(self.settings), self.committed
        self.dispatcher.restart(self.written.values(), {PART: self.committed}, {"incident": PART[0]})

    def read(self) -> None:
        """Process the next revision."""
        if self.at < len(self.log):
            self.write(self.dispatcher.process(self.log[self.at], RecordLocation(*PART, self.at), self.now).values())
            self.at += 1

    def send(self, outcome: Outcome | None = DELIVERED) -> bool:
        """Send the next message, and return whether it had items. Without an outcome, crash before it is there."""
        job, effects = self.dispatcher.next_job("noc", self.now)
        self.write([effects, Effects(states=job.intents if job else [])])
        if job and outcome in (None, DELIVERED):
            self.arrived.append(job)
            self.notified += [(item.notice.id, item.action) for item in job.items]
        again = self.over & {item.notice.id for item in job.items} if job else set()
        assert not again, f"notified after its end: {self.notified}"
        if job and outcome:
            self.write([self.dispatcher.record_outcome("noc", job, outcome, self.now, Random(1))])
            ended = {item.notice.id for item in job.items if item.action == "ended"}
            self.over |= ended if outcome == DELIVERED else set()
        elif job:
            self.crash()
        return job is not None and bool(job.items)

    def commit(self) -> None:
        """Commit, and delete obsolete states."""
        self.committed = self.dispatcher.offsets.settled()[PART]
        for state in self.dispatcher.forget({PART: self.committed}, self.now):
            del self.written[state.id]

    def write(self, effects: Iterable[Effects]) -> None:
        """Write effects. An end that becomes a dead letter counts as sent."""
        for effect in effects:
            self.written |= {state.id: state for state in effect.states}
            self.notified += [(dead.notice.id, "ended") for dead in effect.dead_letters if dead.notice.phase == "over"]

    def finish(self) -> None:
        """Read all revisions one by one, and send the messages of each."""
        while self.at < len(self.log) or self.dispatcher.queues["noc"].waiting:
            self.read()
            self.send()
            self.now += 600
        self.commit()


def course(number: int) -> list[Notice]:
    """Return the revisions of an incident that begins, spreads and ends."""
    name = f"{number:016x}"
    return [incident(at, state, incident_id=name) for at, state in enumerate(("ongoing", "spreading", "ended"), 1)]
