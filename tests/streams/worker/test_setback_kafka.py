"""A worker whose state is an hour ahead of what Apache Kafka receives puts its feed back, also over kill -9."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.state.row_codec import pack, unpack
from streams.state.state_file import HEAD, read, write
from tests.ebbtide import Cluster, Worker, wait_for
from tests.kafka import ApacheKafka

pytestmark = pytest.mark.kafka
FEED = '[feeds.count]\nsignal = "test"\nkind = "count"\nbin = "1s"\nlateness = "1s"\n'
AHEAD, NETWORKS = 3600, range(1, 6)


@pytest.fixture
def cluster(kafka: ApacheKafka, tmp_path: Path) -> Iterator[Cluster]:
    """Make topics of a feed that goes back after four seconds."""
    feeds = tmp_path / "feeds.toml"
    feeds.write_text(FEED)
    fast = {"EBBTIDE_WORKER_MAX_AHEAD": "4s", "EBBTIDE_WORKER_SNAPSHOT_EVERY": "1s"}
    with closing(Cluster(kafka.address, "setback", tmp_path, feeds, **fast)) as made:
        yield made


def measure(cluster: Cluster) -> int:
    """Send what the networks measure now and return the last offset."""
    now = time.time()
    sent = [orjson.dumps({"feed": "count", "ts": now, "asn": asn, "value": 5}) for asn in NETWORKS]
    return cluster.send(*((0, b"asn/1", value) for value in sent))[-1]


def put_ahead(file: Path) -> None:
    """Move the time of the feed ahead in a file of state, as a broker's clock that was ahead would have."""
    state = read(file)
    head = unpack(state.partitions[0][HEAD])
    values: dict[str, Any] = head.values
    feed = values["feeds"]["count"]
    for name in feed.keys() & {"newest", "front", "next_close"}:
        feed[name] += AHEAD
    state.partitions[0][HEAD] = pack(values, head.columns)
    write(file, state)


def setbacks(worker: Worker) -> float:
    """Return how often the time of the feed has gone back since the worker's start."""
    found = re.search(rb'^ebbtide_feed_setbacks_total\{feed="count"\} (\S+)', worker.get("/metrics")[1], re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_feed_goes_back_and_a_kill_on_the_way_changes_nothing(cluster: Cluster) -> None:
    """Late at first, binned again once receipts have disagreed for long enough; the second worker says so."""
    file = cluster.directory / "a.state"
    first = cluster.worker()
    first.wait_applied({0: measure(cluster)})
    assert first.stop() == 0
    assert cluster.run("state", "export", file).returncode == 0
    put_ahead(file)
    done = cluster.run("state", "import", "--force", file)
    assert done.returncode == 0, done.stderr

    second = cluster.worker()
    counts = second.wait_applied({0: measure(cluster)})[0]
    assert (counts["binned"], counts["late"]) == (5, 5)
    second.kill()
    third = cluster.worker()

    def goes_back() -> bool:
        third.wait_applied({0: measure(cluster)})
        return setbacks(third) == 1

    wait_for("a feed that goes back", goes_back)
    before = third.status()[0]
    counts = third.wait_applied({0: measure(cluster)})[0]
    assert (counts["binned"], counts["late"]) == (before["binned"] + 5, before["late"])
    assert counts["received"] == counts["binned"] + counts["late"]
    assert setbacks(third) == 1
    assert re.search(r"the time of feed count was 3,\d{3} s ahead of receipt", third.errors())
