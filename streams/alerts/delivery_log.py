"""Writes states to the topic `alerts.state` and dead letters to `alerts.dead`. Each call returns after they arrived."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

import msgspec
import orjson
from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas import alertstate, installation
from schemas.alertstate import AlertState, decode_state
from schemas.cloudevents import Headers
from schemas.deadletter import alert_headers, fitted
from schemas.rejections import one_line
from streams.alerts.delivery_types import DeadNotice
from streams.alerts.notice import stored_notice
from streams.alerts.revision_source import RevisionRecord
from streams.broker.changelog import read_tables
from streams.broker.clients import opened
from streams.broker.topics import MAX_DEAD, MAX_MESSAGE
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings

LOG = logging.getLogger("ebbtide.alerts")
PATIENCE = 30.0  # seconds until a record must have arrived
Sent: TypeAlias = tuple[str, bytes, bytes | None, Headers]  # topic, key, value, headers


class DeliveryLog(Protocol):
    """Stores states and dead letters."""

    def write(self, states: Iterable[AlertState], dead_letters: Iterable[tuple[str, DeadNotice]]) -> None:
        """Write states, and dead letters with the names of their receivers."""

    def reject(self, record: RevisionRecord, detail: str) -> None:
        """Write a record that is no incident or outage as a dead letter."""

    def forget(self, states: Iterable[AlertState]) -> None:
        """Delete states."""

    def close(self) -> None:
        """Close the connection."""


class KafkaDeliveryLog:
    """The delivery log in Kafka. Every method that writes raises BrokerError when a record does not arrive."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        options = {"acks": "all", "enable_idempotence": True, "max_request_size": MAX_MESSAGE}
        self._producer = opened(kafka, KafkaProducer, **options)

    def write(self, states: Iterable[AlertState], dead_letters: Iterable[tuple[str, DeadNotice]]) -> None:
        """Write states, and dead letters with the names of their receivers."""
        topic = self._kafka.alerts_state
        sent: list[Sent] = [(topic, alertstate.key(state), alertstate.encode(state), []) for state in states]
        for receiver, dead in dead_letters:
            headers = alert_headers(dead.reason, one_line(dead.detail), receiver, *dead.location)
            sent.append((self._kafka.alerts_dead, dead.notice.id.encode(), orjson.dumps(dead.notice.message), headers))
        self._send(sent)

    def reject(self, record: RevisionRecord, detail: str) -> None:
        """Write a record that is no incident or outage as a dead letter."""
        value, more = fitted(record.value or b"", MAX_DEAD)
        headers = alert_headers("not-a-message", one_line(detail), "", *record.location)
        self._send([(self._kafka.alerts_dead, b"", value, headers + more)])

    def forget(self, states: Iterable[AlertState]) -> None:
        """Delete states from the compacted topic."""
        self._send([(self._kafka.alerts_state, alertstate.key(state), None, []) for state in states])

    def close(self) -> None:
        """Close the connection."""
        self._producer.close(timeout=3)

    def _send(self, sent: Sequence[Sent]) -> None:
        try:
            futures = [
                self._producer.send(topic, value, key=key, headers=headers) for topic, key, value, headers in sent
            ]
            for future in futures:
                future.get(PATIENCE)
        except KafkaError as error:
            raise BrokerError(f"{self._kafka.address}: the delivery log cannot be written: {error}") from None


class DryRunDeliveryLog:
    """The delivery log of a dry run: writes nothing."""

    def write(self, states: Iterable[AlertState], dead_letters: Iterable[tuple[str, DeadNotice]]) -> None:
        """Write nothing."""

    def reject(self, record: RevisionRecord, detail: str) -> None:
        """Write nothing."""

    def forget(self, states: Iterable[AlertState]) -> None:
        """Write nothing."""

    def close(self) -> None:
        """Do nothing."""


def read_states(kafka: KafkaSettings, partitions: int) -> list[AlertState]:
    """Return all states in the topic. A record that is no state is logged. Raises BrokerError."""
    tables = read_tables(kafka, kafka.alerts_state, partitions, lambda _: None)
    pairs = (pair for _, table in sorted(tables.items()) for pair in sorted(table.items()))
    return decode_states(kafka.alerts_state, pairs)


def decode_states(topic: str, messages: Iterable[tuple[bytes, bytes]]) -> list[AlertState]:
    """Return the states in records of a topic, given as key and value. A broken record is logged and skipped."""
    states = []
    for key, value in messages:
        if key.startswith(installation.KEY):
            continue
        try:
            states.append(_decode(value))
        except (msgspec.DecodeError, TypeError) as error:  # TypeError: a number that cannot be written again
            where = f"topic {topic}, key {one_line(key.decode(errors='replace'))}"
            LOG.warning("%s: not a state, so the receiver may get messages again: %s", where, one_line(str(error)))
    return states


def _decode(value: bytes) -> AlertState:
    state = decode_state(value)
    if state.last_notice is not None:
        stored_notice(state.subject, state.last_notice)  # the next revision needs it, so it must decode
    return state
