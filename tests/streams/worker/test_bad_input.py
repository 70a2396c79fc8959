"""Bad input through Kafka to a worker: every dead letter whole, with its reason, and its neighbours unharmed."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kafka import KafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from tests.ebbtide import PATIENCE_SECONDS, Cluster, Worker, wait_for
from tests.kafka import ApacheKafka

pytestmark = pytest.mark.kafka

SETTINGS = """
[feeds.hits]
signal = "traffic"
kind = "count"
bin = "1m"
lateness = "0s"

[feeds.share]
signal = "active-probing"
kind = "ratio"
bin = "1m"

[feeds.probes]
signal = "ripe-atlas"
kind = "presence"
bin = "5m"
"""
NOW = int(time.time())
GOOD = b'{"feed":"hits","ts":%d,"asn":64500,"value":3,"colour":"nobody knows this field"}' % NOW


class Case(NamedTuple):
    """A message that is bad: why, its key, its value, and the bytes of its dead letters if not its own."""

    reason: str
    value: bytes | None
    key: bytes | None = b"asn/64500"
    dead: tuple[bytes, ...] | None = None


def hit(more: str) -> bytes:
    """Return a measurement with these fields beside feed, time and entity."""
    return f'{{"feed":"hits","ts":{NOW},"asn":64500,{more}}}'.encode()


LARGE = hit('"service":"' + "x" * 3_000_000 + '"')
AHEAD = b'{"feed":"hits","ts":%d,"asn":64500}' % (NOW + 86_400)
CASES = [
    Case("empty", None),
    Case("empty", b""),
    Case("empty", b" \n"),
    Case("not-json", b"{nonsense"),
    Case("not-json", hit('"value":NaN')),
    Case("not-json", hit('"value":Infinity')),
    Case("not-utf8", b'{"feed":"hits","ts":1,"asn":1,"service":"\xff"}'),
    Case("wrong-type", hit('"value":"3"')),
    Case("wrong-type", b"17"),
    Case("missing-field", b'{"feed":"hits","asn":64500}'),
    Case("missing-field", b'{"ts":%d,"asn":64500}' % NOW),
    Case("no-entity", b'{"feed":"hits","ts":%d}' % NOW),
    Case("out-of-range", hit('"access":"pigeon"')),
    Case("out-of-range", hit('"value":-1')),
    Case("out-of-range", b'{"feed":"hits","ts":%d,"asn":0}' % NOW),
    Case("out-of-range", b'{"feed":"share","ts":%d,"asn":64500,"value":3,"of":2}' % NOW),
    Case("bad-time", b'{"feed":"hits","ts":"yesterday","asn":64500}'),
    Case("too-far-ahead", AHEAD),
    Case("unknown-feed", b'{"feed":"hitz","ts":%d,"asn":64500}' % NOW),
    Case("unusable", b'{"feed":"probes","ts":%d,"asn":64500,"member":"a"}' % NOW),
    Case("bad-key", GOOD, key=b"asn/\xff\xfe"),
    Case("too-large", LARGE),
    Case("wrong-type", b"[" + GOOD + b',{"feed":7},' + GOOD + b"]", dead=(b'{"feed":7}',)),
]
GOOD_IN_CASES = 2  # those beside the bad element of the array


@pytest.fixture(scope="module")
def cluster(kafka: ApacheKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Make topics, the measurements with room for large messages."""
    directory = tmp_path_factory.mktemp("bad-input")
    feeds = directory / "feeds.toml"
    feeds.write_text(SETTINGS)
    made = Cluster(kafka.address, "bad-input", directory, feeds, EBBTIDE_WORKER_SNAPSHOT_EVERY="1s")
    yield made
    made.close()


@pytest.fixture(scope="module")
def sent(cluster: Cluster) -> list[tuple[int, Case]]:
    """Send every bad message between two good ones; return them with their offsets."""
    messages: list[tuple[int, bytes | None, bytes | None]] = []
    for case in CASES:
        messages += [(0, b"asn/64500", GOOD), (0, case.key, case.value)]
    offsets = cluster.send(*messages, (0, b"asn/64500", GOOD))
    return list(zip(offsets[1::2], CASES, strict=True))


@pytest.fixture(scope="module")
def worker(cluster: Cluster, sent: list[tuple[int, Case]]) -> Worker:
    """Start a worker and wait until it has taken all."""
    started = cluster.worker()
    started.wait_ready()
    started.wait_applied({0: 2 * len(CASES)})
    return started


def test_every_dead_letter_is_there_with_its_reason(
    cluster: Cluster, worker: Worker, sent: list[tuple[int, Case]]
) -> None:
    """Each has the bytes as they came, and headers that say why and where it came from, in the order of offsets."""
    letters = wait_for("all dead letters", lambda: _letters(cluster, len(CASES)))
    found = [(int(headers["offset"]), headers["reason"], value) for headers, value in letters]
    wanted = [(at, case.reason, dead) for at, case in sent for dead in (case.dead or (case.value or b"",))]
    assert found == wanted
    for headers, _ in letters:
        assert headers.keys() == {"reason", "detail", "topic", "partition", "offset"}
        assert (headers["topic"], headers["partition"]) == (cluster.kafka.measurements, "0")
        assert 0 < len(headers["detail"]) <= 200
        assert headers["detail"].isprintable()


