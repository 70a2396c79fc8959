"""Kafka clients for everything but Faust. Their errors are one line that names the broker, or the topic."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from kafka import KafkaConsumer, KafkaProducer, net
from kafka.errors import KafkaError, KafkaTimeoutError, RequestTimedOutError, SaslAuthenticationFailedError

from schemas.cloudevents import Headers
from schemas.rejections import one_line
from streams.broker.codecs import lend
from streams.broker.security import client_options
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings

CONNECT_MS = 8000
CLOSE = 5.0  # seconds that a producer may take to close
PATIENCE = 60.0  # seconds without a record, or without a delivery, after which the broker is given up
# kafka-python raises the causes of a failed bootstrap nowhere, it only logs them; `faust_check` checks that it does.
BOOTSTRAP_LOG = logging.getLogger(net.__name__)
lend()


class Send(Protocol):
    """Sends one message; a value of None deletes the key from a compacted topic."""

    def __call__(
        self,
        key: bytes,
        value: bytes | None,
        partition: int | None = None,
        topic: str = ...,
        headers: Headers | None = None,
    ) -> None:
        """Send it; a topic that is given takes the place of the one for all."""


def opened(kafka: KafkaSettings, kind: Callable[..., Any], **options: Any) -> Any:  # noqa: ANN401
    """Return a client. Raises BrokerError when no broker answers or accepts it, SettingsError for a TLS file."""
    with FirstCause() as cause:
        try:
            return kind(**client_options(kafka), bootstrap_timeout_ms=CONNECT_MS, **options)
        except (KafkaError, OSError, ValueError) as error:
            raise _no_answer(kafka, error, cause) from None


@contextmanager
def reading(kafka: KafkaSettings, **options: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield a consumer without a group, of what is committed.

    Raises BrokerError when no broker answers or one refuses a request.
    """
    consumer = opened(kafka, KafkaConsumer, enable_auto_commit=False, isolation_level="read_committed", **options)
    try:
        yield consumer
    except KafkaError as error:
        raise BrokerError(f"{kafka.address}: cannot be read: {error}") from None
    finally:
        consumer.close()


@contextmanager
def sending(kafka: KafkaSettings, topic: str, **options: Any) -> Iterator[Send]:  # noqa: ANN401
    """Yield a function that sends to a topic; on exit all are delivered. Raises BrokerError when one is not."""
    producer = opened(kafka, KafkaProducer, acks="all", **options)
    try:
        with deliveries(producer, topic) as send:
            yield send
    except KafkaError as error:
        raise BrokerError(f"{kafka.address}: topic {topic} was not written: {error}") from None
    finally:
        close(producer)


@contextmanager
def deliveries(producer: Any, topic: str) -> Iterator[Send]:  # noqa: ANN401
    """Yield a function that sends; on exit wait until all are delivered. Raises KafkaError.

    `flush` would wait without a limit where a broker stops answering.
    """
    futures: list[Any] = []

    def send(
        key: bytes,
        value: bytes | None,
        partition: int | None = None,
        topic: str = topic,
        headers: Headers | None = None,
    ) -> None:
        futures.append(producer.send(topic, key=key, value=value, partition=partition, headers=headers or []))

    yield send
    for future in futures:
        future.get(PATIENCE)


def close(producer: Any) -> None:  # noqa: ANN401
    """Close a producer; one whose broker does not answer gives up what is not delivered, after an error has said so."""
    with suppress(KafkaError):
        producer.close(CLOSE)


_TIMEOUTS = (KafkaTimeoutError, RequestTimedOutError)


class FirstCause(logging.Handler):
    """Context manager that keeps the first error kafka-python logs: it retries, and raises only that time is up."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the first error among the record's arguments that is no timeout; an error of the login replaces it."""
        for argument in record.args if isinstance(record.args, tuple) else ():
            is_login = isinstance(argument, SaslAuthenticationFailedError)
            is_cause = isinstance(argument, Exception) and not isinstance(argument, _TIMEOUTS)
            if is_login or (is_cause and not self.text):
                self.text = one_line(str(argument))

    def __enter__(self) -> FirstCause:
        BOOTSTRAP_LOG.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        BOOTSTRAP_LOG.removeHandler(self)


def _no_answer(kafka: KafkaSettings, error: Exception, cause: FirstCause) -> BrokerError:
    """Return the error for brokers that do not answer, or that refuse the login."""
    # Kafka often hangs up on a wrong password before its answer has come through.
    hint = " (the login may be wrong)" if kafka.uses_sasl and "disconnected" in cause.text else ""
    why = f"{error}{cause.text and f': {cause.text}'}{hint}"
    return BrokerError(f"kafka.bootstrap_servers {kafka.address}: no Kafka broker answers: {why}")
