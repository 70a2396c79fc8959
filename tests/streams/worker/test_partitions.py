"""Several partitions and workers: one that leaves, partitions that fall silent, and one that is behind."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.outage import encode
from streams.pipeline.process import Tally, process
from streams.pipeline.shard import Shard
from tests.ebbtide import FEEDS, MEASUREMENTS, Cluster, wait_for
from tests.kafka import ApacheKafka

pytestmark = pytest.mark.kafka

START = 1_700_000_040 - 1_700_000_040 % 3600
HITS = """
[feeds.hits]
signal = "traffic"
kind = "count"
bin = "1m"
lateness = "0s"
"""
Message = tuple[int, bytes, bytes]


@pytest.fixture
def clusters() -> Iterator[list[Cluster]]:
    """Collect clusters; none of their workers outlives the test."""
    made: list[Cluster] = []
    yield made
    for cluster in made:
        cluster.close()


def hits_cluster(kafka: ApacheKafka, directory: Path, name: str, idle_after: str) -> Cluster:
    """Make two partitions for a feed of counts in bins of a minute."""
    feeds = directory / "feeds.toml"
    feeds.write_text(HITS)
    return Cluster(
        kafka.address, name, directory, feeds, EBBTIDE_KAFKA_PARTITIONS="2", EBBTIDE_WORKER_IDLE_AFTER=idle_after
    )


def hits(partition: int, asn: int, minutes: range, each: int = 1) -> list[Message]:
    """Return counts of one network, `each` messages a minute that sum up to about a thousand."""
    found = []
    for minute in minutes:
        for part in range(each):
            ts = START + 60 * minute + part * 60 // each
            value = (1000 + minute * 7919 % 41) / each
            text = json.dumps({"feed": "hits", "ts": ts, "asn": asn, "value": value})
            found.append((partition, f"asn/{asn}".encode(), text.encode()))
    return found


def expected(cluster: Cluster) -> set[bytes]:
    """Return the outages of each partition's log alone, through the pure pipeline."""
    found: set[bytes] = set()
    for number in range(cluster.kafka.partitions):
        records = cluster.records(cluster.kafka.measurements, number)
        received = [record.timestamp / 1000.0 for record in records]
        values, offsets = [record.value for record in records], [record.offset for record in records]
        found |= {
            encode(outage) for outage in process(Shard(cluster.settings), Tally(), values, offsets, received).outages
        }
    return found


def test_two_workers_of_which_one_leaves(kafka: ApacheKafka, tmp_path: Path, clusters: list[Cluster]) -> None:
    """Three partitions give the results of each alone, although one worker stops in the middle."""
    three = {"EBBTIDE_KAFKA_PARTITIONS": "3", "EBBTIDE_WORKER_IDLE_AFTER": "1h"}
    cluster = Cluster(kafka.address, "two-workers", tmp_path, FEEDS, **three)
    clusters.append(cluster)
    first, second = cluster.worker(), cluster.worker()
    wait_for("both workers with partitions", lambda: cluster_is_shared(cluster))
    lines = gzip.decompress(MEASUREMENTS.read_bytes()).splitlines(keepends=True)
    middle = next(at for at, line in enumerate(lines) if json.loads(line)["ts"] >= START_OF_THE_END)
    for name, part in (("head", lines[:middle]), ("tail", lines[middle:])):
        (tmp_path / name).write_bytes(b"".join(part))

    assert cluster.run("replay", tmp_path / "head").returncode == 0
    ends = {number: len(cluster.records(cluster.kafka.measurements, number)) - 1 for number in range(3)}
    wait_for("all of the first half", lambda: all_applied(cluster, ends))
    # The next owner would send again whatever was sent since the last snapshot, with the same bytes.
    wait_for("no more snapshots", lambda: is_quiet(cluster))
    assert second.stop() == 0
    assert second.complaints() == []
    assert cluster.run("replay", tmp_path / "tail").returncode == 0
    ends = {number: len(cluster.records(cluster.kafka.measurements, number)) - 1 for number in range(3)}
    counts = first.wait_applied(ends)
    assert first.stop() == 0
    assert sum(partition["binned"] for partition in counts.values()) == 10_550
    assert sum(partition["skipped"] for partition in counts.values()) == 0

    found = [record.value for record in cluster.all_records(cluster.kafka.outages)]
    assert len(found) == len(set(found))
    assert set(found) == expected(cluster) != set()


