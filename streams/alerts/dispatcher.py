"""Every receiver's outbox, and what each message means for them. Knows no thread, no Kafka and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

from schemas.alertstate import AlertState
from schemas.notification import Subject
from schemas.times import format_time
from streams.alerts.delivery_types import Effects, Job, Origin, Outcome, Waiting
from streams.alerts.notice import Notice
from streams.alerts.offsets import Offsets, Part
from streams.alerts.receiver_queue import Outbox
from streams.alerts.routing import targets
from streams.config.alerts import Alerts


@dataclass(slots=True)
class Desk:
    """What comes of each method is written down before anything else is done."""

    settings: Alerts
    outboxes: dict[str, Outbox] = field(init=False)
    offsets: Offsets = field(default_factory=Offsets)
    topics: Mapping[Subject, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        limit = self.settings.queue_limit
        self.outboxes = {name: Outbox(name, receiver, limit) for name, receiver in self.settings.receivers.items()}

    def begin(self, past: Iterable[AlertState], starts: Mapping[Part, int], topics: Mapping[Subject, str]) -> None:
        """Begin again with these partitions and offsets; `topics` are their topics' names by subject.

        No route may want a subject any more that receivers were told of: nothing of it is read.
        """
        self.offsets.begin(starts)
        self.topics = topics
        mine = [state for state in past if (topics.get(state.subject), state.partition) in starts]
        for name, box in self.outboxes.items():
            box.forget([state for state in mine if state.receiver == name], frozenset(starts))

    def take(self, notice: Notice, origin: Origin, now: float) -> dict[str, Effects]:
        """Take a revision, and return what follows by receiver."""
        routes = targets(notice, self.settings.routes)
        concerned = [box for name, box in self.outboxes.items() if name in routes or box.knows(notice.key)]
        self.offsets.took(origin, [box.name for box in concerned])
        return {
            box.name: self._settle(box.name, box.put(Waiting(notice, origin, routes.get(box.name), now)))
            for box in concerned
        }

    def skip(self, origin: Origin) -> None:
        """Pass over a message that says nothing."""
        self.offsets.took(origin, ())

    def next(self, name: str, now: float) -> tuple[Job | None, Effects]:
        """Return the message that a receiver is to be sent now, if any."""
        effects = Effects()
        job = self.outboxes[name].next(now, effects)
        return job, self._settle(name, effects)

    def land(self, name: str, job: Job, outcome: Outcome, now: float, chance: Random) -> Effects:
        """Take in how a message went."""
        return self._settle(name, self.outboxes[name].land(job, outcome, now, chance))

    def forget(self, committed: Mapping[Part, int], now: float) -> list[AlertState]:
        """Forget, and return, what was over for long; `committed`: from which offsets partitions are read again."""
        before, gone = format_time(max(0, int(now - self.settings.forget_after))), []
        for box in self.outboxes.values():
            for state in list(box.past.values()):
                at = committed.get((self.topics.get(state.subject, ""), state.partition), 0)
                if _is_useless(state, at, before):
                    gone.append(box.past.pop((state.subject, state.id)))
        return gone

    def is_idle(self, now: float) -> bool:
        """Say whether nothing waits but what quiet hours hold."""
        return all(not box.is_busy and box.oldest(now) is None for box in self.outboxes.values())

    def _settle(self, name: str, effects: Effects) -> Effects:
        for origin in effects.settled:
            self.offsets.settle(origin, name)
        return effects


def _is_useless(state: AlertState, committed: int, before: str) -> bool:
    """Say whether a state changes no decision any more: no end is owed, and what it has settled is not read again."""
    if state.status != "none" or state.offset is None or state.written_at is None:
        return False
    return state.offset < committed and state.written_at < before
