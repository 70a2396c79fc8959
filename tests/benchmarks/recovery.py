"""`python -m tests.benchmarks.recovery`: how long a worker that was killed takes to be back, with all it has learnt."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import orjson
from confluent_kafka import Producer
from kafka import KafkaConsumer, TopicPartition

from streams.broker import topics
from streams.broker.changelog import writing
from streams.cli.child_process import child
from streams.config.ports import free_port
from streams.config.settings import KafkaSettings
from streams.state.measurement_stage import MeasurementStage
from tests.benchmarks.contestants import ENVIRONMENT, TOPIC, get
from tests.benchmarks.crowd import Crowd, arrays, feeds_text, learn, learnt, measured
from tests.benchmarks.reading import memory_mb
from tests.kafka import ApacheKafka, installed

GROUP = "recovery"
LOOK = 0.02
PATIENCE = 120.0
FEW = 50
TRICKLE = 0.01  # seconds between messages of the measurements that go on coming, some 5,000 a second


class Back(NamedTuple):
    """Seconds from the start of the process, and memory (MB): at that moment, and at most."""

    ready: float
    processing: float
    resident: float
    peak: float

    def line(self) -> str:
        """Return it as text."""
        return (
            f"ready after {self.ready:.2f} s, all of the log taken after {self.processing:.2f} s, "
            f"{self.resident:,.0f} MB resident, {self.peak:,.0f} MB at most"
        )


class Scene(NamedTuple):
    """Where it takes place."""

    crowd: Crowd
    kafka: KafkaSettings
    directory: Path
    port: int

    def settings(self) -> Path:
        """Write the worker's settings, and return where they are."""
        file = self.directory / "settings.toml"
        file.write_text(
            f'[kafka]\nbootstrap_servers = ["{self.kafka.bootstrap_servers[0]}"]\napp_id = "{GROUP}"\n'
            f'partitioner = "any"\n'
            f'partitions = {self.crowd.partitions}\ninstance = "one"\n[web]\nport = {self.port}\n'
            f"{feeds_text(self.crowd)}"
        )
        return file


def main(argv: Sequence[str] | None = None) -> int:
    """Run it and print a line for each start; 1 when Apache Kafka cannot be run here."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.recovery", description=__doc__)
    parser.add_argument("--asns", type=int, default=80_000, help="networks, each seen by five signals")
    parser.add_argument("--hours", type=int, default=176, help="hours that were learnt before")
    parser.add_argument("--kills", type=int, default=5, help="how often the worker is killed")
    arguments = parser.parse_args(argv)
    if not installed("this"):
        return 1
    crowd = Crowd(arguments.asns)
    with tempfile.TemporaryDirectory(prefix="ebbtide-recovery-") as directory, ApacheKafka() as kafka:
        settings = KafkaSettings(bootstrap_servers=(kafka.address,), app_id=GROUP, partitions=crowd.partitions)
        _run(Scene(crowd, settings, Path(directory), free_port()), arguments)
    return 0


def _run(scene: Scene, arguments: argparse.Namespace) -> None:
    topics.create(scene.kafka)
    began = time.monotonic()
    _prepare(scene, arguments.hours)
    _say(f"{scene.crowd.series:,} series with {arguments.hours} hours learnt ({time.monotonic() - began:.0f} s)")
    with _worker(scene, 0) as process:
        _say(f"first start: {_back(process, scene).line()}")
        for partition in range(scene.crowd.partitions):
            _send(scene, partition, arguments.hours)
        _settle(process, scene)
        _say(f"an hour later: {memory_mb(process.pid, 'VmRSS'):,.0f} MB resident")
        _kill(process)
    with _trickle(scene, arguments.hours):
        for number in range(1, arguments.kills + 1):
            with _worker(scene, number) as process:
                _say(f"kill -9, start {number}: {_back(process, scene).line()}")
                time.sleep(5 + number)  # at another moment between two snapshots each time
                _kill(process)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _prepare(scene: Scene, hours: int) -> None:
    """Write the state into the changelog, and the first hour, which it includes, into the log."""
    for number in range(scene.crowd.partitions):
        table: dict[bytes, bytes] = {}
        partition = MeasurementStage(learnt(scene.crowd), number, table, 0.0)
        learn(partition, scene.crowd, hours)
        partition.save(0.0)
        with writing(scene.kafka, partial(dict, {number: {}})) as logs:
            logs[number].update(table)
        _send(scene, number, 0)


def _send(scene: Scene, partition: int, hour: int) -> None:
    producer = Producer({"bootstrap.servers": scene.kafka.bootstrap_servers[0]})
    for value in arrays(measured(scene.crowd, partition, hour)):
        producer.produce(TOPIC, value, b"asn/1", partition)
    producer.flush(PATIENCE)


@contextmanager
def _worker(scene: Scene, number: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "streams.cli", "worker", "--settings", str(scene.settings())]
    with child(command, scene.directory, f"worker-{number}", ENVIRONMENT) as process:
        yield process


@contextmanager
def _trickle(scene: Scene, hour: int) -> Iterator[None]:
    """In `with`: some measurements go on coming to every partition."""
    over = Event()
    producer = Producer({"bootstrap.servers": scene.kafka.bootstrap_servers[0]})
    parts = range(scene.crowd.partitions)
    hours = cycle([(number, next(arrays(measured(scene.crowd, number, hour), FEW))) for number in parts])

    def run() -> None:
        while not over.wait(TRICKLE):
            number, value = next(hours)
            producer.produce(TOPIC, value, b"asn/1", number)
            producer.poll(0)

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        producer.flush(PATIENCE)


def _kill(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def _back(process: subprocess.Popen[bytes], scene: Scene) -> Back:
    """Wait until a worker that was just started says that it is ready, and has taken what was in the log then."""
    began = time.monotonic()
    ends = _ends(scene)
    ready = _until(process, lambda: get(scene.port, "/readyz")) - began
    processing = _until(process, lambda: _has_taken(scene, ends)) - began
    return Back(ready, processing, memory_mb(process.pid, "VmRSS"), memory_mb(process.pid, "VmHWM"))


def _ends(scene: Scene) -> dict[int, int]:
    consumer = KafkaConsumer(bootstrap_servers=list(scene.kafka.bootstrap_servers))
    parts = [TopicPartition(TOPIC, number) for number in range(scene.crowd.partitions)]
    found = {tp.partition: end for tp, end in consumer.end_offsets(parts).items()}
    consumer.close()
    return found


def _has_taken(scene: Scene, ends: dict[int, int]) -> bool:
    states: dict[str, Any] = orjson.loads(get(scene.port, "/api/v1/status"))["partitions"]
    return all(states.get(str(number), {}).get("applied", -1) >= end - 1 for number, end in ends.items())


def _settle(process: subprocess.Popen[bytes], scene: Scene) -> None:
    """Wait until a worker has taken all, and has had the time for a snapshot of it."""
    ends = _ends(scene)
    _until(process, lambda: _has_taken(scene, ends))
    time.sleep(3)


def _until(process: subprocess.Popen[bytes], come: Any) -> float:  # noqa: ANN401
    """Return the time at which something has come true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            if come():
                return time.monotonic()
        except OSError:  # nobody answers yet, or says that it is not ready
            pass
        time.sleep(LOOK)
    raise RuntimeError(f"worker {process.pid} did not get there, see its log")


if __name__ == "__main__":
    sys.exit(main())
