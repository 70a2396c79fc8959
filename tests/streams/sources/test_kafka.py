"""Sources on a real broker: flows dealt at random, kills, and what others send in their own form."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from kafka import KafkaProducer

from streams.broker import topics
from streams.broker.security import client_options
from streams.config.kafka import TOPIC_KEYS
from streams.worker.source_reports import SourceReports
from tests.ebbtide import PROGRAM, Cluster, env, wait_for
from tests.kafka import ApacheKafka
from tests.streams.sources.helpers import START

pytestmark = pytest.mark.kafka

KILLS = int(os.environ.get("KILLS", "4"))
FEED = '[feeds.flows]\nsignal = "traffic"\nkind = "count"\nbin = "1m"\nlateness = "30s"\n'
NETWORKS = (3333, 1103, 286, 0, 64_512)


class SourceCluster:
    """Topics of a test, with flows of others in one of them, and the processes of sources."""

    def __init__(self, address: str, name: str, directory: Path, source: str, partitions: int) -> None:
        self.topic, self.settings_file, self.processes = f"{name}.others", directory / "ebbtide.toml", list[Any]()
        self.settings_file.write_text(FEED + source.replace("TOPIC", self.topic))
        names = {f"EBBTIDE_KAFKA_{key.upper()}": f"{name}.{key}" for key in TOPIC_KEYS}
        extra = {"EBBTIDE_KAFKA_PARTITIONS": "2", "EBBTIDE_KAFKA_APP_ID": name, "EBBTIDE_WORKER_IDLE_AFTER": "1h"}
        extra["EBBTIDE_SOURCE_METRICS_PORT"] = "0"
        self.cluster = Cluster(address, name, directory, self.settings_file, **names, **extra)
        self.kafka = self.cluster.kafka
        with topics.connected(self.kafka) as admin:
            admin.create_topics({self.topic: {"num_partitions": partitions, "replication_factor": 1}})

    def send(self, *messages: tuple[int, bytes]) -> None:
        """Send partition and value of records of others."""
        producer = KafkaProducer(**client_options(self.kafka), linger_ms=20)
        try:
            for future in [producer.send(self.topic, value, partition=part) for part, value in messages]:
                future.get(60)
        finally:
            producer.close()

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the source in a process of its own."""
        command = [*PROGRAM, "source", "s", "--settings", str(self.settings_file), *arguments]
        process = subprocess.Popen(
            command, env=env(self.cluster.environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.processes.append(process)
        return process

    def measurements(self) -> Counter[str]:
        """Return all measurements that are committed, each as a text, with how often it is there."""
        found: Counter[str] = Counter()
        for number in range(2):
            for record in self.cluster.records(self.kafka.measurements, number, is_committed=True):
                values = json.loads(record.value)
                values = values if isinstance(values, list) else [values]
                assert record.key.decode() == f"asn/{values[0]['asn']}"
                found.update(json.dumps(value) for value in values)
        return found

    def close(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


GOFLOW2 = '[sources.s]\ntype = "goflow2"\nfeed = "flows"\ntopic = "TOPIC"\n'


@pytest.fixture
def made(kafka: ApacheKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SourceCluster]:
    """Return topics for the source that the test is given, with its number of partitions."""
    source, partitions = request.param
    name = f"source-{request.node.originalname.removeprefix('test_')[:40].replace('_', '-')}"
    cluster = SourceCluster(kafka.address, name, tmp_path, source, partitions)
    yield cluster
    cluster.close()


def flow(seconds: float, pair: list[int], size: int, rate: int = 1000) -> bytes:
    """Return a flow as goflow2 writes it, by its documentation."""
    return json.dumps(
        {
            "type": "SFLOW_5",
            "time_received_ns": int((START + seconds + 1) * 10**9),
            "sampling_rate": rate,
            "sampler_address": "192.0.2.1",
            "time_flow_start_ns": int((START + seconds) * 10**9),
            "bytes": size,
            "packets": 1,
            "src_addr": "192.0.2.2",
            "etype": "IPv4",
            "src_as": pair[0],
            "dst_as": pair[1],
            "as_path": [],
        }
    ).encode()


def flows(rng: Random, count: int, partitions: int, seconds: int = 600) -> list[tuple[int, bytes]]:
    """Return flows over some minutes, dealt at random to partitions.

    For another minute the exporter reports no network; a last flow in each partition ends all bins.
    """
    found = [
        (
            rng.randrange(partitions),
            flow(
                n * seconds / count - rng.choice((0, 0, 1, 40)),
                rng.choices(NETWORKS, k=2),
                rng.randrange(1, 1500),
                rng.choice((0, 1000)),
            ),
        )
        for n in range(count)
    ]
    alive = [(rng.randrange(partitions), flow(seconds + n, [0, 0], 1)) for n in range(60)]
    return [*found, *alive, *((number, flow(3600, [3333, 1103], 1)) for number in range(partitions))]


def sums(messages: list[tuple[int, bytes]]) -> Counter[tuple[int, int]]:
    """Return the sum of each bin and network, without those of the last flows."""
    found: Counter[tuple[int, int]] = Counter()
    for _, text in messages:
        record = json.loads(text)
        start = record["time_flow_start_ns"] // 10**9 // 60 * 60
        for asn in {record["src_as"], record["dst_as"]} - {0, 64_512}:
            if start < START + 3600:
                found[(start, asn)] += record["bytes"] * (record["sampling_rate"] or 1)
    return found


def measured_sums(measurements: Counter[str]) -> Counter[tuple[int, int]]:
    """Return the same of measurements."""
    found: Counter[tuple[int, int]] = Counter()
    for text, times in measurements.items():
        value = json.loads(text)
        found[(value["ts"], value["asn"])] += value.get("value", 1) * times
    return found


@pytest.mark.parametrize("made", [(GOFLOW2, 3)], indirect=True)
def test_kills_change_no_measurement(made: SourceCluster) -> None:
    """A source is killed again and again while flows come: each measurement is there as often as without any kill."""
    sent = flows(Random(1), 1200 * (KILLS + 1), 3, 120 * (KILLS + 1))
    size = len(sent) // (KILLS + 1)
    made.start()
    for at in range(0, len(sent), size):
        # Counted before the flows are sent: a quick source would have measured all of them, and no more would come.
        enough = len(measured_sums(made.measurements())) + 1
        made.send(*sent[at : at + size])
        if at + size < len(sent):
            wait_for("measurements before a kill", lambda: len(measured_sums(made.measurements())) >= enough)  # noqa: B023
            made.processes[-1].kill()
            made.start()
    expected = sums(sent)
    wait_for("all sums", lambda: measured_sums(made.measurements()) == expected)
    dry = made.start("--dry-run", "--until", str(sum(made.measurements().values())))
    printed, _ = dry.communicate(timeout=60)
    undisturbed = Counter(json.dumps(json.loads(line)) for line in printed.splitlines())
    assert made.measurements() == undisturbed


PMACCT = '[sources.s]\ntype = "pmacct"\nfeed = "flows"\ntopic = "TOPIC"\n'


def purge(seconds: int, source: int, size: int, event: str = "purge") -> dict[str, object]:
    """Return an object of pmacct's purge, by its documentation."""
    minute, second = divmod(14 * 60 + seconds, 60)
    stamp = f"2023-11-14 22:{minute:02}:{second:02}"  # 22:14:00 is START
    return {"event_type": event, "as_src": source, "as_dst": 4_294_967_295, "stamp_inserted": stamp, "bytes": size}


@pytest.mark.parametrize("made", [(PMACCT, 1)], indirect=True)
def test_pmacct_and_dead_letters(made: SourceCluster) -> None:
    """Several objects a message; purges only. What fits no mapping is a dead letter, once, also after a restart."""
    lines = [purge(0, 3333, 100), purge(0, 3333, 11), purge(0, 1103, 5), purge(0, 1103, 5, "purge_init")]
    made.send(
        (0, b"\n".join(json.dumps(line).encode() for line in lines)),
        (0, b"no object"),
        (0, json.dumps(purge(200, 286, 7)).encode()),
    )
    made.start()
    expected = Counter({(START, 3333): 111, (START, 1103): 5})
    wait_for("measurements", lambda: measured_sums(made.measurements()) == expected)
    made.processes[-1].send_signal(signal.SIGTERM)
    _, errors = made.processes[-1].communicate(timeout=60)
    assert made.processes[-1].returncode == 0
    silence, stopped, summary = errors.decode().splitlines()
    assert silence.startswith("source s: exporter (without a name) silent since 2023-11-14T22:14:00Z")
    assert stopped == "stopped"
    assert summary.startswith("3 records · 2 measurements · 1 left out · 4 bad networks")
    reports = SourceReports()
    for record in made.cluster.records(made.kafka.sources_state, is_committed=True):
        reports.put(record.key, record.value)
    report = reports.all()["s"]
    assert (report.feed, report.newest, report.records, report.rejected) == ("flows", START + 200, 3, 1)
    made.start()
    made.send((0, json.dumps(purge(400, 286, 7)).encode()))
    expected[(START + 180, 286)] = 7
    wait_for("more measurements", lambda: measured_sums(made.measurements()) == expected)
    (dead,) = made.cluster.all_records(made.kafka.dead)
    headers = {name: value.decode() for name, value in dead.headers}
    assert dead.value == b"no object"
    assert headers.pop("detail").startswith("JSON is malformed")
    assert headers == {"reason": "not-json", "source": "s", "topic": made.topic, "partition": "0", "offset": "1"}


OWN = """[sources.s]
type = "kafka"
feed = "flows"
topic = "TOPIC"
[sources.s.fields]
ts = { path = "at", unit = "ms" }
asn = "net.as"
value = "hits"
"""


@pytest.mark.parametrize("made", [(OWN, 1)], indirect=True)
def test_a_second_process_of_a_source_ends_the_first(made: SourceCluster) -> None:
    """The first can commit nothing any more, and says so in one line; no measurement is there twice."""
    minutes = count()

    def send_minute() -> int:
        minute = next(minutes)
        record = {"at": (START + minute * 60) * 1000, "net": {"as": 3333}, "hits": minute + 1}
        made.send((0, json.dumps(record).encode()))
        time.sleep(0.05)  # a short log: the second process reads all of it
        return minute

    first = made.start()
    while not made.measurements():
        send_minute()
    made.start()
    while first.poll() is None:
        send_minute()
    _, errors = first.communicate(timeout=60)
    assert (first.returncode, errors.decode()) == (1, "ebbtide: another process runs the source s: this one ends\n")
    last = send_minute()
    expected = {(START + minute * 60, 3333): minute + 1 for minute in range(last - 1)}
    wait_for("all but the last two, whose bins wait", lambda: measured_sums(made.measurements()) == expected)


@pytest.mark.parametrize("made", [(OWN.replace("TOPIC", "source-none"), 1)], indirect=True)
def test_a_topic_that_is_not_there_is_named(made: SourceCluster) -> None:
    """In one line, at once."""
    _, errors = made.start().communicate(timeout=60)
    assert errors.decode() == "ebbtide: sources.s.topic: topic source-none does not exist\n"
