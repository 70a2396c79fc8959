"""State and log on Apache Kafka: the first message read is the one after the state, or the partition is refused."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha512
from pathlib import Path

import orjson
import pytest
from kafka import TopicPartition
from kafka.admin import NewPartitions

from schemas.outage import Outage, encode
from streams.broker import changelog as changelogs
from streams.broker import topics
from streams.config.errors import BrokerError
from streams.config.loader import load
from streams.state.measurement_stage import MeasurementStage
from tests.drill.snapshot_log import SnapshotLog
from tests.ebbtide import Cluster, Worker, wait_for
from tests.kafka import ApacheKafka
from tests.streams.helpers import records
from tests.streams.two_partitions import messages, two_partitions

pytestmark = pytest.mark.kafka
LINES = 300
SHORT = 8000  # bytes: longer than the head, shorter than the row of as many members
START = 1_466_121_600
OTHERS = (b"areas:", b"incidents:")  # rows of the other stages begin so


@pytest.fixture
def cluster(kafka: ApacheKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Make topics for the test."""
    name = f"guard-{'-'.join(re.findall('[a-z0-9]+', str(request.node.name)[5:]))}"
    # A session is long: a worker on a busy machine that stands still for half of it ends by itself.
    made = Cluster(
        kafka.address, name, tmp_path, EBBTIDE_WORKER_SNAPSHOT_EVERY="1s", EBBTIDE_KAFKA_SESSION_TIMEOUT="45s"
    )
    with closing(made):
        yield made


def message(second: int, member: str = "a") -> bytes:
    """Return a measurement of one second."""
    return orjson.dumps({"feed": "atlas", "ts": START + second, "asn": 1, "member": member, "up": True})


def send(cluster: Cluster, first: int, count: int = LINES, name: Callable[[int], str] = lambda _: "a") -> int:
    """Send that many measurements, from a second on, and return the last offset. `name` names their members."""
    sent = ((0, b"asn/1", message(second, name(second))) for second in range(first, first + count))
    return cluster.send(*sent)[-1]


def long_name(second: int) -> str:
    """Return a name that makes the row of the members long, however it is compressed."""
    return sha512(b"%d" % second).hexdigest()


def run_once(cluster: Cluster) -> int:
    """Have a worker apply some measurements and stop in order; return the last offset."""
    worker, last = cluster.worker(), send(cluster, 0)
    worker.wait_applied({0: last})
    assert worker.stop() == 0
    return last


def refusal(worker: Worker) -> str:
    """Wait until the worker refuses something; return the reason that it gives, which is one line of its log too."""
    reason = wait_for("a refusal", lambda: _reason(worker))
    assert len([line for line in worker.errors().splitlines() if "refused: " in line]) == 1, worker.errors()
    assert b"ebbtide_refusals 0.0" not in worker.get("/metrics")[1]
    return str(reason)


def _reason(worker: Worker) -> str | None:
    code, body = worker.get("/readyz")
    reason = str(orjson.loads(body)["reason"]) if code == 503 else ""
    return reason if reason.startswith("refused: ") else None


def changelog(cluster: Cluster) -> str:
    """Return the name of the changelog."""
    return topics.changelog(cluster.kafka)


def delete_before(cluster: Cluster, topic: str, offset: int, partition: int = 0) -> None:
    """Delete the records of a partition before an offset, as retention does."""
    if topic == changelog(cluster):
        SnapshotLog(cluster).configure(cleanup_policy="delete")  # Kafka deletes no records of compacted topics
    wait_for("records that are deleted", lambda: _are_deleted(cluster, TopicPartition(topic, partition), offset))


def _are_deleted(cluster: Cluster, tp: TopicPartition, offset: int) -> bool:
    """Try to delete the records; the partition's broker may not know the topic's new policy yet."""
    try:
        with topics.connected(cluster.kafka) as admin:
            admin.delete_records({tp: offset})
    except BrokerError as error:
        if "PolicyViolationError" not in str(error):
            raise
        return False
    return True


