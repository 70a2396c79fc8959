"""The parts of a delivery: a notice in a queue, a job that sends notices, its outcome, and the effects of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from schemas.alertstate import AlertState
from schemas.notification import Action, Subject
from schemas.rejections import AlertReason
from streams.alerts.decision import Decision
from streams.alerts.notice import Notice
from streams.config.alerts import Route

NoticeKey: TypeAlias = tuple[Subject, str]


class RecordLocation(NamedTuple):
    """Where a record stands in Kafka."""

    topic: str
    partition: int
    offset: int


class Outcome(NamedTuple):
    """The result of a request. `retry_after`: seconds that the receiver asks for. `unsure`: it may have arrived."""

    result: Literal["delivered", "again", "refused"]
    reason: str = ""
    detail: str = ""
    retry_after: float | None = None
    unsure: bool = False


@dataclass(slots=True)
class QueuedNotice:
    """A notice in a receiver's queue, and its attempts so far. Times are Unix seconds.

    `unsure`: an attempt may have arrived. `alone`: a digest with it was refused, so it is sent alone.
    """

    notice: Notice
    location: RecordLocation
    route: Route | None
    since: float
    attempts: int = 0
    first_try: float | None = None
    unsure: bool = False
    alone: bool = False


class DueNotice(NamedTuple):
    """A queued notice that may be sent now, and the decision what to send."""

    queued: QueuedNotice
    decision: Decision

    @property
    def key(self) -> NoticeKey:
        """The key of the incident or outage."""
        return self.queued.notice.key

    @property
    def partition(self) -> tuple[str, int]:
        """The topic and partition of its record."""
        return self.queued.location[:2]


class MessageItem(NamedTuple):
    """One notice in a message. `previous`: the notice that the receiver has."""

    id: str
    notice: Notice
    action: Action
    reason: str
    previous: Notice | None


class SharedDigest(NamedTuple):
    """One alert for many incidents, resolved with the last of them. `others`: open ones that are not new."""

    key: str
    others: list[Notice]


class Job(NamedTuple):
    """One message to send: new items, repeats of open notices, and the states to write before it is sent."""

    items: list[MessageItem]
    repeats: list[Notice]
    intents: list[AlertState]
    shared_digest: SharedDigest | None = None


class DeadNotice(NamedTuple):
    """A notice that a receiver will not get, and why."""

    notice: Notice
    location: RecordLocation
    reason: AlertReason
    detail: str


@dataclass(slots=True)
class Effects:
    """States and dead letters to write, records that are settled, and results to count."""

    states: list[AlertState] = field(default_factory=list)
    dead_letters: list[DeadNotice] = field(default_factory=list)
    settled: list[RecordLocation] = field(default_factory=list)
    results: list[str] = field(default_factory=list)

    def add(self, other: Effects) -> None:
        """Append the effects of another step."""
        self.states += other.states
        self.dead_letters += other.dead_letters
        self.settled += other.settled
        self.results += other.results