def test_counts_add_up(worker: Worker) -> None:
    """What came in is what was binned, late, or dead by reason; the same numbers in metrics and status."""
    good = len(CASES) + 1 + GOOD_IN_CASES
    reasons = Counter(case.reason for case in CASES)
    counts = worker.status()[0]
    assert counts["dead"] == dict(reasons)
    assert (counts["received"], counts["binned"], counts["late"], counts["held"]) == (good + len(CASES), good, 0, 0)
    samples = _samples(worker)
    assert samples["ebbtide_measurements_total", ""] == good + len(CASES)
    assert samples["ebbtide_measurements_binned_total", "hits"] == good
    assert {reason: samples["ebbtide_dead_letters_total", reason] for reason in reasons} == dict(reasons)


def test_the_duration_of_the_recovery_is_a_metric(worker: Worker) -> None:
    """From the start of the worker to its state: more than zero, and less than its run time."""
    samples = _samples(worker)
    assert 0 < samples["ebbtide_recovery_seconds", ""] < PATIENCE_SECONDS


def test_metrics_keep_the_rules(worker: Worker) -> None:
    """Names have our prefix or the process's, and labels have values of ours or of the settings, none of a message."""
    code, body = worker.get("/metrics")
    assert code == 200
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(body.decode()):
        assert family.name.startswith(("ebbtide_", "process_", "python_")), family.name
        assert family.documentation
        for sample in family.samples:
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    assert labels["feed"] == {"hits", "share", "probes"}
    assert labels["partition"] == {"0"}
    labelled = {"feed", "partition", "reason", "le", "version", "generation", "list", "severity", "limit"}
    settings = {"signal", "kind", "unit", "url"}
    assert labels.keys() <= labelled | settings | {
        "implementation",
        "major",
        "minor",
        "patchlevel",
    }


def test_pages_answer_on_loopback_alone(worker: Worker) -> None:
    """Alive, ready, outages and status as JSON; an unknown page is none; nothing listens beyond 127.0.0.1."""
    assert worker.get("/healthz") == (200, b'{"status":"alive"}')
    assert worker.get("/readyz") == (200, b'{"ready":true,"reason":null}')
    assert json.loads(worker.get("/api/v1/outages")[1]) == {"outages": [], "next": None, "warnings": []}
    assert json.loads(worker.get("/api/v1/status")[1])["ready"] is True
    assert worker.get("/nothing")[0] == 404
    assert b"<h1>Nothing " in worker.get("/")[1]
    assert _listening(worker.port) == {"0100007F"}


def test_bad_clock_message_is_passed_over(cluster: Cluster, worker: Worker) -> None:
    """A clock message that is none is logged and harms nothing; measurements go on being taken."""
    producer = KafkaProducer(bootstrap_servers=list(cluster.kafka.bootstrap_servers))
    deep, broken = b'{"x":' + b"[" * 3000, b'{"feed":"\xff","newest":1,"partition":0}'
    for value in (b"not a clock", b"", None, b'{"feed":"hits"}', deep, broken):
        producer.send(cluster.kafka.clock, value, key=b"hits", partition=0)
    producer.close()
    wait_for("six lines on bad clocks", lambda: worker.errors().count("not a clock message") >= 6)
    (last,) = cluster.send((0, b"asn/64500", GOOD))
    worker.wait_applied({0: last})
    assert worker.get("/readyz")[0] == 200


def test_dead_letters_alone_are_acknowledged(cluster: Cluster, worker: Worker) -> None:
    """With no measurement to follow, what was rejected is saved and committed all the same, and a stop is clean."""
    (last,) = cluster.send((0, None, b"{bad"))
    wait_for("the commit", lambda: cluster.committed() == {0: last + 1})
    assert worker.stop() == 0


def _letters(cluster: Cluster, count: int) -> list[tuple[dict[str, str], bytes]]:
    """Return headers and value of the dead letters once there are so many, in the order of their offsets."""
    records = cluster.records(cluster.kafka.dead)
    letters = [({name: value.decode() for name, value in r.headers}, r.value) for r in records]
    return sorted(letters, key=lambda letter: int(letter[0]["offset"])) if len(letters) >= count else []


def _samples(worker: Worker) -> dict[tuple[str, str], float]:
    """Return the metrics by name and value of their only label."""
    families: Any = text_string_to_metric_families(worker.get("/metrics")[1].decode())
    return {(s.name, next(iter(s.labels.values()), "")): s.value for f in families for s in f.samples}


def _listening(port: int) -> set[str]:
    """Return the local addresses that listen on a port, as the kernel writes them."""
    rows = [line.split() for file in ("tcp", "tcp6") for line in Path(f"/proc/net/{file}").read_text().splitlines()[1:]]
    found = [row[1].rsplit(":", 1) for row in rows if row[3] == "0A"]
    return {address for address, hexadecimal in found if int(hexadecimal, 16) == port}
