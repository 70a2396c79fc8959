"""Where revisions come from: the topics, as a member of a group, or as an onlooker who commits nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, Protocol

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    KafkaTimeoutError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from streams.alerts.delivery_types import Origin
from streams.alerts.offsets import Part
from streams.broker.clients import opened
from streams.broker.topics import connected
from streams.config.errors import BrokerError
from streams.config.settings import Kafka

LOG = logging.getLogger("ebbtide.alerts")
RECORDS = 500
PATIENCE_MS = 30_000  # for what cannot go on without an answer
ASK_EVERY, ANSWER_MS = 10.0, 2000  # seconds between questions whether a broker is there, and for its answer


class Record(NamedTuple):
    """A message: where it stood and what it holds."""

    origin: Origin
    value: bytes | None


class Source(Protocol):
    """Something that revisions are read from."""

    def changed(self) -> Mapping[Part, int] | None:
        """Return the partitions when they are others than before, and the committed offsets that they are read from."""

    def poll(self, seconds: float) -> list[Record]:
        """Return what has come within a time."""

    def commit(self, offsets: Mapping[Part, int]) -> bool:
        """Note what is settled, and say whether that will be known to whoever reads next."""

    def lag(self, offsets: Mapping[Part, int]) -> dict[str, int]:
        """Return by topic how many messages there are from these offsets on."""

    def ends(self) -> dict[Part, int]:
        """Return the end of each partition."""

    def answers(self) -> bool:
        """Say whether what is read from is there."""

    def close(self) -> None:
        """Leave."""


def group_of(kafka: Kafka) -> str:
    """Return the name of the group."""
    return f"{kafka.app_id}-alerts"


@contextmanager
def _naming(kafka: Kafka, what: str) -> Iterator[None]:
    """In `with`: what a client raises becomes one line, which names the brokers."""
    try:
        yield
    except KafkaError as error:
        raise BrokerError(f"{kafka.address}: {what}: {error}") from None


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts how often partitions came or went. It is called by a thread of the client's."""

    def __init__(self) -> None:
        self.times = 0

    def on_partitions_revoked(self, revoked: object) -> None:
        """Count."""
        self.times += 1

    def on_partitions_assigned(self, assigned: object) -> None:
        """Count."""
        self.times += 1


class _Reading:
    """What a member and an onlooker have in common."""

    def __init__(
        self,
        kafka: Kafka,
        topics: Iterable[str],
        clock: Callable[[], float],
        **options: Any,  # noqa: ANN401
    ) -> None:
        self._kafka, self._clock, self._first = kafka, clock, [TopicPartition(topic, 0) for topic in topics]
        self._ask_at, self._answered = clock() + ASK_EVERY, True
        self._consumer = opened(
            kafka,
            KafkaConsumer,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=RECORDS,
            **options,
        )

    def poll(self, seconds: float) -> list[Record]:
        """Return what has come within a time. Raises BrokerError."""
        with _naming(self._kafka, "cannot be read"):
            batches = self._consumer.poll(int(seconds * 1000))
        found = (record for batch in batches.values() for record in batch)
        return [Record(Origin(one.topic, one.partition, one.offset), one.value) for one in found]

    def lag(self, offsets: Mapping[Part, int]) -> dict[str, int]:
        """Return by topic how many messages there are from these offsets on, as far as is known."""
        found: dict[str, int] = {}
        for tp in self._consumer.assignment():
            end = None
            with suppress(AssertionError):  # it went away meanwhile
                end = self._consumer.highwater(tp)
            if end is not None:
                at = offsets.get((tp.topic, tp.partition), end)
                found[tp.topic] = found.get(tp.topic, 0) + max(0, end - at)
        return found

    def ends(self) -> dict[Part, int]:
        """Return the end of each partition that is read here. Raises BrokerError."""
        with _naming(self._kafka, "cannot be read"):
            found = self._consumer.end_offsets(list(self._consumer.assignment()), timeout_ms=PATIENCE_MS)
        return {(tp.topic, tp.partition): end for tp, end in found.items()}

    def answers(self) -> bool:
        """Say whether a broker answers. It is asked now and then, since reading from one that is away looks quiet."""
        if self._clock() >= self._ask_at:
            was, self._answered = self._answered, self._asked()
            self._ask_at = self._clock() + ASK_EVERY
            if self._answered != was:
                what = "a broker answers again" if self._answered else "no broker answers"
                LOG.warning("%s: %s", self._kafka.address, what)
        return self._answered

    def _asked(self) -> bool:
        try:
            self._consumer.end_offsets(self._first, timeout_ms=ANSWER_MS)
        except KafkaError:
            return False
        return True

    def close(self) -> None:
        """Leave."""
        self._consumer.close(autocommit=False, timeout_ms=3000)

    def _seek(self, committed: Mapping[Any, int | None]) -> dict[Part, int]:
        for tp, offset in committed.items():
            if offset is None:
                self._consumer.seek_to_beginning(tp)
            else:
                self._consumer.seek(tp, offset)
        return {(tp.topic, tp.partition): self._position(tp) for tp in committed}

    def _position(self, tp: TopicPartition) -> int:
        at: int | None = self._consumer.position(tp, timeout_ms=PATIENCE_MS)
        if at is None:
            raise KafkaTimeoutError(f"where {tp.topic}/{tp.partition} begins is not known in time")
        return at


