"""Several messages of which consumers read all or none, and an error within a time limit where no broker answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from streams.broker.clients import PATIENCE, Send, close, deliveries, opened
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings

TRANSACTION_MS = 300_000  # a broker ends a transaction that has been open for so long


@contextmanager
def transaction(
    kafka: KafkaSettings,
    topic: str,
    name: str,
    before: Callable[[], None],
    **options: Any,  # noqa: ANN401
) -> Iterator[Send]:
    """Yield a function that sends to a topic, all of it or nothing. `name`: its transactional id.

    `before`: called when the brokers have all of it, before it counts. Raises BrokerError when one does not take it.
    """
    options |= {"acks": "all", "transactional_id": name, "transaction_timeout_ms": TRANSACTION_MS}
    producer = opened(kafka, KafkaProducer, **options)
    try:
        producer.init_transactions()
        producer.begin_transaction()
        with _aborted_on_error(producer):
            with deliveries(producer, topic) as send:
                yield send
            before()
            _commit(kafka, topic, producer)
    except KafkaError as error:
        raise BrokerError(f"{kafka.address}: nothing of topic {topic} was changed: {error}") from None
    finally:
        close(producer)


@contextmanager
def _aborted_on_error(producer: Any) -> Iterator[None]:  # noqa: ANN401
    try:
        yield
    except BaseException:
        with suppress(KafkaError):  # without a broker, the transaction ends by its timeout
            _answered(producer.abort_transaction)
        raise


def _commit(kafka: KafkaSettings, topic: str, producer: Any) -> None:  # noqa: ANN401
    try:
        _answered(producer.commit_transaction)
    except KafkaTimeoutError:
        raise BrokerError(
            f"{kafka.address}: topic {topic} has all changes or none: no broker answered the commit within "
            f"{PATIENCE:g} s; repeat the command when one does"
        ) from None


def _answered(call: Callable[[], None]) -> None:
    """Make a call that waits for a broker without a limit. Raises KafkaTimeoutError after PATIENCE, or its error."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001  # raised in the caller's thread
            errors.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if thread.is_alive():
        raise KafkaTimeoutError(f"no answer within {PATIENCE:g} s")
    for error in errors:
        raise error
