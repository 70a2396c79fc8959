"""The queue of one receiver: which message is next, and the effects of its outcome.

Uses no thread, no network and no clock: the caller passes times and random numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import cast

import msgspec

from schemas.alertstate import AlertState, Status
from schemas.notification import ENDS, Action
from schemas.rejections import AlertReason
from streams.alerts.decision import Decision, decide
from streams.alerts.delivery_types import (
    DeadNotice,
    DueNotice,
    Effects,
    Job,
    MessageItem,
    NoticeKey,
    Outcome,
    QueuedNotice,
)
from streams.alerts.digests import new_digest_key, next_batch, notification_id, repeats, shared_digest
from streams.alerts.notice import Notice
from streams.alerts.rate_limit import RateLimit, retry_delay
from streams.alerts.receiver_states import ReceiverStates
from streams.alerts.routing import is_silenced, is_snoozed
from streams.broker.remark_topic import OperatorRemarks
from streams.config.receivers import Alertmanager, AnyReceiver


@dataclass(slots=True)
class ReceiverQueue:
    """The notices that wait for one receiver, at most `limit`. Times are Unix seconds.

    `waiting`: not sent yet. `in_flight`: in the request that the receiver's thread sends now.
    """

    name: str
    receiver: AnyReceiver
    limit: int = 10_000
    waiting: dict[NoticeKey, QueuedNotice] = field(default_factory=dict)
    in_flight: dict[NoticeKey, QueuedNotice] = field(default_factory=dict)
    is_busy: bool = False
    failures: int = 0
    not_before: float = 0.0
    repeat_at: float = 0.0
    states: ReceiverStates = field(init=False)
    rate_limit: RateLimit = field(init=False)
    remarks: OperatorRemarks = field(default_factory=OperatorRemarks)

    def __post_init__(self) -> None:
        self.states = ReceiverStates(self.name)
        self.rate_limit = RateLimit(self.receiver.per_minute)

    def restart(self, states: Iterable[AlertState], owned: frozenset[tuple[str, int]]) -> None:
        """Start again with these states and partitions. The queue empties, since its records are read again."""
        self.states.restart(states, owned)
        self.waiting.clear()

    def put(self, new: QueuedNotice) -> Effects:
        """Queue a notice. It replaces an older revision that still waits."""
        effects, key = Effects(), new.notice.key
        old = self.waiting.pop(key, None)
        state = self.states.get(key)
        new.unsure = state is not None and state.status == "attempted"
        if old is not None:
            _continue_attempts(new, old)
            effects.settled.append(old.location)
        if key not in self.in_flight and self._decision(new) is None:
            self._settle(effects, new, "moot" if old else "")
        elif old is None and len(self.waiting) >= self.limit:
            self._give_up(effects, new, Outcome("refused", "queue-full", f"{self.limit} others wait"), new.since)
        else:
            self.waiting[key] = new
        return effects

    def next_job(self, now: float, effects: Effects) -> Job | None:
        """Return the message to send now, or None. Notices that became moot are settled in `effects`."""
        if self.is_busy or now < self.not_before:
            return None
        must_repeat = isinstance(self.receiver, Alertmanager) and now >= self.repeat_at
        if not must_repeat and not (self.waiting and self.rate_limit.allows(now)):
            return None
        batch = next_batch(self._due(now, effects), self.receiver, self.states)
        again = self._repeats(batch, now) if must_repeat else []
        if not batch and not again:
            return None
        self.is_busy = True
        self.rate_limit.spend(now)
        items = [self._take(member, now) for member in batch]
        return Job(items, again, self._intents(batch, now), shared_digest(batch, self.states))

    def record_outcome(self, job: Job, outcome: Outcome, now: float, rng: Random) -> Effects:
        """Record the result of a job, and return the effects."""
        effects, self.is_busy = Effects(), False
        self._pace(job, outcome, now, rng)
        for item in job.items:
            queued = self.in_flight.pop(item.notice.key)
            queued.unsure |= outcome.unsure
            if outcome.result == "delivered":
                self._deliver(effects, queued, item.action, now)
            elif outcome.result == "again" and self._has_time(queued, now):
                self._retry(effects, queued)
            elif outcome.result == "refused" and len(job.items) + len(job.repeats) > 1 and job.shared_digest is None:
                queued.alone = True  # the receiver may have refused only one of them
                self._retry(effects, queued)
            else:
                self._give_up(effects, queued, outcome, now)
        return effects

    def oldest(self, now: float) -> float | None:
        """Return the time since which the oldest notice waits, snoozed ones left out; None when none waits."""
        awake = [queued.since for queued in self.waiting.values() if not self._is_snoozed(queued, now)]
        return min([*awake, *(queued.since for queued in self.in_flight.values())], default=None)

    def snoozed(self, now: float) -> int:
        """Return how many notices wait for the end of quiet hours or of a silence."""
        return sum(self._is_snoozed(queued, now) for queued in self.waiting.values())

    def silenced(self, now: float) -> int:
        """Return how many notices wait for the end of a silence, whether it is quiet or not."""
        return sum(self._is_silenced(queued, now) for queued in self.waiting.values())

    def tracks(self, key: NoticeKey) -> bool:
        """Return whether the receiver got notices of this incident or outage, or will get one."""
        return key in self.states.by_key or key in self.waiting or key in self.in_flight

    def _decision(self, queued: QueuedNotice) -> Decision | None:
        if queued.route is None and not self.states.is_open(queued.notice.key):
            return None
        wants_suspected = queued.route is not None and queued.route.suspected
        is_acknowledged = self.remarks.is_acknowledged(queued.notice.incident_id)
        return decide(queued.notice, self.states.get(queued.notice.key), wants_suspected, is_acknowledged)

    def _is_snoozed(self, queued: QueuedNotice, now: float) -> bool:
        return self._is_silenced(queued, now) or is_snoozed(queued.notice, queued.route, self.receiver, now)

    def _is_silenced(self, queued: QueuedNotice, now: float) -> bool:
        silenced_until = self.remarks.silenced_until(queued.notice.incident_id)
        return is_silenced(queued.notice, self.receiver, now, silenced_until)

    def _due(self, now: float, effects: Effects) -> list[DueNotice]:
        """Return the notices that may be sent now, those with the fewest attempts first. Settle moot ones."""
        due = []
        for key, queued in [pair for pair in self.waiting.items() if not self._is_snoozed(pair[1], now)]:
            decision = self._decision(queued)
            if decision is None:
                del self.waiting[key]
                self._settle(effects, queued, "moot")
            else:
                due.append(DueNotice(queued, decision))
        return sorted(due, key=lambda member: (member.queued.attempts, member.queued.since))

    def _repeats(self, batch: Sequence[DueNotice], now: float) -> list[Notice]:
        """Return what an Alertmanager gets again. A notice that it refused goes without repeats."""
        if any(member.queued.alone for member in batch):
            return []
        assert isinstance(self.receiver, Alertmanager)
        self.repeat_at = now + float(self.receiver.repeat)
        return repeats(batch, self.states)

    def _take(self, member: DueNotice, now: float) -> MessageItem:
        queued, (action, reason) = member
        key = queued.notice.key
        self.in_flight[key] = self.waiting.pop(key)
        queued.attempts += 1
        queued.first_try = now if queued.first_try is None else queued.first_try
        identity, previous = notification_id(self.name, queued.notice), self.states.last_notice(key)
        return MessageItem(identity, queued.notice, action, reason, previous)

    def _intents(self, batch: Sequence[DueNotice], now: float) -> list[AlertState]:
        """Return a state for each opening, so that its end is sent even if the outcome stays unknown."""
        digest = new_digest_key(self.name, self.receiver, batch)
        intents = []
        for queued, decision in batch:
            if decision.action == "opened" and not self.states.is_open(queued.notice.key):
                state = self.states.get(queued.notice.key)
                intent = self.states.next_state(queued, state.revision if state else 0, "attempted", now)
                intents.append(msgspec.structs.replace(intent, digest=digest))
        self.states.by_key |= {(intent.subject, intent.id): intent for intent in intents}
        return intents

    def _pace(self, job: Job, outcome: Outcome, now: float, rng: Random) -> None:
        """Wait after a failure that is tried again, longer after each one."""
        if outcome.result != "again":
            self.failures = 0
            return
        self.failures += 1
        self.not_before = now + retry_delay(self.failures, outcome.retry_after, rng)
        if job.repeats:
            self.repeat_at = self.not_before

    def _has_time(self, queued: QueuedNotice, now: float) -> bool:
        first = now if queued.first_try is None else queued.first_try
        return now - first < self.receiver.give_up_after

    def _retry(self, effects: Effects, queued: QueuedNotice) -> None:
        """Queue a notice again, unless a newer revision waits or its partition moved to another process."""
        if not self.states.owns(queued.location):
            return
        newer = self.waiting.setdefault(queued.notice.key, queued)
        if newer is not queued:
            _continue_attempts(newer, queued)
            self._settle(effects, queued, "")

    def _deliver(self, effects: Effects, queued: QueuedNotice, action: Action, now: float) -> None:
        status: Status = "none" if action in ENDS else "open"
        self._write(effects, queued, self.states.next_state(queued, queued.notice.revision, status, now))
        self._settle(effects, queued, "delivered")

    def _give_up(self, effects: Effects, queued: QueuedNotice, outcome: Outcome, now: float) -> None:
        """Make a notice a dead letter. If its opening may have arrived, its end is still due."""
        state = self.states.get(queued.notice.key)
        revision = max(queued.notice.revision, state.revision if state else 0)
        if queued.notice.is_end or state is None or (state.status == "attempted" and not queued.unsure):
            self._write(effects, queued, self.states.next_state(queued, revision, "none", now))
        else:
            self._write(effects, queued, msgspec.structs.replace(state, revision=revision))
        reason = cast("AlertReason", "gave-up" if outcome.result == "again" else outcome.reason)
        effects.dead_letters.append(DeadNotice(queued.notice, queued.location, reason, outcome.detail))
        self._settle(effects, queued, "dead")

    def _write(self, effects: Effects, queued: QueuedNotice, state: AlertState) -> None:
        self.states.record(queued.location, state)
        effects.states.append(state)

    def _settle(self, effects: Effects, queued: QueuedNotice, result: str) -> None:
        effects.settled.append(queued.location)
        if result:
            effects.results.append(result)


def _continue_attempts(newer: QueuedNotice, older: QueuedNotice) -> None:
    """Give a newer revision the age and the attempts of the older one that it replaces."""
    newer.attempts, newer.first_try, newer.since = older.attempts, older.first_try, older.since
    newer.unsure, newer.alone = older.unsure, older.alone
