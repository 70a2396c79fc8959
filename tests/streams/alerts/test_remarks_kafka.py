"""Remarks on Apache Kafka: what `ebbtide silence` writes, `ebbtide alerts` honours, and what is taken back is gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.broker import topics
from streams.broker.remark_topic import read
from tests.ebbtide import Cluster, wait_for
from tests.kafka import ApacheKafka
from tests.streams.alerts.test_alerts_kafka import send, settings

pytestmark = pytest.mark.kafka
FIRST, SECOND = (f"{number:016x}" for number in range(2))


def sent(cluster: Cluster) -> set[str]:
    """Return the incidents that `ebbtide alerts` would send."""
    done = cluster.run("alerts", "--dry-run", "--once")
    assert done.returncode == 0, done.stderr
    return {json.loads(line)["body"]["data"]["incident_id"] for line in done.stdout.splitlines()}


def test_a_silence_is_honoured_until_it_is_taken_back(kafka: ApacheKafka, tmp_path: Path) -> None:
    """Of two incidents the silenced one waits. A note silences nothing."""
    file = tmp_path / "ebbtide.toml"
    file.write_text(settings(1))
    cluster = Cluster(kafka.address, "remarks", tmp_path, file)
    send(cluster, 1, "ongoing", range(2))
    nobody = ("--by", "noc", "--worker", "127.0.0.1:1")
    assert cluster.run("silence", FIRST, "2h", *nobody).returncode == 0
    assert cluster.run("incidents", "note", SECOND, "A cable was cut", *nobody).returncode == 0
    assert sent(cluster) == {SECOND}
    assert cluster.run("silence", FIRST, "--end", *nobody).returncode == 0
    assert sent(cluster) == {FIRST, SECOND}
    assert [(remark.kind, remark.by) for remark in read(cluster.kafka).of(SECOND)] == [("note", "noc")]
    with topics.connected(cluster.kafka) as admin:
        admin.delete_topics([cluster.kafka.remarks])
    wait_for("a topic that is gone", lambda: cluster.kafka.remarks not in topics.existing(cluster.kafka))
    missing = cluster.run("silence", FIRST, "2h", *nobody)
    assert (missing.returncode, missing.stdout) == (1, b"")
    assert missing.stderr.splitlines()[-1].endswith(b"create it with `ebbtide topics`")
    cluster.close()
