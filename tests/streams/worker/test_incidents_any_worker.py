"""Any worker on Apache Kafka shows the outages and incidents of all, also one on standby and one just started."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from schemas.incident import OVER
from streams.broker.clients import sending
from tests.ebbtide import Cluster, Worker, wait_for
from tests.kafka import ApacheKafka
from tests.streams.two_partitions import messages, two_partitions

pytestmark = pytest.mark.kafka


@pytest.fixture
def cluster(kafka: ApacheKafka, tmp_path: Path) -> Iterator[Cluster]:
    """Two partitions, so that a country's networks are in different shards."""
    with two_partitions(kafka, "any-worker", tmp_path) as made:
        yield made


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


def lasts(incident: dict[str, Any]) -> bool:
    """Whether an incident goes on, beyond suspicion."""
    return incident["state"] in ("ongoing", "spreading")


def shows_all(worker: Worker, cluster: Cluster) -> bool:
    """Whether a worker shows what is in the topics, and names the incident of each outage."""
    outages, incidents = in_topic(cluster, "outages"), in_topic(cluster, "incidents")
    lasting = {name: incident for name, incident in incidents.items() if incident["state"] not in OVER}
    homes = {outage: name for name, incident in lasting.items() for outage in incident["outage_ids"]}
    outages = {name: {**outage, "incident_id": homes.get(name)} for name, outage in outages.items()}
    return everything(worker, "outages") == outages != {} and everything(worker, "incidents") == incidents != {}


def test_any_worker_answers_for_all(cluster: Cluster) -> None:
    """Two workers that read, one on standby and one that starts later show all; each exports its own incidents only."""
    workers = [cluster.worker() for _ in range(3)]
    (standby,) = wait_for("two workers that read and one on standby", lambda: on_standby(workers))
    assert standby.get("/readyz")[0] == 503
    assert standby.get("/readyz?standby=ok")[0] == 200
    cluster.send(*messages()[0])
    wait_for("an incident that lasts", lambda: any(map(lasts, in_topic(cluster, "incidents").values())))
    wait_for("all of the topics at the one on standby", lambda: shows_all(standby, cluster))
    assert standby.stop() == 0
    fresh = cluster.worker()
    crew = [*(worker for worker in workers if worker is not standby), fresh]
    (waiting,) = wait_for("two that read and one on standby, whoever it is", lambda: on_standby(crew))
    for worker in crew:
        wait_for(f"all of the topics at {worker.url}", partial(shows_all, worker, cluster))
        titles = re.findall(r"<title>(.*) · Ebbtide", worker.get("/")[1].decode())
        assert titles and re.match(r"\d+ ongoing incident", titles[0]), titles
    listed = cluster.run("incidents", "--all", "--worker", fresh.url)
    assert len(listed.stdout.splitlines()) == 1 + len(in_topic(cluster, "incidents")), listed.stderr
    assert listed.stderr == b""
    pages = [worker.get("/metrics")[1].decode() for worker in crew]
    exported = [line.partition("}")[0] for page in pages for line in page.splitlines() if "incident_info{" in line]
    assert len(exported) == len(set(exported)) > 0
    assert "ebbtide_standby 1.0" in pages[crew.index(waiting)]
    assert "ebbtide_ready 0.0" in pages[crew.index(waiting)]
    detail = json.loads(waiting.get("/api/v1/series/asn/1")[1])["detail"]
    assert any(worker.url in detail for worker in crew if worker is not waiting)
    spoil(cluster)
    text = (
        f"1 record of the topics of outages and incidents cannot be read, the newest in topic {cluster.kafka.outages}"
    )
    wait_for("the record that is none", lambda: text.encode() in waiting.get("/")[1])
    assert "ebbtide_events_unreadable_total 1.0" in waiting.get("/metrics")[1].decode()
    listed = cluster.run("outages", "--worker", waiting.url)
    assert (listed.returncode, listed.stderr.decode().count(text)) == (0, 1)


def spoil(cluster: Cluster) -> None:
    """Send a record that is no outage to their topic."""
    with sending(cluster.kafka, cluster.kafka.outages) as send:
        send(b"0123456789abcdef", b"[")
