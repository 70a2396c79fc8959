"""The names of workers in their group, on Apache Kafka: one that comes back elsewhere, and two that share a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import orjson
import pytest

from tests.ebbtide import Cluster, Worker, wait_for
from tests.kafka import ApacheKafka

pytestmark = pytest.mark.kafka
MESSAGE = orjson.dumps({"feed": "atlas", "ts": 1_466_121_600, "asn": 1, "member": "a", "up": True})


@pytest.fixture
def cluster(kafka: ApacheKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Make topics for the test, and settings that name the worker."""
    name = f"group-{request.node.name[5:20].strip('_')}"
    with closing(Cluster(kafka.address, name, tmp_path, EBBTIDE_KAFKA_INSTANCE="north")) as made:
        yield made


@pytest.mark.parametrize("ends", ["stop", "kill"])
def test_a_worker_that_comes_back_at_another_port(cluster: Cluster, ends: str) -> None:
    """It gets its partitions back under its name, becomes ready and reads on, after an orderly end and a crash."""
    first = cluster.worker()
    cluster.send((0, b"asn/1", MESSAGE))
    first.wait_applied({0: 0})
    getattr(first, ends)()
    second = cluster.worker()
    assert second.port != first.port
    second.wait_ready()
    cluster.send((0, b"asn/1", MESSAGE))
    second.wait_applied({0: 1})
    assert second.stop() == 0
    assert second.complaints() == []


def test_two_workers_of_one_name(cluster: Cluster) -> None:
    """The worker that had the name ends with code 1 and one line that names it; the other reads on."""
    first = cluster.worker()
    first.wait_ready()
    second = cluster.worker()
    wait_for("the end of the first worker", lambda: first.process.poll() is not None)
    assert first.process.returncode == 1
    (line,) = first.complaints()
    assert line.startswith(
        f"ebbtide: kafka.instance north: another worker of the group {cluster.kafka.app_id} has this"
    )
    second.wait_ready()
    cluster.send((0, b"asn/1", MESSAGE))
    second.wait_applied({0: 0})
    assert second.complaints() == []


def test_any_free_port(cluster: Cluster) -> None:
    """With `web.port = 0` a worker says where its pages are, and answers there."""
    cluster.environment["EBBTIDE_KAFKA_INSTANCE"] = "south"
    worker = cluster.worker(port=0)
    line = wait_for(
        "the line that names the port", lambda: re.search("page: (http://127.0.0.1:[1-9].*)", worker.errors())
    )
    worker.url = line[1]
    worker.wait_ready()
    assert worker.get("/healthz")[0] == 200


def lines_of(worker: Worker) -> list[str]:
    """Return what a worker has logged, without time and process."""
    return [re.sub(r"^\[.*?\] \[\d+\] ", "", line) for line in worker.errors().splitlines()]


def test_five_lines(cluster: Cluster) -> None:
    """A worker says its version and settings, the feeds, its page, that it is ready and that it has stopped."""
    worker = cluster.worker()
    wait_for("the line that it is ready", lambda: "ready: " in worker.errors())
    assert worker.stop() == 0
    assert lines_of(worker) == [
        f"[INFO] Ebbtide {version('ebbtide')}, settings: {cluster.feeds.resolve()}",
        "[INFO] feeds: atlas (presence)",
        f"[INFO] page: {worker.url}",
        "[INFO] ready: 1 partitions",
        "[INFO] stopped",
    ]


def test_five_objects(cluster: Cluster) -> None:
    """With `--log-format json` each line is an object with fields, also of what the start finds odd."""
    worker = cluster.worker("--log-format", "json")
    wait_for("the line that it is ready", lambda: "ready: " in worker.errors())
    assert worker.stop() == 0
    lines = list(map(orjson.loads, worker.errors().splitlines()))
    assert {line["logger"] for line in lines} == {"ebbtide.worker"}
    assert (lines[0]["version"], lines[0]["settings"]) == (version("ebbtide"), str(cluster.feeds.resolve()))
    assert (lines[1]["feeds"], lines[2]["url"], lines[3]["partitions"]) == (["atlas"], worker.url, [0])
    assert [line["message"] for line in lines[3:]] == ["ready: 1 partitions", "stopped"]


def test_a_quiet_worker(cluster: Cluster) -> None:
    """With `--quiet` an orderly start and end says nothing; with `--verbose` the libraries inform, too."""
    quiet = cluster.worker("--quiet")
    quiet.wait_ready()
    assert (quiet.stop(), quiet.errors()) == (0, "")
    verbose = cluster.worker("--verbose")
    wait_for("the line that it is ready", lambda: "ready: " in verbose.errors())
    assert verbose.stop() == 0
    assert "aiokafka" not in lines_of(verbose)[0] and len(lines_of(verbose)) > 10
