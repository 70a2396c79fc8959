"""Incidents of a worker on Apache Kafka, killed in the middle, against `ebbtide detect --incidents` on all at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from schemas.cloudevents import incident_headers
from schemas.incident import decode_incident
from tests.ebbtide import Cluster, Worker, ebbtide, wait_for
from tests.kafka import ApacheKafka
from tests.streams.finding_helpers import DARK, FEEDS, HOUR, START, two_feeds

pytestmark = pytest.mark.kafka

Message = tuple[int, bytes, bytes]
MIDDLE = START + (max(DARK.values()) + 3) * HOUR  # while all that fall are dark


@pytest.fixture
def cluster(kafka: ApacheKafka, tmp_path: Path) -> Iterator[Cluster]:
    """Two partitions, so that a country's networks are in different shards."""
    feeds = tmp_path / "feeds.toml"
    feeds.write_text(FEEDS)
    more = {"EBBTIDE_WORKER_SNAPSHOT_EVERY": "1s", "EBBTIDE_WORKER_MAX_RECORDS": "100"}
    made = Cluster(kafka.address, "incidents", tmp_path, feeds, EBBTIDE_KAFKA_PARTITIONS="2", **more)
    yield made
    made.close()


def messages() -> tuple[list[Message], list[Message]]:
    """The measurements up to the middle, and the rest."""
    made = [(json.loads(value)["ts"], (asn % 2, b"asn/%d" % asn, value)) for asn, value in two_feeds()]
    return [record for ts, record in made if ts < MIDDLE], [record for ts, record in made if ts >= MIDDLE]


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


def everything(worker: Worker, kind: str) -> dict[str, dict[str, Any]]:
    """The outages or incidents that a worker shows, by id."""
    code, body = worker.get(f"/api/v1/{kind}?limit=1000")
    return {found[f"{kind[:-1]}_id"]: found for found in json.loads(body)[kind]} if code == 200 else {}


def in_topic(cluster: Cluster, kind: str) -> dict[str, dict[str, Any]]:
    """The last record of each outage or incident in its topic."""
    values = [json.loads(record.value) for record in cluster.all_records(getattr(cluster.kafka, kind))]
    return {value[f"{kind[:-1]}_id"]: value for value in values}


def on_standby(workers: list[Worker]) -> list[Worker]:
    """The workers on standby, once all others are ready."""
    states = [(worker, *worker.get("/readyz")) for worker in workers]
    waiting = [worker for worker, _, body in states if b"standby: other workers have all partitions" in body]
    return waiting if len(waiting) + [code for _, code, _ in states].count(200) == len(workers) else []


def is_open(incident: bytes) -> bool:
    """Whether a revision of an incident is one that lasts, beyond suspicion."""
    return json.loads(incident)["state"] in ("ongoing", "spreading")


def shows_all(worker: Worker, cluster: Cluster) -> bool:
    """Whether a worker shows what is in the topics."""
    return all(everything(worker, kind) == in_topic(cluster, kind) != {} for kind in ("outages", "incidents"))


def test_any_worker_answers_for_all(cluster: Cluster) -> None:
    """Two workers, one on standby, and one that starts later show all, and each exports its own only."""
    workers = [cluster.worker() for _ in range(3)]
    (standby,) = wait_for("two workers that read and one on standby", lambda: on_standby(workers))
    assert standby.get("/readyz")[0] == 503
    assert standby.get("/readyz?standby=ok")[0] == 200
    cluster.send(*messages()[0])
    topic = cluster.kafka.incidents
    wait_for("an incident", lambda: any(is_open(record.value) for record in cluster.all_records(topic)))
    assert standby.stop() == 0
    fresh = cluster.worker()
    readers = [worker for worker in workers if worker is not standby]
    wait_for("a fresh worker on standby", lambda: on_standby([*readers, fresh]) == [fresh])
    for worker in (*readers, fresh):
        wait_for(f"all of the topics at {worker.url}", partial(shows_all, worker, cluster))
        titles = re.findall(r"<title>(.*) · Ebbtide", worker.get("/")[1].decode())
        assert titles and re.match(r"\d+ ongoing incident", titles[0]), titles
    listed = cluster.run("incidents", "--all", "--worker", fresh.url)
    assert len(listed.stdout.splitlines()) == 1 + len(in_topic(cluster, "incidents")), listed.stderr
    pages = [worker.get("/metrics")[1].decode() for worker in (*readers, fresh)]
    exported = [line.partition("}")[0] for page in pages for line in page.splitlines() if "incident_info{" in line]
    assert len(exported) == len(set(exported)) > 0
    assert "ebbtide_standby 1.0" in pages[-1]
    assert "ebbtide_ready 0.0" in pages[-1]
    detail = json.loads(fresh.get("/api/v1/series/asn/1")[1])["detail"]
    assert any(worker.url in detail for worker in readers)
