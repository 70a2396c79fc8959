"""SIGTERM and upgrades on Apache Kafka: the batch is finished, written and committed, and the group is left at once."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from streams.broker import topics
from streams.broker.changelog import read, writing
from tests.ebbtide import Cluster, Worker, wait_for
from tests.kafka import ApacheKafka

pytestmark = pytest.mark.kafka
SECONDS = 10  # that a worker has to end after SIGTERM
MESSAGES = 800


@pytest.fixture
def cluster(kafka: ApacheKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Make topics for the test, with batches so small that a worker is in the middle of many."""
    with closing(cluster_on(kafka, tmp_path, str(request.node.name))) as made:
        yield made


def cluster_on(kafka: ApacheKafka, directory: Path, test: str) -> Cluster:
    """Return a cluster that is named after a test."""
    return Cluster(kafka.address, f"shutdown-{test[5:15].strip('_')}", directory, EBBTIDE_WORKER_MAX_RECORDS="10")


def message(second: int) -> bytes:
    """Return a hundred measurements of one second."""
    series = (
        {"feed": "atlas", "ts": 1_466_121_600 + second, "asn": n, "member": "a", "up": True} for n in range(1, 101)
    )
    return orjson.dumps(list(series))


def busy(worker: Worker) -> bool:
    """Whether a worker is in the middle of its backlog; fail when it is through."""
    applied = int(worker.status().get(0, {}).get("applied", -1))
    assert applied < MESSAGES - 1
    return applied > 20


def end(worker: Worker) -> int:
    """Send SIGTERM and return the exit code; fail when it takes too long."""
    worker.process.send_signal(signal.SIGTERM)
    return worker.process.wait(SECONDS)


def group_state(cluster: Cluster) -> str:
    """Return the state of the workers' group."""
    with topics.connected(cluster.kafka) as admin:
        groups = {group["group_id"]: group["group_state"] for group in admin.list_groups()}
    return str(groups[cluster.kafka.app_id])


def test_sigterm_in_the_middle_of_a_backlog(cluster: Cluster) -> None:
    """Everything taken is saved and committed, so that the next worker skips nothing; the group is left at once."""
    cluster.send(*((0, b"asn/1", message(second)) for second in range(MESSAGES)))
    first = cluster.worker()
    wait_for("a worker in the middle of its work", lambda: busy(first))
    with (
        socket.create_connection(("127.0.0.1", first.port)) as asks,
        socket.create_connection(asks.getpeername()) as slow,
    ):
        asks.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")  # and stays, as Prometheus does
        assert asks.recv(12) == b"HTTP/1.1 200"
        slow.sendall(b"GET /metr")
        assert end(first) == 0
    assert first.complaints() == []
    assert group_state(cluster) == "Empty"
    committed = cluster.committed()[0]
    assert 20 < committed < MESSAGES

    second = cluster.worker()
    counts = second.wait_applied({0: MESSAGES - 1})[0]
    assert (counts["received"], counts["skipped"]) == (100 * MESSAGES, 0)
    assert end(second) == 0


def test_a_broker_that_hangs_does_not_hold_a_worker(own_kafka: ApacheKafka, tmp_path: Path) -> None:
    """It ends in time with code 1 and says what that means."""
    with closing(cluster_on(own_kafka, tmp_path, "test_hangs")) as cluster:
        worker = cluster.worker()
        cluster.send((0, b"asn/1", message(0)))
        worker.wait_applied({0: 0})
        with own_kafka.frozen():
            assert end(worker) == 1
    assert "ebbtide: not ended after 9 s: what was not saved will be read again" in worker.complaints()


def test_state_of_a_version_to_come_is_refused(cluster: Cluster) -> None:
    """One clear line and exit code 1; the state stays as it is, and is not taken for none."""
    worker = cluster.worker()
    cluster.send((0, b"asn/1", message(0)))
    worker.wait_applied({0: 0})
    assert end(worker) == 0
    head = b"0/head/"
    tables = read(cluster.kafka, 1, lambda _: None)
    row = tables[0][head][:4] + (99).to_bytes(2, "little") + tables[0][head][6:]
    with writing(cluster.kafka, lambda: tables) as logs:
        logs[0][head] = row

    later = cluster.worker()
    assert later.process.wait(60) == 1
    assert "a snapshot row has format 99, this version reads 1" in later.errors()
    assert "Traceback" not in later.errors()
    assert read(cluster.kafka, 1, lambda _: None)[0][head] == row
    assert cluster.committed() == {0: 1}
