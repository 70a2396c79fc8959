"""Where revisions come from: the topics, as a member of a group, or as an onlooker who commits nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from streams.alerts.delivery import Origin
from streams.alerts.offsets import Part
from streams.errors import BrokerError
from streams.kafka_clients import opened
from streams.settings import Kafka
from streams.topics import connected

RECORDS = 500


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

    def commit(self, offsets: Mapping[Part, int]) -> None:
        """Note what is settled."""

    def lag(self, offsets: Mapping[Part, int]) -> dict[str, int]:
        """Return by topic how many messages there are from these offsets on."""

    def ends(self) -> dict[Part, int]:
        """Return the end of each partition."""

    def close(self) -> None:
        """Leave."""


def group_of(kafka: Kafka) -> str:
    """Return the name of the group."""
    return f"{kafka.app_id}-alerts"


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

    def __init__(self, kafka: Kafka, **options: Any) -> None:  # noqa: ANN401
        self._kafka = kafka
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
        try:
            batches = self._consumer.poll(int(seconds * 1000))
        except KafkaError as error:
            raise BrokerError(f"{self._kafka.address}: cannot be read: {error}") from None
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
        """Return the end of each partition that is read here."""
        found = self._consumer.end_offsets(list(self._consumer.assignment()))
        return {(tp.topic, tp.partition): end for tp, end in found.items()}

    def close(self) -> None:
        """Leave."""
        self._consumer.close(autocommit=False, timeout_ms=3000)

    def _seek(self, committed: Mapping[Any, int | None]) -> dict[Part, int]:
        for tp, offset in committed.items():
            if offset is None:
                self._consumer.seek_to_beginning(tp)
            else:
                self._consumer.seek(tp, offset)
        return {(tp.topic, tp.partition): self._consumer.position(tp) for tp in committed}


class Member(_Reading):
    """A member of the group `APP_ID-alerts`."""

    def __init__(self, kafka: Kafka, topics: Iterable[str]) -> None:
        super().__init__(kafka, group_id=group_of(kafka), session_timeout_ms=int(kafka.session_timeout * 1000))
        self._listener, self._seen = _Listener(), 0
        self._consumer.subscribe(list(topics), listener=self._listener)

    def changed(self) -> Mapping[Part, int] | None:
        """Return the partitions when they came or went since, and the offsets that they are read from."""
        times = self._listener.times
        if times == self._seen:
            return None
        try:
            starts = self._seek({tp: self._consumer.committed(tp) for tp in self._consumer.assignment()})
        except IllegalStateError:  # one of them went away meanwhile, so they are looked at again
            return None
        except KafkaError as error:
            raise BrokerError(f"{self._kafka.address}: group {group_of(self._kafka)}: {error}") from None
        self._seen = times
        return starts

    def poll(self, seconds: float) -> list[Record]:
        """Return what has come within a time; nothing when partitions came or went meanwhile."""
        found = super().poll(seconds)
        return found if self._listener.times == self._seen else []

    def commit(self, offsets: Mapping[Part, int]) -> None:
        """Commit. What is refused since the partitions are another's by now will be settled by that one."""
        told = {TopicPartition(*part): OffsetAndMetadata(offset, "", -1) for part, offset in offsets.items()}
        try:
            self._consumer.commit(told, timeout_ms=5000)
        except (CommitFailedError, RebalanceInProgressError, UnknownMemberIdError):
            return
        except KafkaError as error:
            raise BrokerError(f"{self._kafka.address}: group {group_of(self._kafka)}: {error}") from None


class Onlooker(_Reading):
    """Reads all partitions from where the group is, joins nothing and commits nothing."""

    def __init__(self, kafka: Kafka, parts: Collection[Part]) -> None:
        super().__init__(kafka)
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
        return self._seek({TopicPartition(*part): committed.get(TopicPartition(*part)) for part in parts})

    def commit(self, offsets: Mapping[Part, int]) -> None:
        """Commit nothing."""
