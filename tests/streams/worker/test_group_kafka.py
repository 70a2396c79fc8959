"""The names of workers in their group, on Apache Kafka: one that comes back elsewhere, and two that share a name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from tests.ebbtide import Cluster, wait_for
from tests.kafka import ApacheKafka

pytestmark = pytest.mark.kafka
MESSAGE = orjson.dumps({"feed": "atlas", "ts": 1_466_121_600, "asn": 1, "member": "a", "up": True})


@pytest.fixture
def cluster(kafka: ApacheKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Make topics for the test, and settings that name the worker."""
    name = f"group-{request.node.name[5:20].strip('_')}"
    with closing(Cluster(kafka.address, name, tmp_path, EBBTIDE_KAFKA_INSTANCE="north")) as made:
        yield made


@pytest.mark.parametrize("ends", ["stop", "kill"])
def test_a_worker_that_comes_back_at_another_port(cluster: Cluster, ends: str) -> None:
    """It gets its partitions back under its name, becomes ready and reads on, after an orderly end and a crash."""
    first = cluster.worker()
    cluster.send((0, b"asn/1", MESSAGE))
    first.wait_applied({0: 0})
    getattr(first, ends)()
    second = cluster.worker()
    assert second.port != first.port
    second.wait_ready()
    cluster.send((0, b"asn/1", MESSAGE))
    second.wait_applied({0: 1})
    assert second.stop() == 0
    assert second.complaints() == []


def test_two_workers_of_one_name(cluster: Cluster) -> None:
    """The worker that had the name ends with code 1 and one line that names it; the other reads on."""
    first = cluster.worker()
    first.wait_ready()
    second = cluster.worker()
    wait_for("the end of the first worker", lambda: first.process.poll() is not None)
    assert first.process.returncode == 1
    (line,) = first.complaints()
    assert line.startswith(
        f"ebbtide: kafka.instance north: another worker of the group {cluster.kafka.app_id} has this"
    )
    second.wait_ready()
    cluster.send((0, b"asn/1", MESSAGE))
    second.wait_applied({0: 0})
    assert second.complaints() == []


def test_any_free_port(cluster: Cluster) -> None:
    """With `web.port = 0` a worker says where its pages are."""
    cluster.environment["EBBTIDE_KAFKA_INSTANCE"] = "south"
    worker = cluster.worker(port=0)
    wait_for("the line that names the port", worker.errors)
    (line,) = worker.complaints()
    assert line.startswith("ebbtide: web.port 0: the pages are at http://127.0.0.1:")
    worker.url = line.partition(" at ")[2]
    worker.wait_ready()
