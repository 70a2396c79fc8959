"""The parts of a delivery: what waits, what is sent, how it went and what follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from schemas.alertstate import AlertState
from schemas.notification import Action, Subject
from schemas.rejections import AlertReason
from streams.alerts.notice import Notice
from streams.config.alerts import Route

Key: TypeAlias = tuple[Subject, str]


class Origin(NamedTuple):
    """Where a message stood."""

    topic: str
    partition: int
    offset: int


class Outcome(NamedTuple):
    """How a request went. `unsure`: it may have had its effect all the same. `asked`: seconds to wait, as they say."""

    result: Literal["delivered", "again", "refused"]
    reason: str = ""
    detail: str = ""
    asked: float | None = None
    unsure: bool = False


@dataclass(slots=True)
class Waiting:
    """A notice that waits, its origin, and what became of it so far."""

    notice: Notice
    origin: Origin
    route: Route | None
    since: float
    attempts: int = 0
    first_try: float | None = None
    unsure: bool = False
    alone: bool = False


class Item(NamedTuple):
    """One notice in a message. `told`: what the receiver was told of it last."""

    id: str
    notice: Notice
    action: Action
    reason: str
    told: Notice | None


class Shared(NamedTuple):
    """A digest that is over only when all in it is (PagerDuty's). `others`: what goes on of it beside what is new."""

    key: str
    others: list[Notice]


class Job(NamedTuple):
    """One message to be sent: what is new, and what is only repeated. `intents`: to be written down before."""

    items: list[Item]
    repeats: list[Notice]
    intents: list[AlertState]
    shared: Shared | None = None


class Dead(NamedTuple):
    """A notice that a receiver will not be told of, and why."""

    notice: Notice
    origin: Origin
    reason: AlertReason
    detail: str


@dataclass(slots=True)
class Effects:
    """What follows: states to be written, dead letters, origins that are settled, and results to be counted."""

    states: list[AlertState] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    settled: list[Origin] = field(default_factory=list)
    results: list[str] = field(default_factory=list)

    def add(self, other: Effects) -> None:
        """Take in what follows from something else."""
        self.states += other.states
        self.dead += other.dead
        self.settled += other.settled
        self.results += other.results
