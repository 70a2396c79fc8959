"""What producers do to a worker on Apache Kafka, with the C client, byte for byte against `ebbtide detect`."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka import Producer
from kafka.admin import ConfigResource, ConfigResourceType

from schemas import deadletter
from streams.broker import topics
from streams.ingest.key_hash import murmur2
from tests.ebbtide import FEEDS, MEASUREMENTS, Cluster, Worker, ebbtide, wait_for
from tests.kafka import ApacheKafka

pytestmark = pytest.mark.kafka

LINES = gzip.decompress(MEASUREMENTS.read_bytes()).splitlines()
HALF = len(LINES) // 2
BROKEN_CODECS = """
class zstd:
    def decompress(data):
        raise RuntimeError("a broken frame")
snappy = lz4 = zstd
"""


@pytest.fixture(scope="module")
def detected() -> list[bytes]:
    """Return the lines of `ebbtide detect` on the recording."""
    return ebbtide("detect", "--settings", FEEDS, MEASUREMENTS).stdout.splitlines()


@pytest.fixture
def cluster(kafka: ApacheKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Make topics for the test."""
    name = "".join(letter if letter.isalnum() else "-" for letter in str(request.node.name)[5:])
    made = Cluster(kafka.address, name.strip("-")[-40:].strip("-"), tmp_path, EBBTIDE_WORKER_SNAPSHOT_EVERY="1s")
    yield made
    made.close()


def produce(cluster: Cluster, lines: Sequence[bytes], **options: str) -> None:
    """Send measurements with their keys by the C client."""
    producer = Producer({"bootstrap.servers": cluster.kafka.address, "linger.ms": "20", **options})
    send(cluster, producer, lines)
    assert producer.flush(60) == 0


def send(cluster: Cluster, producer: Producer, lines: Sequence[bytes]) -> None:
    """Send measurements with their keys."""
    for line in lines:
        producer.produce(cluster.kafka.measurements, key=key(line[:1000]), value=line, partition=0)
        producer.poll(0)


def key(line: bytes) -> bytes:
    """Return the key of a measurement."""
    found = re.search(rb'"asn":(\d+)', line)
    return b"asn/" + (found[1] if found else b"none")


def configure(kafka: ApacheKafka, names: Sequence[str], **configs: str) -> None:
    """Change the configuration of topics."""
    wanted = {name.replace("_", "."): value for name, value in configs.items()}
    with kafka.admin() as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=wanted) for name in names])


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec_gives_the_bytes_of_detect(
    kafka: ApacheKafka, cluster: Cluster, detected: list[bytes], codec: str
) -> None:
    """Measurements come in the codec, in runs; the broker stores each other topic in it: the clock, which is read
    record by record, the changelog, from which a second worker starts, and what our own tools read.
    """
    others = [topic.name for topic in topics.all_of(cluster.kafka) if topic.name != cluster.kafka.measurements]
    configure(kafka, others, compression_type=codec)
    for lines in (LINES[:HALF], LINES[HALF:]):
        worker = cluster.worker()
        worker.wait_ready()
        produce(cluster, lines, **{"compression.type": codec})
        worker.wait_applied({0: cluster.end() - 1})
        assert worker.stop() == 0
        assert worker.complaints() == []
    assert [record.value for record in cluster.records(cluster.kafka.outages)] == detected
    done = cluster.run("state", "export", cluster.directory / "all.state")
    assert (done.returncode, done.stderr) == (0, b"")


def test_batch_that_cannot_be_decoded_is_named(cluster: Cluster) -> None:
    """The worker ends and says: topic, partition, offset, codec and what failed; nothing behind it is skipped."""
    (cluster.directory / "cramjam.py").write_text(BROKEN_CODECS)
    cluster.environment["PYTHONPATH"] = str(cluster.directory)
    produce(cluster, LINES[:100])
    produce(cluster, LINES[100:200], **{"compression.type": "zstd"})
    worker = cluster.worker()
    assert worker.process.wait(60) == 1
    named = f"topic {cluster.kafka.measurements}, partition 0: the batch at offset 100 (codec zstd, "
    lines = worker.complaints()
    assert 1 <= len([line for line in lines if named in line and "RuntimeError: a broken frame" in line]) <= 2
    assert len(lines) <= 3, "\n".join(lines)
    assert cluster.committed().get(0, 0) <= 100


def transactional(cluster: Cluster) -> Producer:
    """Return a producer of transactions."""
    options = {"bootstrap.servers": cluster.kafka.address, "transactional.id": cluster.kafka.app_id, "linger.ms": "20"}
    producer = Producer(options)
    producer.init_transactions(60)
    return producer


