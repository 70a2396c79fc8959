"""Runs `ebbtide` for the tests from end to end: commands in this process, workers in processes of their own."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch
from weakref import WeakSet

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.broker import topics
from streams.broker.security import client_options
from streams.cli.main import main
from streams.config.kafka import TOPIC_KEYS
from streams.config.loader import load
from streams.config.settings import Settings
from tests.kafka import free_ports

PATIENCE_SECONDS = 90.0
RECORDING = Path(__file__).parent / "data" / "atlas-2016-06-16"
MEASUREMENTS, FEEDS = RECORDING / "measurements.jsonl.gz", RECORDING / "feeds.toml"
PROGRAM = [sys.executable, "-m", "streams.cli"]


class Witness(Protocol):
    """A process of a test that can say what it did."""

    def account(self) -> str:
        """Return what a reader of a failed test needs to know of it."""


#: The workers of this process's tests; what they say is shown where a wait was in vain.
WITNESSES: WeakSet[Witness] = WeakSet()
LOG_TAIL = 3000  # characters of a log that a failed wait shows


def wait_for(awaited: str, condition: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Return the condition's value once it is true; fail, with what the workers say, when it does not come true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {PATIENCE_SECONDS} s in vain for: {awaited}\n{accounts()}"
        time.sleep(0.05)
    return value


def accounts() -> str:
    """Return what all workers of the test say."""
    return "\n".join(sorted(witness.account() for witness in WITNESSES))


def ebbtide_process(
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    **options: Any,  # noqa: ANN401
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own, with nothing of `EBBTIDE_…` in its environment but what is given."""
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, check=False, timeout=PATIENCE_SECONDS, env=env(environment), **options
    )


