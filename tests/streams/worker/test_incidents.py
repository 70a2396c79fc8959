"""Incidents of a worker on Apache Kafka, killed in the middle, against `ebbtide detect --incidents` on all at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.cloudevents import incident_headers
from schemas.incident import decode_incident
from tests.ebbtide import Cluster, Worker, ebbtide, wait_for
from tests.kafka import ApacheKafka
from tests.streams.finding_helpers import two_feeds
from tests.streams.two_partitions import messages, two_partitions

pytestmark = pytest.mark.kafka


@pytest.fixture
def cluster(kafka: ApacheKafka, tmp_path: Path) -> Iterator[Cluster]:
    """Two partitions, so that a country's networks are in different shards."""
    with two_partitions(kafka, "incidents", tmp_path) as made:
        yield made


def detected(directory: Path) -> list[bytes]:
    """What `ebbtide detect --incidents` says of all the measurements."""
    file = directory / "measurements.jsonl"
    file.write_bytes(b"\n".join(value for _, value in two_feeds()))
    done = ebbtide("detect", "--incidents", "--settings", directory / "feeds.toml", file)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def shown(worker: Worker) -> list[dict[str, Any]]:
    """The incidents on the worker's page."""
    code, body = worker.get("/api/v1/incidents")
    return list(json.loads(body)["incidents"]) if code == 200 else []


def by_id(values: list[bytes]) -> dict[str, list[bytes]]:
    """Revisions of each incident, each once, in the order in which they first came."""
    found: dict[str, list[bytes]] = {}
    for value in dict.fromkeys(values):
        found.setdefault(json.loads(value)["incident_id"], []).append(value)
    return found


def test_incidents_are_those_of_detect_though_the_worker_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    """The same ids, revisions and bytes in the same order, with their headers; what is open is on the pages."""
    head, tail = messages()
    worker = cluster.worker()
    worker.wait_ready()
    cluster.send(*head)
    wait_for("an open incident", lambda: {incident["state"] for incident in shown(worker)} & {"spreading", "ongoing"})
    assert b"ebbtide_incident_start_timestamp_seconds{" in worker.get("/metrics")[1]
    wait_for("a snapshot", lambda: b"ebbtide_snapshots_total 0.0" not in worker.get("/metrics")[1])
    ends = cluster.send(*tail)
    worker.kill()

    second = cluster.worker()
    second.wait_applied(
        {number: max(end for end, record in zip(ends, tail, strict=True) if record[0] == number) for number in (0, 1)}
    )
    expected = by_id(detected(tmp_path))
    assert any(len(revisions) > 3 for revisions in expected.values())
    records: list[Any] = []

    def all_there() -> bool:
        records[:] = cluster.all_records(cluster.kafka.incidents)
        return {record.value for record in records} >= {value for revisions in expected.values() for value in revisions}

    wait_for("the incidents", all_there)
    assert by_id([record.value for record in records]) == expected
    for record in records:
        incident = decode_incident(record.value)
        assert record.key == incident.incident_id.encode()
        assert list(record.headers) == incident_headers(incident)
    assert b'ebbtide_open_incidents{severity="total"} 0.0' in second.get("/metrics")[1]
    over = {incident["incident_id"] for incident in shown(second)}
    assert over <= expected.keys()
    assert second.stop() == 0
