"""Kafka clients in an event loop, for sources: their errors are one line that names the broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.broker.security import client_options
from streams.broker.topics import MAX_MESSAGE
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings
from streams.ingest.placement import placement


@asynccontextmanager
async def _started(kafka: KafkaSettings, client: Any) -> AsyncIterator[Any]:  # noqa: ANN401
    try:
        await client.start()
        yield client
    except KafkaError as error:
        raise BrokerError(f"kafka.bootstrap_servers {kafka.address}: {type(error).__name__}: {error}") from error
    finally:
        await _stop(client)


async def _stop(client: Any) -> None:  # noqa: ANN401
    """Stop a client. aiokafka raises CancelledError when it was started a moment ago, which nobody has asked for."""
    try:
        with suppress(KafkaError):  # what has failed has been reported
            await client.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise


@asynccontextmanager
async def consuming(kafka: KafkaSettings) -> AsyncIterator[Any]:
    """Yield a consumer without a group, of what is committed. Raises BrokerError.

    An offset that the broker has deleted is an error, never a leap.
    """
    options = {"enable_auto_commit": False, "auto_offset_reset": "none", "isolation_level": "read_committed"}
    async with _started(kafka, AIOKafkaConsumer(**client_options(kafka), **options)) as consumer:
        yield consumer


@asynccontextmanager
async def transacting(kafka: KafkaSettings, transactional_id: str) -> AsyncIterator[Any]:
    """Yield a producer of transactions; an older one of the same id ends, uncommitted. Raises BrokerError."""
    options = {"transactional_id": transactional_id, "linger_ms": 5, "max_request_size": MAX_MESSAGE}
    async with _started(kafka, AIOKafkaProducer(**client_options(kafka), **options)) as producer:
        await producer.begin_transaction()  # waits for the id
        await producer.commit_transaction()
        yield producer


def partition_of(kafka: KafkaSettings, partitions: int) -> Callable[[str], int]:
    """Return a function from an entity to its partition; by murmur2 where any hash will do."""
    partitioner = "murmur2" if kafka.partitioner == "any" else kafka.partitioner
    return placement(partitioner, partitions).of
