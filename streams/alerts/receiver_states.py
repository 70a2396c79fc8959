"""What one receiver got: the newest state of each incident and outage, as in the topic `alerts.state`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from schemas.alertstate import AlertState, Status
from schemas.times import format_time
from streams.alerts.delivery_types import NoticeKey, QueuedNotice, RecordLocation
from streams.alerts.notice import Notice, stored_notice


@dataclass(slots=True)
class ReceiverStates:
    """The states of a receiver by incident or outage. `owned`: the partitions that this process reads."""

    receiver: str
    owned: frozenset[tuple[str, int]] = frozenset()
    by_key: dict[NoticeKey, AlertState] = field(default_factory=dict)

    def restart(self, states: Iterable[AlertState], owned: frozenset[tuple[str, int]]) -> None:
        """Start again with the stored states of these partitions."""
        self.by_key = {(state.subject, state.id): state for state in states}
        self.owned = owned

    def get(self, key: NoticeKey) -> AlertState | None:
        """Return a state, if there is one."""
        return self.by_key.get(key)

    def is_open(self, key: NoticeKey) -> bool:
        """Return whether the receiver got an opening, or may have got it, and no end."""
        state = self.by_key.get(key)
        return state is not None and state.status != "none"

    def open_states(self) -> list[AlertState]:
        """Return the states whose end the receiver must still get."""
        return [state for state in self.by_key.values() if state.status != "none"]

    def digest_of(self, key: NoticeKey) -> str | None:
        """Return the key of the PagerDuty digest that a notice belongs to, if any."""
        state = self.by_key.get(key)
        return None if state is None else state.digest

    def last_notice(self, key: NoticeKey) -> Notice | None:
        """Return the notice that the receiver has; None when nothing is open for it."""
        state = self.by_key.get(key)
        return None if state is None or state.last_notice is None else stored_notice(key[0], state.last_notice)

    def owns(self, location: RecordLocation) -> bool:
        """Return whether this process still reads the partition of a record."""
        return (location.topic, location.partition) in self.owned

    def record(self, location: RecordLocation, state: AlertState) -> None:
        """Keep a state, unless its partition moved to another process."""
        if self.owns(location):
            self.by_key[state.subject, state.id] = state

    def forget(self, is_obsolete: Callable[[AlertState], bool]) -> list[AlertState]:
        """Drop and return the obsolete states."""
        obsolete = [state for state in self.by_key.values() if is_obsolete(state)]
        for state in obsolete:
            del self.by_key[state.subject, state.id]
        return obsolete

    def next_state(self, queued: QueuedNotice, revision: int, status: Status, now: float) -> AlertState:
        """Return the state after a notice was sent or given up. The caller records it."""
        is_over = status == "none"
        return AlertState(
            receiver=self.receiver,
            subject=queued.notice.subject,
            id=queued.notice.id,
            partition=queued.location.partition,
            revision=revision,
            status=status,
            last_notice=None if is_over else queued.notice.message,
            digest=None if is_over else self.digest_of(queued.notice.key),
            offset=queued.location.offset,
            written_at=format_time(int(now)),
        )
