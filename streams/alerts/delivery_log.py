"""What is written down: states in `alerts.state`, dead letters in `alerts.dead`. Back only when it has arrived."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

import msgspec
import orjson
from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas import alertstate
from schemas.alertstate import AlertState, decode_state
from schemas.cloudevents import Headers
from schemas.deadletter import alert_headers
from schemas.rejections import one_line
from streams.alerts.delivery_types import Dead
from streams.alerts.notice import recalled
from streams.alerts.revision_source import Record
from streams.broker.changelog import read_tables
from streams.broker.clients import opened
from streams.broker.topics import MAX_MESSAGE
from streams.config.errors import BrokerError
from streams.config.settings import Kafka

LOG = logging.getLogger("ebbtide.alerts")
PATIENCE = 30.0  # seconds until what is written must have arrived
Sent: TypeAlias = tuple[str, bytes, bytes | None, Headers]  # topic, key, value, headers


class Journal(Protocol):
    """Where states and dead letters go."""

    def write(self, states: Iterable[AlertState], dead: Iterable[tuple[str, Dead]]) -> None:
        """Write these down; the dead letters each with its receiver."""

    def reject(self, record: Record, detail: str) -> None:
        """Write down a message that is no revision of anything."""

    def forget(self, states: Iterable[AlertState]) -> None:
        """Take out what was written down of these."""

    def close(self) -> None:
        """End."""


class Topics:
    """The journal in Kafka."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        options = {"acks": "all", "enable_idempotence": True, "max_request_size": MAX_MESSAGE}
        self._producer = opened(kafka, KafkaProducer, **options)

    def write(self, states: Iterable[AlertState], dead: Iterable[tuple[str, Dead]]) -> None:
        """Write these down. Raises BrokerError when they do not arrive."""
        its = self._kafka
        sent: list[Sent] = [(its.alerts_state, alertstate.key(one), alertstate.encode(one), []) for one in states]
        for receiver, one in dead:
            headers = alert_headers(one.reason, one_line(one.detail), receiver, *one.origin)
            sent.append((its.alerts_dead, one.notice.id.encode(), orjson.dumps(one.notice.message), headers))
        self._send(sent)

    def reject(self, record: Record, detail: str) -> None:
        """Write down a message that is no revision of anything. Raises BrokerError when it does not arrive."""
        headers = alert_headers("not-a-message", one_line(detail), "", *record.origin)
        self._send([(self._kafka.alerts_dead, b"", record.value or b"", headers)])

    def forget(self, states: Iterable[AlertState]) -> None:
        """Delete these from the compacted topic. Raises BrokerError when that does not arrive."""
        self._send([(self._kafka.alerts_state, alertstate.key(one), None, []) for one in states])

    def close(self) -> None:
        """End."""
        self._producer.close(timeout=3)

    def _send(self, sent: Sequence[Sent]) -> None:
        try:
            futures = [self._producer.send(topic, value, key=key, headers=more) for topic, key, value, more in sent]
            for future in futures:
                future.get(PATIENCE)
        except KafkaError as error:
            raise BrokerError(f"{self._kafka.address}: what was delivered cannot be written down: {error}") from None


class Nowhere:
    """The journal of a dry run."""

    def write(self, states: Iterable[AlertState], dead: Iterable[tuple[str, Dead]]) -> None:
        """Write nothing."""

    def reject(self, record: Record, detail: str) -> None:
        """Write nothing."""

    def forget(self, states: Iterable[AlertState]) -> None:
        """Write nothing."""

    def close(self) -> None:
        """End."""


def read_states(kafka: Kafka, partitions: int) -> list[AlertState]:
    """Return what each receiver has been told; what is no state is a line of the log. Raises BrokerError."""
    tables = read_tables(kafka, kafka.alerts_state, partitions, lambda _: None)
    return states_of(
        kafka.alerts_state, (pair for _, table in sorted(tables.items()) for pair in sorted(table.items()))
    )


def states_of(topic: str, messages: Iterable[tuple[bytes, bytes]]) -> list[AlertState]:
    """Return the states in messages of a topic, by key; one that is none must not keep all others from their alerts."""
    found = []
    for key, value in messages:
        try:
            found.append(_state(value))
        except (msgspec.DecodeError, TypeError) as error:  # the latter for a number that cannot be written again
            where = f"topic {topic}, key {one_line(key.decode(errors='replace'))}"
            LOG.warning("%s: not a state, the receiver may be told again: %s", where, one_line(str(error)))
    return found


def _state(value: bytes) -> AlertState:
    state = decode_state(value)
    if state.told is not None:
        recalled(state.subject, state.told)  # it is read again when the next revision comes
    return state
