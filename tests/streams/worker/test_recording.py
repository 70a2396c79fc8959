"""The shipped recording through `ebbtide replay` and `ebbtide worker` on Apache Kafka, against `ebbtide detect`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.cloudevents import outage_headers
from schemas.outage import decode_outage
from tests.ebbtide import FEEDS, MEASUREMENTS, Cluster, Worker, ebbtide, wait_for
from tests.halves import halves
from tests.kafka import ApacheKafka

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def detected() -> list[bytes]:
    """Return the lines of `ebbtide detect` on the recording."""
    done = ebbtide("detect", "--settings", FEEDS, MEASUREMENTS)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 3
    return done.stdout.splitlines()


@pytest.fixture
def cluster(kafka: ApacheKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Make topics for the test."""
    name = str(request.node.name).removeprefix("test_").replace("_", "-")
    made = Cluster(kafka.address, name[:40], tmp_path)
    yield made
    made.close()


def replay(cluster: Cluster) -> int:
    """Send the recording and return the last offset."""
    done = cluster.run("replay", MEASUREMENTS)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.startswith(b"10,550 messages sent\n")
    return 10_549


def test_recording_gives_the_bytes_of_detect_and_a_restart_repeats_nothing(
    cluster: Cluster, detected: list[bytes]
) -> None:
    """Same messages in the same order, with their headers; SIGTERM saves all, so that nothing is read again."""
    worker = cluster.worker()
    worker.wait_ready()
    last = replay(cluster)
    counts = worker.wait_applied({0: last})[0]
    assert (counts["received"], counts["binned"], counts["late"], counts["dead"]) == (10_550, 10_550, 0, {})
    assert worker.stop() == 0
    assert (worker.complaints(), worker.output()) == ([], b"")

    records = cluster.records(cluster.kafka.outages)
    assert [record.value for record in records] == detected
    for record in records:
        outage = decode_outage(record.value)
        assert record.key == outage.outage_id.encode()
        assert list(record.headers) == outage_headers(outage)
    assert cluster.committed() == {0: last + 1}

    again = cluster.worker()
    again.wait_ready()
    again.wait_applied({0: last})  # what is known is there before anything new comes
    assert again.get("/api/v1/outages")[0] == 200
    later = b'{"feed":"atlas","ts":1466121600,"asn":1,"member":"a","up":true}'
    cluster.send((0, b"asn/1", later))
    counts = again.wait_applied({0: last + 1})[0]
    assert (counts["received"], counts["skipped"], counts["binned"]) == (10_551, 0, 10_551)
    assert len(cluster.records(cluster.kafka.outages)) == len(detected)


def test_kill_in_the_middle_changes_no_outage(cluster: Cluster, detected: list[bytes]) -> None:
    """After kill -9 and a restart the same revisions have the same bytes, and none is missing."""
    cluster.environment["EBBTIDE_WORKER_MAX_RECORDS"] = "50"
    cluster.environment["EBBTIDE_WORKER_SNAPSHOT_EVERY"] = "1s"
    worker = cluster.worker()
    worker.wait_ready()
    head, tail = halves(cluster.directory)
    assert cluster.run("replay", head).returncode == 0
    wait_for("an open outage", lambda: _open_outages(worker))
    wait_for("a snapshot", lambda: b"ebbtide_snapshots_total 0.0" not in worker.get("/metrics")[1])
    assert cluster.run("replay", tail).returncode == 0
    worker.kill()

    second = cluster.worker()
    second.wait_applied({0: 10_549})
    assert second.stop() == 0
    values = [record.value for record in cluster.records(cluster.kafka.outages)]
    assert set(values) == set(detected)
    assert values[-len(detected) :][-1] == detected[-1]
    assert _last(values) == _last(detected)


def _open_outages(worker: Worker) -> list[str]:
    found = json.loads(worker.get("/api/v1/outages")[1])["outages"]
    return [outage["entity"] for outage in found if outage["state"] == "open"]


def _last(values: list[bytes]) -> dict[str, bytes]:
    """Return the newest revision of each outage."""
    found = sorted(((json.loads(value), value) for value in values), key=lambda pair: int(pair[0]["revision"]))
    return {outage["outage_id"]: value for outage, value in found}
