"""Workers with areas on real brokers: the bytes of `ebbtide detect`, through kills and a state that was carried on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import orjson
import pytest

from schemas.api import Status
from streams.broker import topics
from streams.cli.demo_broker import embedded_broker
from tests.ebbtide import Cluster, Worker, wait_for
from tests.kafka import ApacheKafka
from tests.streams.divided import NETWORKS, alone, of_areas, traffic
from tests.streams.helpers import run

FEEDS = "".join(
    f'[feeds.{kind}]\nsignal = "test"\nkind = "{kind}"\nbin = "1h"\nlateness = "10m"\n'
    'areas = ["country", "region", "region+access"]\n'
    for kind in ("gauge", "presence")
)
HOMES = {asn: asn % 2 for asn in range(1, NETWORKS + 1)}
Messages = Sequence[tuple[int, bytes]]


def cluster_of(address: str, name: str, directory: Path, partitions: int) -> Cluster:
    """Make topics and settings of feeds with areas."""
    feeds = directory / "feeds.toml"
    feeds.write_text(FEEDS)
    short = {
        "EBBTIDE_WORKER_IDLE_AFTER": "1s",
        "EBBTIDE_WORKER_SNAPSHOT_EVERY": "1s",
        "EBBTIDE_WORKER_MAX_RECORDS": "50",
    }
    return Cluster(address, name, directory, feeds, EBBTIDE_KAFKA_PARTITIONS=str(partitions), **short)


def send(cluster: Cluster, messages: Messages) -> None:
    """Send messages, each to the home partition of its network."""
    home_of = {asn: home % cluster.kafka.partitions for asn, home in HOMES.items()}
    cluster.send(*((home_of[asn], b"asn/%d" % asn, value) for asn, value in messages))


def outages(cluster: Cluster) -> list[bytes]:
    """Return the outages of areas that were sent."""
    return of_areas(record.value for record in cluster.all_records(cluster.kafka.outages))


def expected(cluster: Cluster, messages: Messages) -> set[bytes]:
    """Return what `ebbtide detect` says of areas."""
    return set(alone(cluster.settings, messages))


def areas_of(worker: Worker) -> dict[str, int | None]:
    """Return which bin each combination has closed last. The answer has what its document says, and no more."""
    answer = orjson.loads(worker.get("/api/v1/status")[1])
    found = msgspec.convert(answer, Status)
    assert msgspec.to_builtins(found) == answer
    return {name: start for stage in found.areas.values() for name, start in stage.closed.items()}


def state(cluster: Cluster, *arguments: object) -> None:
    """Run `ebbtide state`."""
    done = cluster.run("state", *arguments)
    assert done.returncode == 0, done.stderr


def passed_over(cluster: Cluster) -> bool:
    """Return whether all partials are committed and no measurement is."""
    with topics.connected(cluster.kafka) as client:
        found = client.list_group_offsets([cluster.kafka.app_id])[cluster.kafka.app_id]
    committed = {tp.partition: at.offset for tp, at in found.items() if tp.topic == cluster.kafka.partials}
    numbers, topic = range(cluster.kafka.partitions), cluster.kafka.partials
    counts = {number: len(cluster.records(topic, number)) for number in numbers}
    return committed == {number: count for number, count in counts.items() if count} and not cluster.committed()


@pytest.mark.kafka
def test_areas_through_kills_and_a_state_carried_over(kafka: ApacheKafka, tmp_path: Path) -> None:
    """Two partitions with networks, one without: SIGTERM, export, reset and import, then kill -9; no byte differs."""
    cluster, messages = cluster_of(kafka.address, "areas", tmp_path, 3), traffic(8, ("gauge", "presence"))
    whole, thirds = expected(cluster, messages), len(messages) // 3
    assert len(whole) > 10
    try:
        first = cluster.worker()
        first.wait_ready()
        send(cluster, messages[:thirds])
        wait_for("areas that have closed bins", lambda: len(found := areas_of(first)) == 6 and all(found.values()))
        assert first.stop() == 0
        saved = tmp_path / "saved.state"
        state(cluster, "export", saved)
        state(cluster, "reset", "--yes")
        assert passed_over(cluster)
        state(cluster, "import", saved)
        second = cluster.worker()
        second.wait_ready()
        before = areas_of(second)
        send(cluster, messages[thirds : 2 * thirds])
        wait_for("areas again", lambda: (found := areas_of(second)) != before and found and all(found.values()))
        second.kill()
        third = cluster.worker()
        send(cluster, messages[2 * thirds :])
        wait_for("all outages of areas", lambda: set(outages(cluster)) >= whole)
        assert set(outages(cluster)) == whole
        page = third.get("/metrics")[1].decode()
        summed = run(cluster.settings, [value for _, value in messages]).shard.areas["gauge"].summed.values()
        assert f'ebbtide_area_series{{feed="gauge"}} {sum(len(areas.index) for areas in summed):.1f}' in page
        assert 'ebbtide_partials_late_total{feed="gauge"} 0.0' in page
        assert third.stop() == 0
        assert [line for line in third.complaints() if "producer buffer full" not in line] == []
    finally:
        cluster.close()


@pytest.mark.embedded
def test_areas_on_the_embedded_broker(tmp_path: Path) -> None:
    """One partition: what goes on in an area is on the page of outages, with its facets."""
    messages = traffic(9, ("gauge", "presence"), bins=22)
    with embedded_broker(tmp_path) as address:
        cluster = cluster_of(address, "embedded-areas", tmp_path, 1)
        try:
            worker = cluster.worker()
            worker.wait_ready()
            send(cluster, messages)
            whole = expected(cluster, messages)
            wait_for("all outages of areas", lambda: set(outages(cluster)) >= whole != set())
            assert set(outages(cluster)) == whole
            shown = orjson.loads(worker.get("/api/v1/outages?limit=100")[1])["outages"]
            open_ = [outage for outage in shown if outage["state"] == "open"]
            series = {(outage["entity"], *outage["facets"].values()) for outage in open_}
            assert series >= {
                ("region/IR-12",),
                ("region/IR-12", "mobile"),
            }
        finally:
            cluster.close()