def test_aborted_transactions_give_the_bytes_of_detect(cluster: Cluster, detected: list[bytes]) -> None:
    """A producer takes back one transaction in two, in which every probe goes down; a kill -9 comes in between."""
    producer, worker = transactional(cluster), cluster.worker()
    worker.wait_ready()
    size = len(LINES) // 8
    for start in range(0, len(LINES), size):
        lines = LINES[start : start + size]
        producer.begin_transaction()
        send(cluster, producer, [line.replace(b'"up":true', b'"up":false') for line in lines])
        assert producer.flush(60) == 0
        producer.abort_transaction(60)
        producer.begin_transaction()
        send(cluster, producer, lines)
        producer.commit_transaction(60)
        if start == 4 * size:
            wait_for("a snapshot", cluster.committed)
            worker.kill()
            worker = cluster.worker()
    counts = worker.wait_applied({0: cluster.end() - 2})[0]
    assert (counts["received"], counts["dead"]) == (len(LINES), {})
    wait_for("a lag of 0", lambda: metric(worker, "ebbtide_partition_lag_messages") == 0)
    assert worker.stop() == 0
    assert last([record.value for record in cluster.records(cluster.kafka.outages)]) == last(detected)
    assert {record.value for record in cluster.records(cluster.kafka.outages)} == set(detected)
    assert cluster.committed() == {0: cluster.end() - 1}, "all but the last marker"


def test_open_transaction_is_told(cluster: Cluster) -> None:
    """What a producer has not committed yet is not read: it counts as lag, and how long it has been open is a metric;
    once it is aborted, nothing is left to read.
    """
    producer, worker = transactional(cluster), cluster.worker()
    worker.wait_ready()
    producer.begin_transaction()
    send(cluster, producer, LINES[:50])
    assert producer.flush(60) == 0
    wait_for("an open transaction", lambda: metric(worker, "ebbtide_transaction_open_seconds") > 2)
    assert metric(worker, "ebbtide_partition_lag_messages") == 50
    assert worker.status()[0]["received"] == 0
    assert worker.get("/readyz")[0] == 200, "a transaction may last some minutes"
    producer.abort_transaction(60)
    wait_for("nothing to read", lambda: metric(worker, "ebbtide_partition_lag_messages") == 0)
    assert metric(worker, "ebbtide_transaction_open_seconds") == 0
    assert worker.status()[0]["received"] == 0


def metric(worker: Worker, name: str) -> float:
    """Return the value of a metric that has one sample."""
    (value,) = re.findall(rf"^{name}(?:{{.*}})? (.+)$", worker.get("/metrics")[1].decode(), re.MULTILINE)
    return float(value)


def last(values: Iterable[bytes]) -> dict[str, bytes]:
    """Return the newest revision of each outage."""
    found = sorted(((json.loads(value), value) for value in values), key=lambda pair: int(pair[0]["revision"]))
    return {outage["outage_id"]: value for outage, value in found}


@pytest.mark.parametrize("allowed", [topics.MAX_MESSAGE, 1_000_000])
def test_dead_letter_that_is_too_large_keeps_head_size_and_hash(
    kafka: ApacheKafka, cluster: Cluster, allowed: int
) -> None:
    """Records of 20 MB that are 20 kB compressed, one alone and five in one batch, and one of 3 MB: each is a dead
    letter, whole where the topic allows it, and the worker goes on.
    """
    configure(kafka, [cluster.kafka.dead], max_message_bytes=str(allowed))
    large = [b'{"feed":"atlas","n":%d,"x":"%b"}' % (n, b"x" * 20_000_000) for n in range(6)]
    middle = b'{"feed":"atlas","x":"%b"}' % (b"x" * 3_000_000)
    room = {
        "compression.type": "gzip",
        "message.max.bytes": "200000000",
        "batch.size": "150000000",
        "linger.ms": "2000",
    }
    worker = cluster.worker()
    worker.wait_ready()
    for lines in (LINES[:50], large[:1], large[1:], [middle], LINES[50:100]):
        produce(cluster, lines, **room)
    counts = worker.wait_applied({0: 106})[0]
    assert (counts["received"], counts["dead"]) == (107, {"too-large": 7})
    wait_for("the commit", lambda: cluster.committed() == {0: 107})
    assert worker.stop() == 0
    sent = cluster.records(cluster.kafka.dead)  # some twice, when the broker is slow to answer
    letters = {int(dict(record.headers)["offset"]): record for record in sent}
    assert len(letters) == len({(record.value, *record.headers) for record in sent}) == 7
    for offset, value in zip(range(50, 57), [*large, middle], strict=True):
        headers = dict(letters[offset].headers)
        assert headers["reason"] == b"too-large"
        if len(value) <= allowed:
            assert (letters[offset].value, headers.keys() & {"size", "sha256"}) == (value, set())
        else:
            assert letters[offset].value == value[: deadletter.HEAD]
            assert headers["size"] == b"%d" % len(value)
            assert headers["sha256"] == hashlib.sha256(value).hexdigest().encode()
    assert all(len(line) < 500 and "MessageSizeTooLargeError" in line for line in worker.complaints()), "no payload"
    assert len(worker.complaints()) <= 1


def spread(cluster: Cluster, partitioner: str | None) -> list[bytes]:
    """Send the recording with keys by a partitioner of the C client, or without keys; return an entity a line."""
    options = {"bootstrap.servers": cluster.kafka.address, "partitioner": partitioner or "random"}
    producer = Producer(options)
    for line in LINES:
        producer.produce(cluster.kafka.measurements, key=key(line) if partitioner else None, value=line)
        producer.poll(0)
    assert producer.flush(60) == 0
    return [key(line) for line in LINES]


