"""Follows the topics of outages and incidents, so that each worker knows those of all workers, also after a restart."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from threading import Lock, Thread
from typing import Any, Generic, Protocol, TypeVar, cast

from kafka import TopicPartition
from kafka.errors import KafkaError, TopicAuthorizationFailedError
from msgspec import DecodeError

from schemas.incident import OVER, decode_incident
from schemas.outage import RUNNING, decode_outage
from schemas.rejections import one_line
from streams.broker import topics
from streams.broker.clients import reading
from streams.broker.remark_topic import OperatorRemarks
from streams.config.errors import BrokerError, EbbtideError
from streams.config.settings import KafkaSettings
from streams.worker.client_lines import ClientLines
from streams.worker.source_reports import SourceReports

RETRY_SECONDS = 1.0
PROBE_SECONDS, PROBE_MS = 2.0, 5000  # between two questions to the broker, and for its answer
SILENT_SECONDS = 60.0  # without an answer or an error: whatever follows the topics hangs or has ended
NO_BROKER = "no Kafka broker answers"  # in the errors of `broker.clients` too
log = logging.getLogger(__name__)


class _Revision(Protocol):
    @property
    def updated_at(self) -> str:
        """Event time of the revision."""


E = TypeVar("E", bound=_Revision)


class NewestRevisions(Generic[E]):
    """The last record of each key of a topic: all that lasts, and at least the `limit` that were updated last of the
    rest. A thread writes it, another reads it.
    """

    def __init__(self, limit: int, decode: Callable[[bytes], E], is_over: Callable[[E], bool]) -> None:
        self._limit, self._decode, self._is_over = limit, decode, is_over
        self._ongoing: dict[bytes, E] = {}
        self._over: dict[bytes, E] = {}
        self._lock = Lock()

    def put(self, key: bytes, value: bytes | None) -> None:
        """Put the value of a record; None deletes the key. Raises DecodeError."""
        event = None if value is None else self._decode(value)
        with self._lock:
            self._ongoing.pop(key, None)
            self._over.pop(key, None)
            if event is not None:
                (self._over if self._is_over(event) else self._ongoing)[key] = event
            if len(self._over) > 2 * self._limit:
                self._forget()

    def _forget(self) -> None:
        newest = sorted(self._over.items(), key=lambda item: item[1].updated_at)[-self._limit :]
        self._over = dict(newest)

    def lasting(self) -> list[E]:
        """Return what is not over."""
        with self._lock:
            return list(self._ongoing.values())

    def values(self) -> list[E]:
        """Return all that is kept."""
        with self._lock:
            return [*self._over.values(), *self._ongoing.values()]


class _Store(Protocol):
    """What keeps the records of a topic."""

    def put(self, key: bytes, value: bytes | None) -> None:
        """Put the value of a record; None deletes the key. Raises DecodeError."""


class TopicEvents:
    """The outages and incidents in their topics.

    `is_whole`: whether the topics have been read to the ends that they had at the start; `limit`: number of ended
    outages and incidents that are kept; `count_unreadable`: called for each record that is neither; `clock`: wall time
    since any fixed instant (s).
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        limit: int,
        count_unreadable: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.outages = NewestRevisions(limit, decode_outage, lambda outage: outage.state not in RUNNING)
        self.incidents = NewestRevisions(limit, decode_incident, lambda incident: incident.state in OVER)
        self.remarks, self.sources = OperatorRemarks(), SourceReports()
        self.is_whole, self._trouble = False, cast("str | None", None)
        self._kafka, self._lines = kafka, ClientLines()
        self._count_unreadable, self._clock = count_unreadable, clock
        self._unreadable, self._newest_unreadable = 0, ""
        self._answered_at: float | None = None  # when the broker answered last; None before it is asked
        self._by_topic: dict[str, _Store] = {
            kafka.outages: self.outages,
            kafka.incidents: self.incidents,
            kafka.remarks: self.remarks,
            kafka.sources_state: self.sources,
        }
        self._following: dict[TopicPartition, int] = {}

    def follow(self) -> None:
        """Read the topics from their beginning, then new records, in a thread of its own, until the process ends.

        From now on it is this thread that says when no broker answers; the clients' own lines about it are left out.
        """
        self._lines.install()
        self._answered_at = self._clock()
        Thread(target=self._follow, name="topic-events", daemon=True).start()

    def put(self, records: Iterable[Any]) -> None:
        """Put records. One that cannot be read is logged and left out."""
        for record in records:
            self._following[TopicPartition(record.topic, record.partition)] = record.offset + 1
            try:
                self._by_topic[record.topic].put(record.key or b"", record.value)
            except DecodeError as error:
                at = f"topic {record.topic}, partition {record.partition}, offset {record.offset}"
                log.warning(
                    "%s: neither outage nor incident nor remark nor report of a source: %s", at, one_line(str(error))
                )
                self._unreadable, self._newest_unreadable = self._unreadable + 1, at
                self._count_unreadable()

    @property
    def trouble(self) -> str | None:
        """Why the topics cannot be read at present; None when the broker answers, or was not asked yet."""
        silent = 0.0 if self._answered_at is None else self._clock() - self._answered_at
        late = f"outages and incidents have not been followed for {silent / 60:.0f} min"
        return self._trouble or (late if silent > SILENT_SECONDS else None)

    def notices(self) -> list[str]:
        """Return a phrase on the records that cannot be read, if there are any."""
        if not self._unreadable:
            return []
        count = f"{self._unreadable} record{'s' * (self._unreadable > 1)} of the topics of outages and incidents"
        return [f"{count} cannot be read, the newest in {self._newest_unreadable}"]

    def _follow(self) -> None:
        down_at: float | None = None
        while True:
            try:
                for _ in self._rounds():
                    if down_at is not None:
                        self._note_return(time.monotonic() - down_at)
                    self._lines.report()
                    self._answered_at = self._clock()
                    down_at = self._trouble = None
            except (EbbtideError, KafkaError, OSError, ValueError) as error:
                if self._leaves_sources(error):
                    continue
                reason = one_line(str(error))
                self._trouble = NO_BROKER if NO_BROKER in reason else "outages and incidents cannot be read"
                if down_at is None:
                    down_at = time.monotonic()
                    log.warning("%s", reason)
                time.sleep(RETRY_SECONDS)

    def _leaves_sources(self, error: Exception) -> bool:
        """Go on without the reports of sources when they may not be read; return whether that is why."""
        topic = self._kafka.sources_state
        if not isinstance(error, TopicAuthorizationFailedError) or topic not in str(error):
            return False
        log.warning("topic %s may not be read: the state of sources is not known", topic)
        return self._by_topic.pop(topic, None) is not None

    def _note_return(self, seconds: float) -> None:
        text = "a Kafka broker answers again after %.0f s; %d lines of the clients were left out"
        log.warning(text, seconds, self._lines.take())

    def _rounds(self) -> Iterator[None]:
        """Read for ever; yield whenever the broker has answered. Raises BrokerError when it does not answer."""
        with reading(self._kafka, auto_offset_reset="earliest") as consumer:
            parts = self._assign(consumer)
            ends, asked = _ends(self._kafka, consumer, parts), time.monotonic()
            yield
            while True:
                for batch in consumer.poll(200).values():
                    self.put(batch)
                self.is_whole = self.is_whole or all(consumer.position(tp) >= ends[tp] for tp in parts)
                if time.monotonic() - asked > PROBE_SECONDS:
                    _probe(self._kafka, consumer, parts[:1])
                    asked = time.monotonic()
                    yield

    def _assign(self, consumer: Any) -> list[TopicPartition]:  # noqa: ANN401
        parts = [
            TopicPartition(topic, n) for topic in self._by_topic for n in consumer.partitions_for_topic(topic) or ()
        ]
        consumer.assign(parts)
        for tp in parts:
            if tp in self._following:
                consumer.seek(tp, self._following[tp])
            else:
                consumer.seek_to_beginning(tp)
        return parts


def _ends(kafka: KafkaSettings, consumer: Any, parts: list[TopicPartition]) -> dict[TopicPartition, int]:  # noqa: ANN401
    try:
        return dict(consumer.end_offsets(parts, timeout_ms=PROBE_MS))
    except KafkaError as error:
        raise BrokerError(f"kafka.bootstrap_servers {kafka.address}: no Kafka broker answers: {error}") from None


def _probe(kafka: KafkaSettings, consumer: Any, parts: list[TopicPartition]) -> None:  # noqa: ANN401
    """Ask a broker for the end of partitions. Raises BrokerError if none answers.

    A deleted topic has no end; the worker's partitions are refused when they write to it, and say why.
    """
    try:
        _ends(kafka, consumer, parts)
    except BrokerError:
        if any(tp.topic in topics.existing(kafka) for tp in parts):
            raise