def recreate(cluster: Cluster, topic: str) -> None:
    """Delete a topic and make it again."""
    with topics.connected(cluster.kafka) as admin:
        admin.delete_topics([topic])
    wait_for("a topic that is gone", lambda: topic not in topics.existing(cluster.kafka))
    topics.create(cluster.kafka)


def test_refused_snapshot(cluster: Cluster) -> None:
    """A changelog that takes the short rows and the head, but not the row of the members: no offset is committed, and
    with room nothing is missing.
    """
    SnapshotLog(cluster).limit(SHORT)
    worker, last = cluster.worker(), send(cluster, 0, name=long_name)
    worker.wait_applied({0: last})
    assert "snapshot was not written (MessageSizeTooLargeError" in refusal(worker)
    assert cluster.committed() == {}
    assert worker.stop() == 0
    SnapshotLog(cluster).limit(topics.MAX_MESSAGE)
    again = cluster.worker()
    counts = again.wait_applied({0: last})[0]
    assert (counts["received"], counts["skipped"]) == (LINES, 0)


def test_emptied_changelog(cluster: Cluster) -> None:
    """Offsets without state are refused; after a reset all is read again."""
    last = run_once(cluster)
    tp = TopicPartition(changelog(cluster), 0)
    delete_before(cluster, tp.topic, cluster.records(tp.topic)[-1].offset + 1)
    worker = cluster.worker()
    assert f"offset {last + 1} is committed, but the changelog has no state" in refusal(worker)
    assert worker.stop() == 0
    assert cluster.run("state", "reset", "--yes").returncode == 0
    again = cluster.worker()
    assert again.wait_applied({0: last})[0]["received"] == LINES
    again.wait_ready()


def keep_only_measurements(cluster: Cluster) -> None:
    """Delete of the changelog what came before the newest rows of the measurements: those of areas and incidents."""
    tables = changelogs.read(cluster.kafka, cluster.kafka.partitions, lambda _: None)
    kept = {number: [key for key in table if not key.startswith(OTHERS)] for number, table in tables.items()}
    ends = {number: cluster.end_of(changelog(cluster), number) for number in tables}
    with changelogs.writing(cluster.kafka, lambda: tables) as logs:
        for number, keys in kept.items():
            for key in keys:
                logs[number][key] = tables[number][key]
    for number, end in ends.items():
        delete_before(cluster, changelog(cluster), end, number)


def test_emptied_changelog_of_areas_and_incidents(kafka: ApacheKafka, tmp_path: Path) -> None:
    """Offsets of area sums and bin reports without state are refused too, also where the measurements have theirs; a
    reset commits such offsets, and says so.
    """
    with two_partitions(kafka, "guard-areas", tmp_path) as cluster:
        cluster.feeds.write_text(cluster.feeds.read_text().replace('bin = "1h"', 'bin = "1h"\nareas = ["country"]'))
        worker = cluster.worker()
        worker.wait_ready()
        cluster.send(*messages()[0])
        wait_for("an incident", lambda: cluster.all_records(cluster.kafka.incidents))
        assert worker.stop() == 0
        keep_only_measurements(cluster)
        worker = cluster.worker()
        lost = wait_for("a refusal", lambda: _reason(worker))
        topic = cluster.kafka.findings
        assert f"{topic}/0: offset" in lost and "is committed, but the changelog has no state" in lost
        assert f"{cluster.kafka.partials}/" in lost
        assert f"{cluster.kafka.measurements}/" not in lost
        assert worker.stop() == 0
        assert cluster.run("state", "reset", "--yes").returncode == 0
        again = cluster.worker()
        again.wait_ready()
        assert again.stop() == 0
        assert "refused" not in again.errors()


