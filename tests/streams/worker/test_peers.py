"""The address of the worker that has a network, by the hash that producers use; of workers made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from streams.config.settings import KafkaSettings, WebSettings
from streams.ingest.placement import placement
from streams.worker.agents import Worker
from streams.worker.peers import elsewhere

OWNERS = {f"http://worker-{number}:6066": [number] for number in range(4)}


def worker_with(kafka: KafkaSettings) -> Worker:
    """Return a worker of a group in which each of four workers reads one partition."""
    assignor = SimpleNamespace(owners=lambda topic: OWNERS)
    settings = SimpleNamespace(kafka=kafka, web=WebSettings())
    return cast("Worker", SimpleNamespace(app=SimpleNamespace(assignor=assignor), settings=settings))


@pytest.mark.parametrize("partitioner", ["murmur2", "crc32", "fnv1a"])
def test_a_network_is_where_its_key_hashes_to(partitioner: str) -> None:
    """One address, which follows the setting."""
    worker = worker_with(KafkaSettings(partitions=4, partitioner=partitioner))  # type: ignore[arg-type]
    for asn in range(1, 50):
        number = placement(partitioner, 4).of(f"asn/{asn}")
        expected = f"Its series are in the worker at http://worker-{number}:6066 (partition {number})."
        assert elsewhere(worker, f"asn/{asn}") == expected


def test_where_producers_choose_any_partition_any_worker_may_have_it() -> None:
    """All addresses, and none that would be a guess."""
    text = elsewhere(worker_with(KafkaSettings(partitions=4, partitioner="any")), "asn/1")
    assert [url in text for url in OWNERS] == [True] * 4
