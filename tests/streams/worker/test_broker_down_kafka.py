"""A broker that goes away and comes back: one line each, and the worker says so meanwhile."""

from __future__ import annotations

import logging
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import orjson
import pytest

from streams.broker import clients, transactions
from streams.broker.changelog import writing
from streams.config.errors import BrokerError
from streams.worker.client_lines import ClientLines
from tests.ebbtide import Cluster, wait_for
from tests.kafka import ApacheKafka

MESSAGE = orjson.dumps({"feed": "atlas", "ts": 1_466_121_600, "asn": 1, "member": "a", "up": True})


@pytest.mark.kafka
def test_a_broker_that_goes_and_comes_back(own_kafka: ApacheKafka, tmp_path: Path) -> None:
    """One line says that it is down and one that it is back; page and `/readyz` say it; afterwards it reads on."""
    with closing(Cluster(own_kafka.address, "down", tmp_path)) as cluster:
        worker = cluster.worker()
        cluster.send((0, b"asn/1", MESSAGE))
        worker.wait_applied({0: 0})
        worker.wait_ready()
        with own_kafka.frozen():
            wait_for("a worker that misses it", lambda: worker.get("/readyz")[0] == 503)
        wait_for("a broker that is back", lambda: worker.get("/readyz")[0] == 200)
        own_kafka._end(kill=True)
        missing = b"no Kafka broker answers"  # until it is missed, its partitions may be behind
        wait_for("a worker that misses it again", lambda: missing in worker.get("/readyz")[1])
        assert b"This worker is not ready: no Kafka broker answers." in worker.get("/")[1]
        listed = cluster.run("outages", "--worker", worker.url)
        assert listed.returncode == 0
        assert listed.stderr.decode() == f"ebbtide: {worker.url}: this worker is not ready: no Kafka broker answers\n"
        own_kafka.__enter__()
        cluster.send((0, b"asn/1", MESSAGE))
        worker.wait_applied({0: 1})
        worker.wait_ready()
        texts = ["no Kafka broker answers", "a Kafka broker answers again"] * 2
        lines = worker.complaints()
        assert len(lines) == len(texts), "\n".join(lines)
        assert all(text in line for text, line in zip(texts, lines, strict=True)), lines


@pytest.mark.kafka
@pytest.mark.parametrize("at_commit", [False, True])
def test_a_change_of_the_state_ends_where_no_broker_answers(
    own_kafka: ApacheKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, at_commit: bool
) -> None:
    """One line says what is certain: nothing was changed, or all or nothing where it stops answering at the commit."""
    monkeypatch.setattr(clients, "PATIENCE", 2.0)
    monkeypatch.setattr(transactions, "PATIENCE", 2.0)
    line = r"topic \S+ has all changes or none" if at_commit else r"nothing of topic \S+ was changed"
    with closing(Cluster(own_kafka.address, "unanswered", tmp_path)) as cluster, ExitStack() as stack:
        kafka = cluster.kafka
        freeze = partial(stack.enter_context, own_kafka.frozen())
        before = freeze if at_commit else lambda: None
        with (
            pytest.raises(BrokerError, match=line),
            writing(kafka, lambda: {0: {}}, before) as tables,
        ):
            tables[0][b"row"] = b"1"
            if not at_commit:
                freeze()
            tables[0][b"row"] = b"2"
        stack.close()  # it answers again, so that the cluster can be closed


def test_lines_about_connections_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Others pass; many of them are one line a minute, with an example; a few are none."""
    times = iter([0.0, 61.0, 61.0, 122.0, 122.0])
    lines = ClientLines(lambda: next(times))
    for number in range(25):
        lines.emit(logging.makeLogRecord({"msg": f"Unable connect to node with id {number}", "levelno": 40}))
    lines.emit(logging.makeLogRecord({"msg": "Topic is not what it was", "levelno": 40}))
    lines.report()
    lines.emit(logging.makeLogRecord({"msg": "Marking the coordinator dead", "levelno": 30}))
    lines.emit(logging.makeLogRecord({"msg": "Topic outages not found in cluster metadata", "levelno": 40}))
    lines.emit(logging.makeLogRecord({"msg": "Failed fetch offsets: NotLeaderForPartitionError", "levelno": 40}))
    lines.report()
    such = "25 errors of connections to Kafka in 60 s, such as: Unable connect to node with id 24"
    logged = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert logged == ["Topic is not what it was", such]