def divided(kafka: ApacheKafka, directory: Path, name: str, **settings: str) -> Cluster:
    """Make a cluster of three partitions that checks where networks are."""
    settings = {"EBBTIDE_KAFKA_PARTITIONS": "3", "EBBTIDE_KAFKA_PARTITIONER": "murmur2", **settings}
    return Cluster(kafka.address, name, directory, **settings)  # type: ignore[arg-type]


def read_all(cluster: Cluster) -> Worker:
    """Start a worker and wait until it has read all."""
    worker = cluster.worker()
    worker.wait_ready()
    ends = {number: cluster.end(number) - 1 for number in range(3)}
    worker.wait_applied({number: end for number, end in ends.items() if end >= 0})
    return worker


def total(worker: Worker, sample: str) -> float:
    """Return the value of one sample."""
    (value,) = re.findall(rf"^{re.escape(sample)} (.+)$", worker.get("/metrics")[1].decode(), re.MULTILINE)
    return float(value)


MISPLACED = 'ebbtide_measurements_misplaced_total{feed="atlas"}'


def test_messages_without_a_key_are_dead_letters(kafka: ApacheKafka, tmp_path: Path) -> None:
    """They would be halves of networks: none is used; a metric counts them, the log and the page say so."""
    cluster = divided(kafka, tmp_path, "no-keys")
    try:
        spread(cluster, None)
        worker = read_all(cluster)
        assert total(worker, 'ebbtide_dead_letters_total{reason="no-key"}') == len(LINES)
        assert sum(part["binned"] for part in worker.status().values()) == 0
        assert "came in partitions [0, 1, 2]; they are dead letters" in worker.get("/")[1].decode()
        assert worker.errors().count("messages without a key are dead letters") == 3
        assert worker.stop() == 0
        letters = cluster.all_records(cluster.kafka.dead)
        assert {dict(letter.headers)["reason"] for letter in letters} == {b"no-key"}
        assert sorted(letter.value for letter in letters) == sorted(LINES)
        assert cluster.all_records(cluster.kafka.outages) == []
    finally:
        cluster.close()


@pytest.mark.parametrize(
    ("partitioner", "setting"),
    [("murmur2_random", "murmur2"), ("consistent_random", "crc32"), ("fnv1a_random", "fnv1a")],
)
def test_hashes_are_those_of_the_clients(kafka: ApacheKafka, tmp_path: Path, partitioner: str, setting: str) -> None:
    """What a client sends by its own hash is at home under the setting of that name; strictly, nothing is refused."""
    settings = {"EBBTIDE_KAFKA_PARTITIONER": setting, "EBBTIDE_KAFKA_KEYS": "strict"}
    cluster = divided(kafka, tmp_path, f"keys-{setting}", **settings)
    try:
        spread(cluster, partitioner)
        worker = read_all(cluster)
        assert total(worker, MISPLACED) == 0
        assert sum(part["binned"] + part["late"] for part in worker.status().values()) == len(LINES)
        assert worker.complaints() == []
    finally:
        cluster.close()


@pytest.mark.parametrize("keys", ["warn", "strict"])
def test_networks_in_the_wrong_partition_are_told(kafka: ApacheKafka, tmp_path: Path, keys: str) -> None:
    """A client that hashes otherwise: its strays are counted, logged once and on the page, and refused if so set."""
    settings = {"EBBTIDE_KAFKA_PARTITIONER": "murmur2", "EBBTIDE_KAFKA_KEYS": keys}
    cluster = divided(kafka, tmp_path, f"strays-{keys}", **settings)
    try:
        entities = spread(cluster, "consistent_random")
        astray = sum(murmur2(entity) % 3 != zlib.crc32(entity) % 3 for entity in entities)
        worker = read_all(cluster)
        assert total(worker, MISPLACED) == astray > len(LINES) // 3
        refused = astray if keys == "strict" else 0
        assert total(worker, 'ebbtide_dead_letters_total{reason="wrong-partition"}') == refused
        assert 1 <= worker.errors().count("a producer chooses partitions by another hash") <= 3
        assert "by murmur2 of its key, and came in partition" in worker.get("/")[1].decode()
        assert worker.stop() == 0
        assert len(cluster.all_records(cluster.kafka.dead)) == refused
    finally:
        cluster.close()


def test_one_message_with_forged_times_moves_nothing(cluster: Cluster, detected: list[bytes]) -> None:
    """Six measurements in an array, days ahead of all others, are dead letters; the rest is as without them."""
    first = json.loads(LINES[HALF])
    forged = json.dumps([{**first, "ts": first["ts"] + 86_400 * day} for day in range(1, 7)]).encode()
    worker = cluster.worker()
    worker.wait_ready()
    produce(cluster, [*LINES[:HALF], forged, *LINES[HALF:]])
    counts = worker.wait_applied({0: len(LINES)})[0]
    assert (counts["late"], counts["dead"], counts["binned"]) == (0, {"too-far-ahead": 6}, len(LINES))
    assert worker.stop() == 0
    assert [record.value for record in cluster.records(cluster.kafka.outages)] == detected
