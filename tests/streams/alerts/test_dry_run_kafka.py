"""`ebbtide alerts --dry-run` on a broker that has never had a consumer group."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from streams.broker import topics
from tests.conftest import new_kafka
from tests.ebbtide import Cluster
from tests.kafka import ApacheKafka
from tests.streams.alerts.test_alerts_kafka import send, settings

pytestmark = pytest.mark.kafka


@pytest.fixture
def fresh_kafka() -> Iterator[ApacheKafka]:
    """A broker that nothing has used, so it has no topic of groups."""
    with new_kafka() as running:
        yield running


def test_no_group_yet(fresh_kafka: ApacheKafka, tmp_path: Path) -> None:
    """What would be sent is printed, and the dry run makes no group. The broker needs a moment to answer for one."""
    file = tmp_path / "ebbtide.toml"
    file.write_text(settings(1))
    with closing(Cluster(fresh_kafka.address, "dry-run", tmp_path, file)) as cluster:
        send(cluster, 1, "ongoing", [7])
        done = cluster.run("alerts", "--dry-run", "--once")
        assert (done.returncode, done.stderr) == (0, b"")
        found = {json.loads(line)["body"]["data"]["incident_id"] for line in done.stdout.splitlines()}
        assert found == {f"{7:016x}"}
        with topics.connected(cluster.kafka) as client:
            assert client.list_groups() == []