def ebbtide(
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    input: bytes = b"",  # noqa: A002 - as in subprocess.run
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in this process, which saves the second that a start takes; else as `ebbtide_process`."""
    words, out, err = list(map(str, arguments)), _stream(), _stream()
    with (
        patch.dict(os.environ, env(environment), clear=True),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(input)))),
        chdir(cwd or Path.cwd()),
        redirect_stdout(out),
        redirect_stderr(err),
        patch.object(
            logging.getLogger(), "handlers", []
        ),  # those of pytest; without any, warnings go to standard error
    ):
        code = _exit_code(words)
    return subprocess.CompletedProcess(words, code, out.buffer.getvalue(), err.buffer.getvalue())


class _Stream(io.TextIOWrapper):
    """A stream of text over bytes in memory."""

    buffer: io.BytesIO


def _stream() -> _Stream:
    return _Stream(io.BytesIO(), encoding="utf-8", write_through=True)


def _exit_code(words: list[str]) -> int:
    try:
        return main(words)
    except SystemExit as end:
        assert end.code is None or isinstance(end.code, int)
        return end.code or 0


def env(more: Mapping[str, str] | None) -> dict[str, str]:
    """Return our environment without settings of ours, and with these."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("EBBTIDE_")}
    return {**ours, **(more or {})}


class Cluster:
    """A set of topics of their own in a Kafka, with settings for them, and the processes that work on them."""

    def __init__(self, address: str, name: str, directory: Path, feeds: Path = FEEDS, **settings: str) -> None:
        self.directory, self.feeds, self.workers = directory, feeds, list[Worker]()
        self.environment = {
            "EBBTIDE_KAFKA_BOOTSTRAP_SERVERS": address,
            "EBBTIDE_KAFKA_APP_ID": name,
            **{f"EBBTIDE_KAFKA_{topic.upper()}": f"{name}.{topic}" for topic in TOPIC_KEYS},
            "EBBTIDE_KAFKA_PARTITIONS": "1",
            "EBBTIDE_KAFKA_PARTITIONER": "any",  # most tests choose partitions themselves
            "EBBTIDE_KAFKA_SESSION_TIMEOUT": "6s",
            **settings,
        }
        self.settings: Settings = load(feeds, self.environment)
        self.kafka = self.settings.kafka
        topics.create(self.kafka)

    def run(self, command: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
        """Run a command with these settings to its end."""
        return ebbtide(command, "--settings", self.feeds, *arguments, environment=self.environment)

    def worker(self, *arguments: str, port: int | None = None) -> Worker:
        """Start a worker, by default at a free port."""
        self.workers.append(Worker(self, self.directory / f"worker-{len(self.workers)}", *arguments, port=port))
        return self.workers[-1]

    def close(self) -> None:
        """End what still runs."""
        for worker in self.workers:
            worker.kill()

    def records(self, topic: str, partition: int = 0, is_committed: bool = False) -> list[Any]:
        """Return all records of a partition, or all committed ones, from its beginning to its end."""
        tp = TopicPartition(topic, partition)
        level = "read_committed" if is_committed else "read_uncommitted"
        consumer = KafkaConsumer(**client_options(self.kafka), isolation_level=level)
        try:
            consumer.assign([tp])
            consumer.seek_to_beginning(tp)
            end = consumer.end_offsets([tp])[tp]
            found: list[Any] = []
            deadline = time.monotonic() + PATIENCE_SECONDS
            while consumer.position(tp) < end:
                assert time.monotonic() < deadline, f"{topic}/{partition} could not be read to {end}"
                found += [record for batch in consumer.poll(500).values() for record in batch]
            return found
        finally:
            consumer.close()

    def end(self, partition: int = 0) -> int:
        """Return the end of a partition of the measurements."""
        return self.end_of(self.kafka.measurements, partition)

    def end_of(self, topic: str, partition: int) -> int:
        """Return the end of a partition of a topic."""
        tp = TopicPartition(topic, partition)
        consumer = KafkaConsumer(**client_options(self.kafka))
        try:
            end: int = consumer.end_offsets([tp])[tp]
        finally:
            consumer.close()
        return end

    def all_records(self, topic: str) -> list[Any]:
        """Return all records of a topic, partition after partition."""
        return [record for number in range(self.kafka.partitions) for record in self.records(topic, number)]

    def send(self, *messages: tuple[int, bytes | None, bytes | None]) -> list[int]:
        """Send partition, key and value of measurements as they are, compressed; return their offsets."""
        producer = KafkaProducer(
            **client_options(self.kafka),
            compression_type="gzip",
            max_request_size=16_000_000,
            linger_ms=20,
        )
        try:
            name = self.kafka.measurements
            sent = [producer.send(name, value, key=key, partition=number) for number, key, value in messages]
            return [future.get(PATIENCE_SECONDS).offset for future in sent]
        finally:
            producer.close()

    def committed(self) -> dict[int, int]:
        """Return the committed offset of each partition of the measurements."""
        with topics.connected(self.kafka) as admin:
            offsets = admin.list_group_offsets([self.kafka.app_id])[self.kafka.app_id]
        name = self.kafka.measurements
        return {tp.partition: at.offset for tp, at in offsets.items() if tp.topic == name and at.offset >= 0}


class Worker:
    """One `ebbtide worker`, with its pages."""

    def __init__(self, cluster: Cluster, path: Path, *arguments: str, port: int | None = None) -> None:
        self.port = free_ports(1)[0] if port is None else port
        self.url = f"http://127.0.0.1:{self.port}"
        self.error_file = path.with_suffix(".err")
        environment = {
            **cluster.environment,
            "EBBTIDE_WEB_PORT": str(self.port),
            "EBBTIDE_WORKER_DATA_DIR": json.dumps(str(path)),
        }
        self._output_file = path.with_suffix(".out")
        with self._output_file.open("wb") as output, self.error_file.open("wb") as errors:
            self.process = subprocess.Popen(
                [*PROGRAM, "worker", "--settings", str(cluster.feeds.resolve()), *arguments],
                env=env(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )
        WITNESSES.add(self)

    def account(self) -> str:
        """Return whether it runs, and the end of what it has written on standard error."""
        return f"{self.error_file.stem}: exit code {self.process.poll()}, {self.errors()[-LOG_TAIL:]}"

    def get(self, page: str) -> tuple[int, bytes]:
        """Return the status and body of a page; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(self.url + page, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            assert self.process.poll() is None, f"the worker ended: {self.errors()}"
            return 0, b""

    def status(self) -> dict[int, dict[str, Any]]:
        """Return what the worker says of each of its partitions."""
        code, body = self.get("/api/v1/status")
        return {int(number): state for number, state in json.loads(body)["partitions"].items()} if code == 200 else {}

    def wait_ready(self) -> None:
        """Wait until it is ready."""
        wait_for("a worker that is ready", lambda: self.get("/readyz")[0] == 200)

    def wait_applied(self, ends: Mapping[int, int]) -> dict[int, dict[str, Any]]:
        """Wait until it has applied these offsets, each by its partition, and return what it says of itself."""
        status: dict[int, dict[str, Any]] = {}

        def reached() -> bool:
            status.clear()
            status.update(self.status())
            return all(status.get(number, {}).get("applied", -1) >= offset for number, offset in ends.items())

        try:
            wait_for(f"a worker that has applied {ends}", reached)
        except AssertionError as error:
            raise AssertionError(f"{error}; it has {status}, {self.get('/readyz')}, {self.errors()}") from None
        return status

    def errors(self) -> str:
        """Return what it has written on standard error."""
        return self.error_file.read_text(errors="replace")

    def complaints(self) -> list[str]:
        """Return the lines of standard error, without its start and end and what a group that changes has said."""
        usual = ("[INFO]", "Marking the coordinator dead", "because it is rebalancing", "Recovery rebalancing again")
        return [line for line in self.errors().splitlines() if not any(text in line for text in usual)]

    def output(self) -> bytes:
        """Return what it has written on standard output."""
        return self._output_file.read_bytes()

    def stop(self) -> int:
        """End it by SIGTERM and return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it by kill -9."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)