class Member(_Reading):
    """A member of the group `APP_ID-alerts`."""

    def __init__(self, kafka: Kafka, topics: Collection[str], clock: Callable[[], float] = time.monotonic) -> None:
        group, session = group_of(kafka), int(kafka.session_timeout * 1000)
        super().__init__(kafka, topics, clock, group_id=group, session_timeout_ms=session)
        self._listener, self._seen = _Listener(), 0
        self._consumer.subscribe(list(topics), listener=self._listener)

    def changed(self) -> Mapping[Part, int] | None:
        """Return the partitions when they came or went since, and the offsets that they are read from."""
        times = self._listener.times
        if times == self._seen:
            return None
        with _naming(self._kafka, f"group {group_of(self._kafka)}"):
            try:
                starts = self._seek({tp: self._committed(tp) for tp in self._consumer.assignment()})
            except IllegalStateError:  # one of them went away meanwhile, so they are looked at again
                return None
        self._seen = times
        return starts

    def _committed(self, tp: TopicPartition) -> int | None:
        offset: int | None = self._consumer.committed(tp, timeout_ms=PATIENCE_MS)
        return offset

    def poll(self, seconds: float) -> list[Record]:
        """Return what has come within a time; nothing when partitions came or went meanwhile."""
        found = super().poll(seconds)
        return found if self._listener.times == self._seen else []

    def commit(self, offsets: Mapping[Part, int]) -> bool:
        """Commit; False when it is refused since the partitions are another's by now, who will settle it."""
        told = {TopicPartition(*part): OffsetAndMetadata(offset, "", -1) for part, offset in offsets.items()}
        with (
            _naming(self._kafka, f"group {group_of(self._kafka)}"),
            suppress(CommitFailedError, RebalanceInProgressError, UnknownMemberIdError),
        ):
            self._consumer.commit(told, timeout_ms=5000)
            return True
        return False


class Onlooker(_Reading):
    """Reads all partitions from where the group is, joins nothing and commits nothing."""

    def __init__(self, kafka: Kafka, parts: Collection[Part], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(kafka, {topic for topic, _ in parts}, clock)
        self._parts: Collection[Part] | None = parts
        self._consumer.assign([TopicPartition(*part) for part in sorted(parts)])

    def changed(self) -> Mapping[Part, int] | None:
        """Return all partitions, once, and the offsets that they are read from."""
        parts, self._parts = self._parts, None
        if parts is None:
            return None
        group = group_of(self._kafka)
        with connected(self._kafka) as admin:
            offsets = admin.list_group_offsets([group])[group]
        committed = {tp: at.offset for tp, at in offsets.items() if at.offset >= 0}
        with _naming(self._kafka, "cannot be read"):
            return self._seek({TopicPartition(*part): committed.get(TopicPartition(*part)) for part in parts})

    def commit(self, offsets: Mapping[Part, int]) -> bool:
        """Commit nothing."""
        return False
