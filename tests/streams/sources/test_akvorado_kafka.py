"""Akvorado's flows on a real broker, with its schema on a server: the topic of the schema, and of the one after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from streams.broker import topics
from tests.ebbtide import wait_for
from tests.kafka import ApacheKafka
from tests.streams.sources.akvorado_flows import COLUMNS, HASH, flow, schema
from tests.streams.sources.helpers import START
from tests.streams.sources.test_kafka import SourceCluster, measured_sums

pytestmark = pytest.mark.kafka

SOURCE = '[sources.s]\ntype = "akvorado"\nfeed = "flows"\ntopic = "TOPIC"\nschema = "ADDRESS"\n'
PATH = "/api/v0/outlet/kafka-output/schema.proto"


class Outlet(HTTPServer):
    """Serves `content` as the schema."""

    content = schema()

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), OutletHandler)
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """The address of the schema."""
        return f"http://127.0.0.1:{self.server_port}{PATH}"


class OutletHandler(BaseHTTPRequestHandler):
    """Answers one path."""

    server: Outlet

    def do_GET(self) -> None:
        """Send the schema."""
        self.send_response(200 if self.path == PATH else 404)
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def outlet() -> Iterator[Outlet]:
    """Return a server of schemas."""
    server = Outlet()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def made(kafka: ApacheKafka, tmp_path: Path, outlet: Outlet) -> Iterator[SourceCluster]:
    """Return topics of two schemas with four partitions, and a source."""
    cluster = SourceCluster(kafka.address, "akvorado", tmp_path, SOURCE.replace("ADDRESS", outlet.address), 1)
    with topics.connected(cluster.kafka) as admin:
        of = {"num_partitions": 4, "replication_factor": 1}
        admin.create_topics({f"{cluster.topic}-{HASH}": of, f"{cluster.topic}-NEW": of})
    yield cluster
    cluster.close()


def test_the_topic_of_each_schema_is_read(made: SourceCluster, outlet: Outlet) -> None:
    """Flows dealt at random to partitions add up; after a restart those of another schema, numbered anew, follow."""
    base, rng = made.topic, Random(1)
    made.topic = f"{base}-{HASH}"
    sizes: Counter[tuple[int, int]] = Counter()
    sent = []
    for second in range(300):
        asn, size = rng.choice((3333, 1103, 286)), rng.randrange(1, 1500)
        sizes[(START + second // 60 * 60, asn)] += size * 1000
        sent.append((rng.randrange(4), flow(second, asn, rng.choice((0, 64_512)), size)))
    alive = [(rng.randrange(4), flow(300 + second, 0)) for second in range(70)]
    made.send(*sent, *alive, *((part, flow(3600, 3333)) for part in range(4)))
    process = made.start()
    wait_for("all sums", lambda: measured_sums(made.measurements()) == sizes)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert f"{300 + 70 + 4} records" in errors.decode()
    outlet.content, made.topic = schema("NEW", COLUMNS[::-1]), f"{base}-NEW"
    later = [(part, flow(7200 + 60 * n, 1103, size=7, columns=COLUMNS[::-1])) for n in range(7) for part in range(4)]
    made.send(*later)
    process = made.start()
    more = Counter({(START + 7200 + 60 * n, 1103): 28_000 for n in (1, 2)})
    wait_for("sums of the other schema", lambda: more <= measured_sums(made.measurements()))
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert f"reads topic {base}-NEW; what is unread in {base}-{HASH} stays unread" in errors.decode()
