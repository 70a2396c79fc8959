"""The queues of all receivers, and the effects of each revision on them. Uses no thread, no Kafka and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

from schemas.alertstate import AlertState
from schemas.notification import Subject
from schemas.times import format_time
from streams.alerts.delivery_types import Effects, Job, Outcome, QueuedNotice, RecordLocation
from streams.alerts.notice import Notice
from streams.alerts.offsets import Offsets, Part
from streams.alerts.receiver_queue import ReceiverQueue
from streams.alerts.routing import targets
from streams.broker.remark_topic import OperatorRemarks
from streams.config.alerts import AlertsSettings


@dataclass(slots=True)
class Dispatcher:
    """Hands revisions to receivers. The caller writes the effects of a method before it does anything else.

    `topics`: the topic of each subject that is read. `remarks`: what operators say of incidents.
    """

    settings: AlertsSettings
    remarks: OperatorRemarks = field(default_factory=OperatorRemarks)
    queues: dict[str, ReceiverQueue] = field(init=False)
    offsets: Offsets = field(default_factory=Offsets)
    topics: Mapping[Subject, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        limit = self.settings.queue_limit
        receivers = self.settings.receivers
        self.queues = {
            name: ReceiverQueue(name, receiver, limit, remarks=self.remarks) for name, receiver in receivers.items()
        }

    def restart(self, states: Iterable[AlertState], starts: Mapping[Part, int], topics: Mapping[Subject, str]) -> None:
        """Start again with these partitions, their start offsets and the stored states.

        A state of a subject without a topic is ignored: no route wants the subject any more.
        """
        self.offsets.restart(starts)
        self.topics = topics
        owned = [state for state in states if (topics.get(state.subject), state.partition) in starts]
        for name, queue in self.queues.items():
            queue.restart([state for state in owned if state.receiver == name], frozenset(starts))

    def process(self, notice: Notice, location: RecordLocation, now: float) -> dict[str, Effects]:
        """Queue a revision for each receiver that wants it, and return the effects by receiver."""
        routes = targets(notice, self.settings.routes)
        queues = [queue for queue in self.queues.values() if queue.name in routes or queue.tracks(notice.key)]
        self.offsets.add(location, [queue.name for queue in queues])
        return {
            queue.name: self._settle(queue.name, queue.put(QueuedNotice(notice, location, routes.get(queue.name), now)))
            for queue in queues
        }

    def skip(self, location: RecordLocation) -> None:
        """Settle a record that holds no revision."""
        self.offsets.add(location, ())

    def next_job(self, name: str, now: float) -> tuple[Job | None, Effects]:
        """Return the message to send to a receiver now, or None, and the effects."""
        effects = Effects()
        job = self.queues[name].next_job(now, effects)
        return job, self._settle(name, effects)

    def record_outcome(self, name: str, job: Job, outcome: Outcome, now: float, rng: Random) -> Effects:
        """Record the result of a job, and return the effects."""
        return self._settle(name, self.queues[name].record_outcome(job, outcome, now, rng))

    def forget(self, committed: Mapping[Part, int], now: float) -> list[AlertState]:
        """Drop and return the states that ended `forget_after` ago and lie before the committed offsets."""
        before = format_time(max(0, int(now - self.settings.forget_after)))

        def is_obsolete(state: AlertState) -> bool:
            offset = committed.get((self.topics.get(state.subject, ""), state.partition), 0)
            return _is_obsolete(state, offset, before)

        return [state for queue in self.queues.values() for state in queue.states.forget(is_obsolete)]

    def is_idle(self, now: float) -> bool:
        """Return whether no notice waits, except those snoozed in quiet hours."""
        return all(not queue.is_busy and queue.oldest(now) is None for queue in self.queues.values())

    def _settle(self, name: str, effects: Effects) -> Effects:
        for location in effects.settled:
            self.offsets.settle(location, name)
        return effects


def _is_obsolete(state: AlertState, committed: int, before: str) -> bool:
    """Return whether a state changes no decision: no end is due, and its revision is not read again."""
    if state.status != "none" or state.offset is None or state.written_at is None:
        return False
    return state.offset < committed and state.written_at < before
