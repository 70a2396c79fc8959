"""Which notices go into one message: a single one, a digest in a storm, and what an Alertmanager gets again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.alertstate import AlertState
from schemas.notification import digest_id, message_id
from streams.alerts.delivery_types import DueNotice, SharedDigest
from streams.alerts.notice import Notice, stored_notice
from streams.alerts.receiver_states import ReceiverStates
from streams.config.receivers import Alertmanager, AnyReceiver

MAX_NOTICES = 100  # in a digest, or in a message to an Alertmanager


def next_batch(due: Sequence[DueNotice], receiver: AnyReceiver, states: ReceiverStates) -> list[DueNotice]:
    """Return the notices of the next message: one, or many in a storm. An Alertmanager always gets many."""
    if receiver.shares_alerts:
        return _shared_batch(due, receiver, states)
    together = [member for member in due if not member.queued.alone]
    if not together or due[0].queued.alone or receiver.sends_alone:
        return list(due[:1])
    if isinstance(receiver, Alertmanager) or len(together) > receiver.digest_over:
        return together[:MAX_NOTICES]
    return together[:1]


def _shared_batch(due: Sequence[DueNotice], receiver: AnyReceiver, states: ReceiverStates) -> list[DueNotice]:
    """Return the notices of the next event: those of one digest, or in a storm the openings, as a new digest.

    A digest holds incidents of one partition, so the process that owns the partition knows when all are over.
    """
    if not due:
        return []
    first = due[0]
    digest = states.digest_of(first.key)
    if digest is not None:
        return [member for member in due if states.digest_of(member.key) == digest][:MAX_NOTICES]
    openings = [member for member in due if not states.is_open(member.key)]
    if states.is_open(first.key) or len(openings) <= receiver.digest_over:
        return [first]
    return [member for member in openings if member.partition == first.partition][:MAX_NOTICES]


def shared_digest(batch: Sequence[DueNotice], states: ReceiverStates) -> SharedDigest | None:
    """Return the digest that a batch belongs to, with its other open notices; None without a digest."""
    digest = states.digest_of(batch[0].key) if batch else None
    if digest is None:
        return None
    return SharedDigest(digest, _stored((state for state in states.by_key.values() if state.digest == digest), batch))


def new_digest_key(receiver_name: str, receiver: AnyReceiver, batch: Sequence[DueNotice]) -> str | None:
    """Return the key of the digest that a batch opens where alerts are shared; None when it opens none."""
    if not receiver.shares_alerts or len(batch) < 2:
        return None
    return digest_id(receiver_name, [notification_id(receiver_name, member.queued.notice) for member in batch])


def notification_id(receiver_name: str, notice: Notice) -> str:
    """Return the id of a notice's notification to a receiver."""
    return message_id(receiver_name, notice.subject, notice.id, notice.revision)


def repeats(batch: Sequence[DueNotice], states: ReceiverStates) -> list[Notice]:
    """Return the open notices that an Alertmanager gets again beside a batch."""
    return _stored((state for state in states.by_key.values() if state.status == "open"), batch)


def _stored(states: Iterable[AlertState], batch: Sequence[DueNotice]) -> list[Notice]:
    """Return the notices of states, without those in a batch."""
    new = {member.key for member in batch}
    return [
        stored_notice(state.subject, state.last_notice)
        for state in states
        if state.last_notice is not None and (state.subject, state.id) not in new
    ]
