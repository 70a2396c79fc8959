"""A producer that fails is an error of the broker, after which a source connects again; never one of Python."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.broker.async_clients import transacting
from streams.config.errors import BrokerError
from streams.sources.part_clock import Position
from streams.sources.senders import DeadRecord, KafkaSender, SourceBatch
from tests.ebbtide import Cluster
from tests.kafka import ApacheKafka

pytestmark = pytest.mark.kafka
POSITIONS = {"0": Position(done=1)}


def batch(value: bytes) -> SourceBatch:
    """Return a batch of one rejected record."""
    return SourceBatch([], [DeadRecord("t", "0", 0, value, "invalid", "")], POSITIONS)


def fail(producer: Any) -> None:  # noqa: ANN401
    """Forget the coordinator of transactions, and close the connection to whoever is asked for it."""

    async def closed(*_: object) -> None:
        raise KafkaConnectionError("closed")

    producer._sender._coordinators.clear()
    producer.client.coordinator_lookup = closed


async def test_producer_that_loses_its_coordinator(kafka: ApacheKafka, tmp_path: Path) -> None:
    """Neither the batch that meets the failure nor the next one is there; the next producer sends again."""
    cluster = Cluster(kafka.address, "senders", tmp_path)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # aiokafka leaves futures that nobody awaits
    with pytest.raises(BrokerError, match=r"^kafka\.bootstrap_servers 127\.0\.0\.1.*the producer has failed"):
        async with transacting(cluster.kafka, "senders") as producer:
            sender = KafkaSender(cluster.kafka, "s", producer, 1)
            await sender.send(batch(b"first"))
            fail(producer)
            with pytest.raises(Exception, match="Unexpected error"):
                await sender.send(batch(b"lost"))
            await sender.send(batch(b"lost, too"))
    async with transacting(cluster.kafka, "senders") as producer:
        await KafkaSender(cluster.kafka, "s", producer, 1).send(batch(b"second"))
    records = cluster.records(cluster.kafka.dead, is_committed=True)
    assert [record.value for record in records] == [b"first", b"second"]
