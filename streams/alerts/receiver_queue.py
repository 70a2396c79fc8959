"""What waits to be told to one receiver: which message is next, and what follows from how it went.

No threads, no network and no clock in here: times and chance are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import cast

import msgspec

from schemas.alertstate import AlertState, Status
from schemas.notification import Action, digest_id, message_id
from schemas.rejections import AlertReason
from schemas.times import format_time
from streams.alerts.decision import Decision, decide
from streams.alerts.delivery_types import Dead, Effects, Item, Job, Key, Origin, Outcome, Shared, Waiting
from streams.alerts.notice import Notice, recalled
from streams.alerts.rate_limit import Allowance, delay
from streams.alerts.routing import is_held
from streams.config.alerts import Alertmanager, AnyReceiver, PagerDuty

MANY = 100  # notices in a digest, or in a message to an Alertmanager


@dataclass(slots=True)
class Outbox:
    """All that waits for one receiver. `past`: what it has been told of what goes on, and of what is over."""

    name: str
    receiver: AnyReceiver
    limit: int = 10_000
    owned: frozenset[tuple[str, int]] = frozenset()
    past: dict[Key, AlertState] = field(default_factory=dict)
    waiting: dict[Key, Waiting] = field(default_factory=dict)
    flying: dict[Key, Waiting] = field(default_factory=dict)
    is_busy: bool = False
    failures: int = 0
    not_before: float = 0.0
    repeat_at: float = 0.0
    allowance: Allowance = field(init=False)

    def __post_init__(self) -> None:
        self.allowance = Allowance(self.receiver.per_minute)

    def put(self, new: Waiting) -> Effects:
        """Take a notice; it replaces an older one of the same that still waits."""
        effects, key = Effects(), new.notice.key
        old = self.waiting.pop(key, None)
        past = self.past.get(key)
        new.unsure = past is not None and past.status == "attempted"
        if old is not None:
            new.attempts, new.first_try, new.unsure, new.alone = old.attempts, old.first_try, old.unsure, old.alone
            new.since = old.since
            effects.settled.append(old.origin)
        if key not in self.flying and self._decision(new) is None:
            self._settle(effects, new, "moot" if old else "")
        elif old is None and len(self.waiting) >= self.limit:
            self._bury(effects, new, Outcome("refused", "queue-full", f"{self.limit} others wait"), new.since)
        else:
            self.waiting[key] = new
        return effects

    def forget(self, past: Iterable[AlertState], owned: frozenset[tuple[str, int]]) -> None:
        """Begin again with other partitions, and what the receiver was told: all that waited will be read again."""
        self.past = {(state.subject, state.id): state for state in past}
        self.owned = owned
        self.waiting.clear()

    def next(self, now: float, effects: Effects) -> Job | None:
        """Return the message to be sent now, if any; what has nothing to say any more is settled."""
        if self.is_busy or now < self.not_before:
            return None
        must_repeat = isinstance(self.receiver, Alertmanager) and now >= self.repeat_at
        if not must_repeat and not (self.waiting and self.allowance.has(now)):
            return None
        batch = self._batch(self._due(now, effects))
        repeats = self._repeats(batch, now) if must_repeat else []
        if not batch and not repeats:
            return None
        self.is_busy = True
        self.allowance.take(now)
        return Job([self._take(one, now) for one in batch], repeats, self._intents(batch, now), self._shared(batch))

    def land(self, job: Job, outcome: Outcome, now: float, chance: Random) -> Effects:
        """Take in how a message went."""
        effects, self.is_busy = Effects(), False
        self._pace(job, outcome, now, chance)
        for item in job.items:
            one = self.flying.pop(item.notice.key)
            one.unsure |= outcome.unsure
            if outcome.result == "delivered":
                self._deliver(effects, one, item.action, now)
            elif outcome.result == "again" and self._has_time(one, now):
                self._again(effects, one)
            elif outcome.result == "refused" and len(job.items) + len(job.repeats) > 1 and job.shared is None:
                one.alone = True  # one of them may be what it does not like
                self._again(effects, one)
            else:
                self._bury(effects, one, outcome, now)
        return effects

    def oldest(self, now: float) -> float | None:
        """Return since when the oldest that is not held waits; None when none does."""
        free = [one.since for one in self.waiting.values() if not self._is_held(one, now)]
        return min([*free, *(one.since for one in self.flying.values())], default=None)

    def held(self, now: float) -> int:
        """Return how many wait for the end of quiet hours."""
        return sum(self._is_held(one, now) for one in self.waiting.values())

    def knows(self, key: Key) -> bool:
        """Say whether the receiver was told of it, or will be."""
        return key in self.past or key in self.waiting or key in self.flying

    def going_on(self) -> list[AlertState]:
        """Return what the receiver holds to be going on."""
        return [state for state in self.past.values() if state.status != "none"]

    def _decision(self, one: Waiting) -> Decision | None:
        wants = one.route is not None and one.route.suspected
        past = self.past.get(one.notice.key)
        if one.route is None and (past is None or past.status == "none"):
            return None
        return decide(one.notice, past, wants)

    def _is_held(self, one: Waiting, now: float) -> bool:
        is_end = one.notice.phase == "over" or one.notice.suppressed_by is not None
        return is_held(one.notice, one.route, self.receiver, is_end, now)

    def _due(self, now: float, effects: Effects) -> list[tuple[Waiting, Decision]]:
        """Return what may be told now, what was tried least first; settle what has nothing to say."""
        due = []
        for key, one in [pair for pair in self.waiting.items() if not self._is_held(pair[1], now)]:
            decision = self._decision(one)
            if decision is None:
                del self.waiting[key]
                self._settle(effects, one, "moot")
            else:
                due.append((one, decision))
        return sorted(due, key=lambda pair: (pair[0].attempts, pair[0].since))

    def _batch(self, due: list[tuple[Waiting, Decision]]) -> list[tuple[Waiting, Decision]]:
        """Return what goes into the next message: one, or many in a storm; to an Alertmanager always all."""
        if isinstance(self.receiver, PagerDuty):
            return self._paged(due)
        together = [pair for pair in due if not pair[0].alone]
        if not together or due[0][0].alone:
            return due[:1]
        if isinstance(self.receiver, Alertmanager) or len(together) > self.receiver.digest_over:
            return together[:MANY]
        return together[:1]

    def _paged(self, due: list[tuple[Waiting, Decision]]) -> list[tuple[Waiting, Decision]]:
        """Return what goes into the next event: all of a digest, or in a storm what begins, as a new one.

        It is of one partition: so what it holds is always with one process, which knows when all of it is over.
        """
        if not due:
            return []
        first, digest = due[0][0], self._digest(due[0][0])
        if digest is not None:
            return [pair for pair in due if self._digest(pair[0]) == digest][:MANY]
        fresh = [pair for pair in due if not self._goes_on(pair[0])]
        if self._goes_on(first) or len(fresh) <= self.receiver.digest_over:
            return due[:1]
        return [pair for pair in fresh if pair[0].origin[:2] == first.origin[:2]][:MANY]

    def _goes_on(self, one: Waiting) -> bool:
        past = self.past.get(one.notice.key)
        return past is not None and past.status != "none"

    def _digest(self, one: Waiting) -> str | None:
        past = self.past.get(one.notice.key)
        return None if past is None else past.digest

    def _shared(self, batch: list[tuple[Waiting, Decision]]) -> Shared | None:
        """Return the digest that a batch belongs to, and what it holds of before."""
        key = self._digest(batch[0][0]) if batch else None
        if key is None:
            return None
        new = {one.notice.key for one, _ in batch}
        others = [one for one in self.past.values() if one.digest == key and (one.subject, one.id) not in new]
        return Shared(key, [recalled(one.subject, one.told or {}) for one in others])

    def _take(self, pair: tuple[Waiting, Decision], now: float) -> Item:
        one, (action, reason) = pair
        del self.waiting[one.notice.key]
        self.flying[one.notice.key] = one
        one.attempts += 1
        one.first_try = now if one.first_try is None else one.first_try
        past = self.past.get(one.notice.key)
        told = recalled(past.subject, past.told) if past is not None and past.told is not None else None
        return Item(self._identity(one), one.notice, action, reason, told)

    def _intents(self, batch: list[tuple[Waiting, Decision]], now: float) -> list[AlertState]:
        """Note what may go on for the receiver now, so that its end is told even if we never hear how it went."""
        found, digest = [], self._new_digest(batch)
        for one, decision in batch:
            past = self.past.get(one.notice.key)
            if decision.action == "opened" and not self._goes_on(one):
                state = self._state(one, past.revision if past else 0, "attempted", now)
                found.append(msgspec.structs.replace(state, digest=digest))
        for state in found:
            self.past[state.subject, state.id] = state
        return found

    def _new_digest(self, batch: list[tuple[Waiting, Decision]]) -> str | None:
        """Return the name of a digest that is to be ended as one, if that is what begins here."""
        if not isinstance(self.receiver, PagerDuty) or len(batch) < 2:
            return None
        return digest_id(self.name, [self._identity(one) for one, _ in batch])

    def _identity(self, one: Waiting) -> str:
        return message_id(self.name, one.notice.subject, one.notice.id, one.notice.revision)

    def _repeats(self, batch: list[tuple[Waiting, Decision]], now: float) -> list[Notice]:
        """Return what an Alertmanager is told again beside what is new; one notice that it refused goes alone."""
        if any(one.alone for one, _ in batch):
            return []
        assert isinstance(self.receiver, Alertmanager)
        self.repeat_at = now + float(self.receiver.repeat)
        new = {one.notice.key for one, _ in batch}
        going_on = [state for state in self.past.values() if state.status == "open" and state.told is not None]
        return [recalled(one.subject, one.told or {}) for one in going_on if (one.subject, one.id) not in new]

    def _pace(self, job: Job, outcome: Outcome, now: float, chance: Random) -> None:
        """Wait after a failure that will be tried again, the longer the more there were."""
        if outcome.result != "again":
            self.failures = 0
            return
        self.failures += 1
        self.not_before = now + delay(self.failures, outcome.asked, chance)
        if job.repeats:
            self.repeat_at = self.not_before

    def _has_time(self, one: Waiting, now: float) -> bool:
        first = now if one.first_try is None else one.first_try
        return now - first < self.receiver.give_up_after

    def _again(self, effects: Effects, one: Waiting) -> None:
        """Let it wait again, unless a newer revision came meanwhile, or its partition is another's now."""
        if not self._owns(one.origin):
            return
        newer = self.waiting.get(one.notice.key)
        if newer is None:
            self.waiting[one.notice.key] = one
            return
        newer.attempts, newer.first_try, newer.alone = one.attempts, one.first_try, one.alone
        newer.unsure, newer.since = one.unsure, one.since
        self._settle(effects, one, "")

    def _deliver(self, effects: Effects, one: Waiting, action: Action, now: float) -> None:
        status: Status = "none" if action == "ended" else "open"
        self._write(effects, one.origin, self._state(one, one.notice.revision, status, now))
        self._settle(effects, one, "delivered")

    def _bury(self, effects: Effects, one: Waiting, outcome: Outcome, now: float) -> None:
        """Give a notice up. If its first message may have arrived, the end is still to be told."""
        past = self.past.get(one.notice.key)
        is_end = one.notice.phase == "over" or one.notice.suppressed_by is not None
        revision = max(one.notice.revision, past.revision if past else 0)
        if is_end or past is None or (past.status == "attempted" and not one.unsure):
            self._write(effects, one.origin, self._state(one, revision, "none", now))
        else:
            self._write(effects, one.origin, msgspec.structs.replace(past, revision=revision))
        reason = cast("AlertReason", "gave-up" if outcome.result == "again" else outcome.reason)
        effects.dead.append(Dead(one.notice, one.origin, reason, outcome.detail))
        self._settle(effects, one, "dead")

    def _state(self, one: Waiting, revision: int, status: Status, now: float) -> AlertState:
        its, told = one.notice, None if status == "none" else one.notice.message
        return AlertState(
            receiver=self.name,
            subject=its.subject,
            id=its.id,
            partition=one.origin.partition,
            revision=revision,
            status=status,
            told=told,
            digest=None if status == "none" else self._digest(one),
            offset=one.origin.offset,
            written_at=format_time(int(now)),
        )

    def _write(self, effects: Effects, origin: Origin, state: AlertState) -> None:
        if self._owns(origin):
            self.past[state.subject, state.id] = state
        effects.states.append(state)

    def _settle(self, effects: Effects, one: Waiting, result: str) -> None:
        effects.settled.append(one.origin)
        if result:
            effects.results.append(result)

    def _owns(self, origin: Origin) -> bool:
        return (origin.topic, origin.partition) in self.owned
