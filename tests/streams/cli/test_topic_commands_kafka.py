"""Commands on topics: `record`, `dead` and `tail`, with one set of topics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kafka import KafkaProducer

from schemas.deadletter import headers
from streams.broker.clients import opened
from tests.ebbtide import Cluster
from tests.kafka import ApacheKafka
from tests.schemas.examples import INCIDENT, OUTAGE, message

pytestmark = pytest.mark.kafka
START = 1466089500


def test_commands_on_topics(kafka: ApacheKafka, tmp_path: Path) -> None:
    """Measurements are recorded in order of time, dead letters counted and sent again, revisions printed."""
    cluster = Cluster(kafka.address, "topic-commands", tmp_path)
    texts = [message(feed="atlas", asn=43754, ts=START + at, member="1", up=True) for at in (600, 0, 300)]
    spread = texts[2].replace(b", ", b",\n")
    cluster.send((0, b"asn/43754", texts[0]), (0, b"asn/43754", texts[1]), (0, b"asn/43754", spread))
    producer = opened(cluster.kafka, KafkaProducer)
    dead = [("unknown-feed", texts[0]), ("no-key", texts[1]), ("not-json", b"no \x1bJSON")]
    for offset, (reason, payload) in enumerate(dead):
        producer.send(cluster.kafka.dead, payload, headers=headers(reason, "detail", "m", 0, offset))  # type: ignore[arg-type]
    producer.send(cluster.kafka.outages, OUTAGE, key=b"o")
    producer.send(cluster.kafka.incidents, INCIDENT, key=b"i")
    producer.flush()
    producer.close()

    file = tmp_path / "day.jsonl.gz"
    assert cluster.run("record", file).returncode == 0
    assert b"is there already" in cluster.run("record", file).stderr
    assert cluster.run("record", "--force", file).returncode == 0
    done = cluster.run("detect", "--as-is", file)
    assert (done.returncode, b"3 measurements in" in done.stderr) == (0, True), done.stderr
    assert cluster.run("record", tmp_path / "none", "--since", "2100-01-01").stderr.startswith(b"0 messages in")

    assert cluster.run("dead", "--count").stdout.split() == [b"1", b"no-key", b"1", b"not-json", b"1", b"unknown-feed"]
    (shown,) = cluster.run("dead", "--reason", "not-json").stdout.decode().splitlines()
    assert shown == "not-json         m/0/2  detail  no \\x1bJSON"
    assert cluster.run("dead", "--send").returncode == 2
    again = cluster.run("dead", "--send", "--reason", "no-key", "--reason", "not-json")
    assert again.stderr == b"1 sent again \xc2\xb7 1 still unusable\n"
    last = cluster.records(cluster.kafka.measurements)[-1]
    assert (last.key, last.value) == (b"asn/43754", texts[1])

    lines = cluster.run("tail", "--from-start", "--once").stdout.decode().splitlines()
    assert sorted(line.split()[0] for line in lines) == ["incident", "outage"]
    rows = cluster.run("tail", "--from-start", "--once", "--json").stdout.splitlines()
    assert sorted(map(json.dumps, map(json.loads, rows))) == sorted(
        map(json.dumps, map(json.loads, [OUTAGE, INCIDENT]))
    )
    assert cluster.run("tail", "--once").stdout == b""

    replayed = cluster.run("replay", file)  # of 2016: the broker says that it was received now
    assert replayed.returncode == 0
    assert b"message.timestamp.type=LogAppendTime, so this old data counts as received now" in replayed.stderr

    (tmp_path / "bad").write_bytes(b"\nnonsense\n")
    (tmp_path / "good").write_bytes(texts[0] + b"\n")
    bad = cluster.run("replay", tmp_path / "bad")
    assert (bad.returncode, bad.stderr.decode().splitlines()[0]) == (1, "1 messages sent")
    assert bad.stderr.endswith(b"bad: no measurement was usable\n")
    both = cluster.run("replay", tmp_path / "good", tmp_path / "bad")
    assert both.returncode == 0
    assert f"ebbtide: {tmp_path}/bad:2: not-json: " in both.stderr.decode()
