"""Clients of Kafka beside Faust's: what goes wrong with one is a line that names the broker, or the topic."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, RequestTimedOutError, SaslAuthenticationFailedError

from schemas.rejections import one_line
from streams.broker.security import client_options
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings

CONNECT_MS = 8000
PATIENCE = 60.0  # seconds without a record, or without a delivery, after which the broker is given up


class Send(Protocol):
    """Sends one message; None deletes what a compacted topic holds of the key."""

    def __call__(self, key: bytes, value: bytes | None, partition: int | None = None) -> None:
        """Send it."""


def opened(kafka: KafkaSettings, kind: Callable[..., Any], **options: Any) -> Any:  # noqa: ANN401
    """Return a client of a kind. Raises BrokerError when no broker answers or lets it in, SettingsError for a file."""
    with FirstCause() as cause:
        try:
            return kind(**client_options(kafka), bootstrap_timeout_ms=CONNECT_MS, **options)
        except (KafkaError, OSError, ValueError) as error:
            raise _no_answer(kafka, error, cause) from None


@contextmanager
def reading(kafka: KafkaSettings) -> Iterator[Any]:
    """Yield a consumer of no group. Raises BrokerError when no broker answers, and for what one refuses."""
    consumer = opened(kafka, KafkaConsumer, enable_auto_commit=False)
    try:
        yield consumer
    except KafkaError as error:
        raise BrokerError(f"{kafka.address}: cannot be read: {error}") from None
    finally:
        consumer.close()


@contextmanager
def sending(kafka: KafkaSettings, topic: str, **options: Any) -> Iterator[Send]:  # noqa: ANN401
    """Yield what sends to a topic; at the end all that was sent has arrived. Raises BrokerError when it has not."""
    producer = opened(kafka, KafkaProducer, acks="all", **options)
    futures: list[Any] = []

    def send(key: bytes, value: bytes | None, partition: int | None = None) -> None:
        futures.append(producer.send(topic, key=key, value=value, partition=partition))

    try:
        yield send
        producer.flush()
        for future in futures:
            future.get(PATIENCE)
    except KafkaError as error:
        raise BrokerError(f"{kafka.address}: topic {topic} was not written: {error}") from None
    finally:
        producer.close()


class FirstCause(logging.Handler):
    """In `with`: keeps the first error that kafka-python met, since it tries again until time is up and raises that."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Note the first error that is logged as it is, better one of the login; that time ran out says nothing."""
        for one in record.args if isinstance(record.args, tuple) else ():
            login = isinstance(one, SaslAuthenticationFailedError)
            vain = not isinstance(one, Exception) or isinstance(one, KafkaTimeoutError | RequestTimedOutError)
            if login or not (vain or self.text):
                self.text = one_line(str(one))

    def __enter__(self) -> FirstCause:
        logging.getLogger("kafka.net").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("kafka.net").removeHandler(self)


def _no_answer(kafka: KafkaSettings, error: Exception, cause: FirstCause) -> BrokerError:
    """Return the error for brokers that do not answer, or that let nobody in."""
    # Kafka often hangs up on a wrong password before its answer has come through.
    hint = " (the login may be wrong)" if kafka.uses_sasl and "disconnected" in cause.text else ""
    why = f"{error}{cause.text and f': {cause.text}'}{hint}"
    return BrokerError(f"kafka.bootstrap_servers {kafka.address}: no Kafka broker answers: {why}")
