"""`ebbtide alerts` on Apache Kafka: killed during a delivery, it loses nothing and repeats with the same ids."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from kafka import KafkaProducer, TopicPartition

from streams.alerts.delivery_log import KafkaDeliveryLog, read_states
from streams.alerts.revision_source import group_of
from streams.broker import topics
from streams.broker.security import client_options
from tests.ebbtide import PROGRAM, Cluster, ebbtide, env, wait_for
from tests.kafka import ApacheKafka
from tests.streams.alerts.helpers import KEY, incident

pytestmark = pytest.mark.kafka
COUNT = 6


class Noc:
    """A receiver that hangs at its third request until `release`. The path `/gone` answers 410."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, str]] = []  # webhook-id, type, incident
        self.hanging, self.release = threading.Event(), threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Keep the notification, then answer or hang."""
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/noc":
                    outer.take(self.headers["webhook-id"], body)
                self.send_response(200 if self.path == "/noc" else 410)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, identity: str, body: dict[str, object]) -> None:
        """Keep a notification. Hang at the third."""
        data = body["data"]
        assert isinstance(data, dict)
        self.got.append((identity, str(body["type"]), str(data["incident_id"])))
        if len(self.got) == 3:
            self.hanging.set()
            self.release.wait(60)

    def incidents(self, kind: str) -> set[str]:
        """Return the incidents of the notifications of a type."""
        return {name for _, got, name in self.got if got == kind}


@pytest.fixture
def noc() -> Iterator[Noc]:
    """The receiver."""
    receiver = Noc()
    yield receiver
    receiver.release.set()
    receiver.server.shutdown()
    receiver.server.server_close()


def settings(port: int) -> str:
    """Return settings with a receiver for each path. Both get everything, one notice a message."""
    text = '[[alerts.routes]]\nreceivers = ["noc", "gone"]\n[alerts]\nport = 0\n'
    for name in ("noc", "gone"):
        text += (
            f'[alerts.receivers.{name}]\ntype = "webhook"\nurl = "http://127.0.0.1:{port}/{name}"\n'
            f'keys = ["{KEY}"]\nallow_private = true\nper_minute = 6000\ndigest_over = 1000\n'
        )
    return text


def send(cluster: Cluster, revision: int, state: str, numbers: Iterable[int] = range(COUNT)) -> None:
    """Send a revision of each of these incidents."""
    producer = KafkaProducer(**client_options(cluster.kafka))
    for number in numbers:
        notice = incident(revision, state, incident_id=f"{number:016x}")
        producer.send(cluster.kafka.incidents, key=notice.id.encode(), value=json.dumps(notice.message).encode())
    producer.flush()
    producer.close()


def committed(cluster: Cluster) -> int:
    """Up to which offset the group is done."""
    with topics.connected(cluster.kafka) as admin:
        offsets = admin.list_group_offsets([group_of(cluster.kafka)])[group_of(cluster.kafka)]
    at = offsets.get(TopicPartition(cluster.kafka.incidents, 0))
    return 0 if at is None else max(0, at.offset)


def start(cluster: Cluster, log: Path) -> subprocess.Popen[bytes]:
    """Start `ebbtide alerts`."""
    with log.open("ab") as output:
        command = [*PROGRAM, "alerts", "--settings", str(cluster.feeds)]
        return subprocess.Popen(command, env=env(cluster.environment), stdout=output, stderr=output)


def test_killed_while_delivering_nothing_is_lost_and_repeats_have_the_same_id(
    kafka: ApacheKafka, noc: Noc, tmp_path: Path
) -> None:
    """After kill -9 during a request and a restart every opening and every end is sent. SIGTERM ends the program."""
    file, log = tmp_path / "ebbtide.toml", tmp_path / "alerts.log"
    file.write_text(settings(noc.server.server_port))
    cluster = Cluster(kafka.address, "alerts", tmp_path, file)
    send(cluster, 1, "ongoing")
    running = start(cluster, log)
    try:
        assert noc.hanging.wait(60), log.read_text()
        running.send_signal(signal.SIGKILL)
        running.wait(30)
        assert committed(cluster) < 3
        noc.release.set()
        send(cluster, 2, "ended", [0])
        dry = ebbtide("alerts", "--dry-run", "--once", "--settings", file, environment=cluster.environment)
        assert dry.returncode == 0, dry.stderr
        running = start(cluster, log)
        expected = {f"{number:016x}" for number in range(COUNT)}
        wait_for(
            "every opening", lambda: noc.incidents("incident.opened") == expected and noc.incidents("incident.ended")
        )
        send(cluster, 2, "ended", range(1, COUNT))
        wait_for("every end", lambda: noc.incidents("incident.ended") == expected)
        wait_for("all to be settled", lambda: committed(cluster) == 2 * COUNT)
        running.send_signal(signal.SIGTERM)
        assert running.wait(15) == 0, log.read_text()
    finally:
        running.kill()
        running.wait()

    states = read_states(cluster.kafka, 1)
    assert {(state.id, state.status) for state in states} == {(name, "none") for name in expected}
    KafkaDeliveryLog(cluster.kafka).forget(states)
    assert read_states(cluster.kafka, 1) == []

    ids = defaultdict(set)
    for identity, kind, name in noc.got:
        ids[kind, name].add(identity)
    assert all(len(found) == 1 for found in ids.values()), ids
    dead = cluster.records(cluster.kafka.alerts_dead)
    assert {dict(record.headers)["receiver"] for record in dead} == {b"gone"}
    assert {record.key.decode() for record in dead} == expected
    assert {dict(record.headers)["reason"] for record in dead} == {b"gone"}
    for text in (log.read_text(), dry.stdout.decode(), dry.stderr.decode()):
        assert KEY not in text
        assert f":{noc.server.server_port}/" not in text