START_OF_THE_END = 1_466_092_800  # 16:00, while the known outage is open


def snapshots(cluster: Cluster) -> list[bytes]:
    """Return how many snapshots each worker has written, as its metrics tell."""
    pages = [worker.get("/metrics")[1].splitlines() for worker in cluster.workers]
    return [line for page in pages for line in page if line.startswith(b"ebbtide_snapshots_total")]


def is_quiet(cluster: Cluster) -> bool:
    """Whether no snapshot is written for a while: one follows a second after bins have closed."""
    before = snapshots(cluster)
    time.sleep(4)
    return snapshots(cluster) == before


def cluster_is_shared(cluster: Cluster) -> bool:
    """Whether each worker is ready and has a partition."""
    pages = [worker.get("/metrics")[1].decode() for worker in cluster.workers]
    ready = all(worker.get("/readyz")[0] == 200 for worker in cluster.workers)
    return ready and all("ebbtide_partition_lag_messages{" in page for page in pages)


def all_applied(cluster: Cluster, ends: dict[int, int]) -> bool:
    """Whether the workers together have applied these offsets."""
    partitions = [partition for worker in cluster.workers for partition in worker.status().items()]
    applied = {number: counts["applied"] for number, counts in partitions}
    return applied == ends


def test_silent_partition_follows_the_clock_of_another(
    kafka: ApacheKafka, tmp_path: Path, clusters: list[Cluster]
) -> None:
    """All networks of a partition go dark: its bins close by the clock of another one, and the outage is sent."""
    cluster = hits_cluster(kafka, tmp_path, "silent-partition", idle_after="2s")
    clusters.append(cluster)
    worker = cluster.worker()
    worker.wait_ready()
    cluster.send(*hits(0, 64500, range(600)), *hits(1, 64501, range(600)))
    worker.wait_applied({0: 599, 1: 599})
    assert cluster.all_records(cluster.kafka.outages) == []
    worker.wait_applied({1: cluster.send(*hits(1, 64501, range(600, 608)))[-1]})
    (sent, *_) = wait_for("the outage", lambda: cluster.all_records(cluster.kafka.outages))
    outage = json.loads(sent.value)
    assert (outage["entity"], outage["state"], outage["severity"]) == ("asn/64500", "open", "total")
    assert outage["started_at"] == "2023-11-15T08:00:00Z"
    entities = {json.loads(record.value)["entity"] for record in cluster.all_records(cluster.kafka.outages)}
    assert entities == {"asn/64500"}
    shown = json.loads(worker.get("/api/v1/outages")[1])["outages"]
    assert [listed["outage_id"] for listed in shown] == [outage["outage_id"]]
    assert worker.stop() == 0


def test_partition_with_a_backlog_does_not_follow(kafka: ApacheKafka, tmp_path: Path, clusters: list[Cluster]) -> None:
    """However far the clock of another partition is, what is still to be read decides: nothing is late or an outage."""
    cluster = hits_cluster(kafka, tmp_path, "backlog", idle_after="0s")
    clusters.append(cluster)
    cluster.environment["EBBTIDE_WORKER_MAX_RECORDS"] = "200"
    minutes = range(600)
    behind = hits(0, 64500, minutes, each=40)
    cluster.send(*behind, *hits(1, 64501, minutes))
    worker = cluster.worker()
    counts = worker.wait_applied({0: len(behind) - 1, 1: 599})
    assert (counts[0]["binned"], counts[0]["late"]) == (len(behind), 0)
    assert cluster.all_records(cluster.kafka.outages) == []
