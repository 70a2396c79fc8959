"""Commands on topics, on Apache Kafka: `record`, `dead`, `tail` and `replay`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from kafka import KafkaProducer

from schemas.deadletter import headers
from streams.broker.clients import opened, sending
from tests.ebbtide import Cluster
from tests.kafka import ApacheKafka
from tests.schemas.examples import INCIDENT, OUTAGE, message

pytestmark = pytest.mark.kafka
START = 1466089500


def text(at: int) -> bytes:
    """Return a message with a measurement at this second of the recording."""
    return message(feed="atlas", asn=43754, ts=START + at, member="1", up=True)


@pytest.fixture
def cluster(kafka: ApacheKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Make topics for the test."""
    with closing(Cluster(kafka.address, f"topic-commands-{request.node.name[5:11]}", tmp_path)) as made:
        yield made


def test_record_writes_measurements_in_order_of_time(cluster: Cluster, tmp_path: Path) -> None:
    """A file of them is not replaced without `--force`, and `replay` says what becomes of old data."""
    spread = text(300).replace(b", ", b",\n")
    cluster.send(*((0, b"asn/43754", sent) for sent in (text(600), text(0), spread)))
    file = tmp_path / "day.jsonl.gz"
    assert cluster.run("record", file).returncode == 0
    assert b"is there already" in cluster.run("record", file).stderr
    assert cluster.run("record", "--force", file).returncode == 0
    done = cluster.run("detect", "--as-is", file)
    assert (done.returncode, b"3 measurements in" in done.stderr) == (0, True), done.stderr
    assert cluster.run("record", tmp_path / "none", "--since", "2100-01-01").stderr.startswith(b"0 messages in")

    replayed = cluster.run("replay", file)  # of 2016: the broker says that it was received now
    assert replayed.returncode == 0
    assert b"message.timestamp.type=LogAppendTime, so this old data counts as received now" in replayed.stderr


def test_dead_letters_are_counted_shown_and_sent_again(cluster: Cluster) -> None:
    """Only what can be read by now is sent, and only what is named."""
    producer = opened(cluster.kafka, KafkaProducer)
    dead = [("unknown-feed", text(600)), ("no-key", text(0)), ("not-json", b"no \x1bJSON")]
    for offset, (reason, payload) in enumerate(dead):
        producer.send(cluster.kafka.dead, payload, headers=headers(reason, "detail", "m", 0, offset))  # type: ignore[arg-type]
    producer.close()
    assert cluster.run("dead", "--count").stdout.split() == [b"1", b"no-key", b"1", b"not-json", b"1", b"unknown-feed"]
    (shown,) = cluster.run("dead", "--reason", "not-json").stdout.decode().splitlines()
    assert shown == "not-json         m/0/2  detail  no \\x1bJSON"
    assert cluster.run("dead", "--send").returncode == 2
    again = cluster.run("dead", "--send", "--reason", "no-key", "--reason", "not-json")
    assert again.stderr == b"1 sent again \xc2\xb7 1 still unusable\n"
    last = cluster.records(cluster.kafka.measurements)[-1]
    assert (last.key, last.value) == (b"asn/43754", text(0))


def test_tail_prints_revisions(cluster: Cluster) -> None:
    """As lines or as JSON; without `--from-start` only those to come."""
    with sending(cluster.kafka, cluster.kafka.outages) as send:
        send(b"o", OUTAGE, 0)
        send(b"i", INCIDENT, 0, cluster.kafka.incidents)
    lines = cluster.run("tail", "--from-start", "--once").stdout.decode().splitlines()
    assert sorted(line.split()[0] for line in lines) == ["incident", "outage"]
    rows = cluster.run("tail", "--from-start", "--once", "--json").stdout.splitlines()
    assert sorted(map(orjson.loads, rows), key=len) == sorted(map(orjson.loads, (OUTAGE, INCIDENT)), key=len)
    assert cluster.run("tail", "--once").stdout == b""


def test_replay_names_what_it_could_not_send(cluster: Cluster, tmp_path: Path) -> None:
    """A file without a usable measurement is an error; beside a good one it is a line."""
    (tmp_path / "bad").write_bytes(b"\nnonsense\n")
    (tmp_path / "good").write_bytes(text(600) + b"\n")
    bad = cluster.run("replay", tmp_path / "bad")
    assert (bad.returncode, bad.stderr.decode().splitlines()[0]) == (1, "1 messages sent")
    assert bad.stderr.endswith(b"bad: no measurement was usable\n")
    both = cluster.run("replay", tmp_path / "good", tmp_path / "bad")
    assert both.returncode == 0
    assert f"ebbtide: {tmp_path}/bad:2: not-json: " in both.stderr.decode()
