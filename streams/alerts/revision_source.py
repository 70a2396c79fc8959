"""Reads revisions from Kafka: as a member of the consumer group, or in a dry run without committing."""

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

from streams.alerts.delivery_types import RecordLocation
from streams.alerts.offsets import Part
from streams.broker.clients import opened
from streams.broker.topics import ALERTS_GROUP, committed_offsets, connected
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings

LOG = logging.getLogger("ebbtide.alerts")
RECORDS = 500
PATIENCE_MS = 30_000  # for answers that the service cannot run without
ASK_EVERY, ANSWER_MS = 10.0, 2000  # seconds between checks of the broker, and milliseconds for its answer


class RevisionRecord(NamedTuple):
    """A record of an input topic. `value` is None for a tombstone."""

    location: RecordLocation
    value: bytes | None


class RevisionSource(Protocol):
    """A source of revisions. `changed`, `poll`, `commit` and `ends` raise BrokerError."""

    def changed(self) -> Mapping[Part, int] | None:
        """Return the partitions and the offsets to read from, if the partitions changed since the last call."""

    def poll(self, seconds: float) -> list[RevisionRecord]:
        """Return the records that arrive within a time."""

    def commit(self, offsets: Mapping[Part, int]) -> bool:
        """Commit offsets. Return False if they were not committed."""

    def lag(self, offsets: Mapping[Part, int]) -> dict[str, int]:
        """Return for each topic the number of records from these offsets on."""

    def ends(self) -> dict[Part, int]:
        """Return the end of each partition."""

    def answers(self) -> bool:
        """Return whether the broker answers."""

    def close(self) -> None:
        """Close the connection."""


def group_of(kafka: KafkaSettings) -> str:
    """Return the name of the consumer group."""
    return ALERTS_GROUP.format(kafka.app_id)


@contextmanager
def _broker_errors(kafka: KafkaSettings, action: str) -> Iterator[None]:
    """In `with`: turn an error of the client into a BrokerError of one line that names the brokers."""
    try:
        yield
    except KafkaError as error:
        raise BrokerError(f"{kafka.address}: {action}: {error}") from None


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts rebalances. A thread of the client calls it."""

    def __init__(self) -> None:
        self.times = 0

    def on_partitions_revoked(self, revoked: object) -> None:
        """Count."""
        self.times += 1

    def on_partitions_assigned(self, assigned: object) -> None:
        """Count."""
        self.times += 1


class _KafkaSource:
    """The common part of both sources."""

    def __init__(
        self,
        kafka: KafkaSettings,
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
            isolation_level="read_committed",
            **options,
        )

    def poll(self, seconds: float) -> list[RevisionRecord]:
        """Return the records that arrive within a time. Raises BrokerError."""
        with _broker_errors(self._kafka, "cannot be read"):
            batches = self._consumer.poll(int(seconds * 1000))
        records = (record for batch in batches.values() for record in batch)
        return [
            RevisionRecord(RecordLocation(record.topic, record.partition, record.offset), record.value)
            for record in records
        ]

    def lag(self, offsets: Mapping[Part, int]) -> dict[str, int]:
        """Return for each topic the number of records from these offsets on, as far as the client has seen."""
        found: dict[str, int] = {}
        for tp in self._consumer.assignment():
            end = None
            with suppress(AssertionError):  # the partition was revoked meanwhile
                end = self._consumer.highwater(tp)
            if end is not None:
                at = offsets.get((tp.topic, tp.partition), end)
                found[tp.topic] = found.get(tp.topic, 0) + max(0, end - at)
        return found

    def ends(self) -> dict[Part, int]:
        """Return the end of each assigned partition. Raises BrokerError."""
        with _broker_errors(self._kafka, "cannot be read"):
            found = self._consumer.end_offsets(list(self._consumer.assignment()), timeout_ms=PATIENCE_MS)
        return {(tp.topic, tp.partition): end for tp, end in found.items()}

    def answers(self) -> bool:
        """Return whether a broker answers. `poll` cannot say: an absent broker looks like an idle topic."""
        if self._clock() >= self._ask_at:
            before, self._answered = self._answered, self._asked()
            self._ask_at = self._clock() + ASK_EVERY
            if self._answered != before:
                news = "a broker answers again" if self._answered else "no broker answers"
                LOG.warning("%s: %s", self._kafka.address, news)
        return self._answered

    def _asked(self) -> bool:
        try:
            self._consumer.end_offsets(self._first, timeout_ms=ANSWER_MS)
        except KafkaError:
            return False
        return True

    def close(self) -> None:
        """Close the connection."""
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
            raise KafkaTimeoutError(f"no answer about the start of {tp.topic}/{tp.partition} in time")
        return at


class GroupSource(_KafkaSource):
    """Reads as a member of the group `APP_ID-alerts`."""

    def __init__(
        self, kafka: KafkaSettings, topics: Collection[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        group, session = group_of(kafka), int(kafka.session_timeout * 1000)
        super().__init__(kafka, topics, clock, group_id=group, session_timeout_ms=session)
        self._listener, self._seen = _Listener(), 0
        self._consumer.subscribe(list(topics), listener=self._listener)

    def changed(self) -> Mapping[Part, int] | None:
        """Return the partitions and the offsets to read from, if a rebalance happened. Raises BrokerError."""
        times = self._listener.times
        if times == self._seen:
            return None
        with _broker_errors(self._kafka, f"group {group_of(self._kafka)}"):
            try:
                starts = self._seek({tp: self._committed(tp) for tp in self._consumer.assignment()})
            except IllegalStateError:  # a partition was revoked meanwhile, so the next call looks again
                return None
        self._seen = times
        return starts

    def _committed(self, tp: TopicPartition) -> int | None:
        offset: int | None = self._consumer.committed(tp, timeout_ms=PATIENCE_MS)
        return offset

    def poll(self, seconds: float) -> list[RevisionRecord]:
        """Return the records that arrive within a time; none when a rebalance happened meanwhile."""
        found = super().poll(seconds)
        return found if self._listener.times == self._seen else []

    def commit(self, offsets: Mapping[Part, int]) -> bool:
        """Commit offsets. Return False if another process owns the partitions now. Raises BrokerError."""
        committed = {TopicPartition(*part): OffsetAndMetadata(offset, "", -1) for part, offset in offsets.items()}
        with (
            _broker_errors(self._kafka, f"group {group_of(self._kafka)}"),
            suppress(CommitFailedError, RebalanceInProgressError, UnknownMemberIdError),
        ):
            self._consumer.commit(committed, timeout_ms=5000)
            return True
        return False


class DryRunSource(_KafkaSource):
    """Reads all partitions from the offsets of the group. Joins no group and commits nothing."""

    def __init__(
        self, kafka: KafkaSettings, parts: Collection[Part], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(kafka, {topic for topic, _ in parts}, clock)
        self._parts: Collection[Part] | None = parts
        self._consumer.assign([TopicPartition(*part) for part in sorted(parts)])

    def changed(self) -> Mapping[Part, int] | None:
        """Return all partitions and the offsets to read from, once. Raises BrokerError."""
        parts, self._parts = self._parts, None
        if parts is None:
            return None
        group = group_of(self._kafka)
        with connected(self._kafka) as admin:
            offsets = committed_offsets(admin, group)
        committed = {tp: at.offset for tp, at in offsets.items() if at.offset >= 0}
        with _broker_errors(self._kafka, "cannot be read"):
            return self._seek({TopicPartition(*part): committed.get(TopicPartition(*part)) for part in parts})

    def commit(self, offsets: Mapping[Part, int]) -> bool:
        """Commit nothing."""
        return False