@pytest.mark.parametrize("count", [LINES // 2, 2 * LINES])
def test_anew(cluster: Cluster, count: int) -> None:
    """A topic made anew, with fewer and with more messages than before: none of them is skipped in silence."""
    run_once(cluster)
    recreate(cluster, cluster.kafka.measurements)
    send(cluster, 10_000, count)
    worker = cluster.worker()
    assert "made anew" in refusal(worker)
    assert worker.status()[0]["skipped"] == 0


def test_anew_meanwhile(cluster: Cluster) -> None:
    """A topic made anew while it is read is noticed."""
    worker, last = cluster.worker(), send(cluster, 0)
    worker.wait_applied({0: last})
    worker.wait_ready()
    recreate(cluster, cluster.kafka.measurements)
    send(cluster, 10_000)
    assert "was made anew while it was read" in refusal(worker)


@pytest.mark.parametrize("key", ["measurements", "outages"])
def test_deleted_meanwhile(cluster: Cluster, key: str) -> None:
    """A topic deleted while it is read or written is named once, not in a thousand lines; with it nothing is missing
    after a start.
    """
    cluster.environment["EBBTIDE_KAFKA_SESSION_TIMEOUT"] = (
        "6s"  # the second worker waits for the end of the first one's
    )
    topic, halves = getattr(cluster.kafka, key), (falling(range(33)), falling(range(33, 48)))
    sent = [[(0, b"asn/1", value) for value in half] for half in halves]
    worker, last = cluster.worker(), cluster.send(*sent[0])[-1]
    worker.wait_applied({0: last})
    worker.wait_ready()
    with topics.connected(cluster.kafka) as admin:
        admin.delete_topics([topic])
    if key == "outages":
        last = cluster.send(*sent[1])[-1]
    assert f"topic {topic} was deleted: create it with `ebbtide topics`" in refusal(worker)
    assert len(worker.complaints()) <= 3, worker.errors()
    worker.kill()
    assert cluster.run("topics").returncode == 0
    if key == "outages":
        again = cluster.worker()
        assert again.wait_applied({0: last})[0]["received"] == sum(map(len, halves))
        wait_for("the outage that is over", lambda: b'"closed"' in b"".join(values(cluster)))


def values(cluster: Cluster) -> list[bytes]:
    """Return what the topic of outages holds."""
    return [record.value for record in cluster.records(cluster.kafka.outages)]


def test_gap(cluster: Cluster) -> None:
    """Messages deleted before they were read are counted and refused; the setting goes on without them."""
    last = run_once(cluster)
    send(cluster, LINES)
    first = send(cluster, 3 * LINES) - LINES + 1
    delete_before(cluster, cluster.kafka.measurements, first)
    worker = cluster.worker()
    assert f"{LINES} messages, offsets {last + 1} to {first - 1}, are gone from the topic unread" in refusal(worker)
    assert f"ebbtide_lost_messages_total {LINES}.0".encode() in worker.get("/metrics")[1]
    assert worker.status()[0]["applied"] == last
    assert worker.stop() == 0

    cluster.environment["EBBTIDE_KAFKA_GAPS"] = "accept"
    again = cluster.worker()
    again.wait_ready()
    assert again.wait_applied({0: first + LINES - 1})[0]["received"] == 2 * LINES
    assert f"ebbtide_lost_messages_total {LINES}.0".encode() in again.get("/metrics")[1]


def falling(bins: range) -> list[bytes]:
    """Return what 60 members in six networks say in these bins; those of one network are down from bin 30 to 41."""
    return [
        orjson.dumps(
            {"feed": "atlas", "ts": START + 300 * number + asn, "asn": asn, "member": f"{asn}-{name}", "up": up}
        )
        for number in bins
        for asn in range(1, 7)
        for name in range(10)
        for up in [asn != 1 or not 30 <= number < 42]
    ]


def with_gap(cluster: Cluster, before: list[bytes], after: list[bytes]) -> list[Outage]:
    """Return the outages of a stage that takes note of a gap between messages, without a broker."""
    stage = MeasurementStage(load(cluster.feeds, {}), 0, {}, 0.0)
    found = stage.process(records(before), 0.0).outages
    stage.note_gap()
    return found + stage.process(records(after, 10_000), 0.0).outages


def test_gap_while_an_outage_is_open(cluster: Cluster) -> None:
    """The outage says how many of its bins are unknown, with the bytes of a stage that takes note of the same gap."""
    before, gone, after = falling(range(33)), falling(range(33, 37)), falling(range(37, 48))
    worker, last = cluster.worker(), cluster.send(*((0, b"asn/1", value) for value in before))[-1]
    worker.wait_applied({0: last})
    assert worker.stop() == 0
    cluster.send(*((0, b"asn/1", value) for value in gone))
    end = cluster.send(*((0, b"asn/1", value) for value in after))[-1]
    delete_before(cluster, cluster.kafka.measurements, end - len(after) + 1)
    cluster.environment["EBBTIDE_KAFKA_GAPS"] = "accept"
    again = cluster.worker()
    again.wait_applied({0: end})
    assert again.stop() == 0
    expected = with_gap(cluster, before, after)
    assert {outage.missing_bins for outage in expected if outage.state == "closed"} == {
        6
    }  # 32 to 37: neither end is sure
    published = [record.value for record in cluster.records(cluster.kafka.outages)]
    assert published == [encode(outage) for outage in expected]


@pytest.mark.parametrize("gaps", ["refuse", "accept"])
def test_overtaken(cluster: Cluster, gaps: str) -> None:
    """Retention that overtakes a worker while it runs: what it has not read is counted, and refused or accepted."""
    cluster.environment["EBBTIDE_KAFKA_GAPS"] = gaps
    worker, last = cluster.worker(), send(cluster, 0)
    worker.wait_applied({0: last})
    worker.wait_ready()
    worker.process.send_signal(signal.SIGSTOP)
    end = send(cluster, LINES, 2 * LINES)
    delete_before(cluster, cluster.kafka.measurements, end - LINES + 1)
    worker.process.send_signal(signal.SIGCONT)
    if gaps == "refuse":
        reason = refusal(worker)
        first, lost = worker.status()[0]["applied"] + 1, _lost(worker)  # a fetch may have been under way
        text = f"{lost} messages, offsets {first} to {end - LINES}, are gone from the topic unread"
        assert text in reason and 0 < lost == end - LINES - first + 1
        assert not worker.errors().count("gone from the topic") > 1
        send(cluster, 3 * LINES)
        assert worker.status()[0]["applied"] == first - 1
    else:
        received = worker.wait_applied({0: end})[0]["received"]
        assert 0 < _lost(worker) == 3 * LINES - received
        assert worker.get("/readyz")[0] == 200
        assert "are gone from the topic" in worker.errors()


def _lost(worker: Worker) -> int:
    """Return how many messages the worker counts as lost."""
    found = re.search(rb"^ebbtide_lost_messages_total ([0-9.]+)$", worker.get("/metrics")[1], re.M)
    assert found
    return int(float(found[1]))


def test_marker_at_the_end(cluster: Cluster) -> None:
    """A changelog whose end is a transaction's marker, not a record, is recovered all the same."""
    last = run_once(cluster)
    SnapshotLog(cluster).add_transaction()
    worker = cluster.worker()
    worker.wait_ready()
    assert worker.wait_applied({0: last})[0]["received"] == LINES


def test_more_partitions(cluster: Cluster) -> None:
    """More partitions are noticed while it runs: nothing more is read, it lives on, and a start says what to do."""
    worker, last = cluster.worker(), send(cluster, 0)
    worker.wait_applied({0: last})
    worker.wait_ready()
    with topics.connected(cluster.kafka) as admin:
        admin.create_partitions({cluster.kafka.measurements: NewPartitions(3)})
    assert "has 3 partitions now and had 1: keys have moved" in refusal(worker)
    send(cluster, LINES)
    assert worker.status()[0]["applied"] == last
    assert worker.stop() == 0
    second = cluster.worker()
    assert second.process.wait(60) == 1
    (line,) = second.complaints()
    assert "has 1 partitions" in line and "keys have moved" in line
