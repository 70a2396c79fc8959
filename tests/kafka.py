"""Starts the Apache Kafka of deploy/kafka on a free loopback port, for the tests that need the real thing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from types import TracebackType
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

DEPLOY = Path(__file__).parent.parent / "deploy" / "kafka"
READY_SECONDS = 90.0
STOP_SECONDS = 20.0
#: For a broker of tests: to compile little, and to collect garbage in one thread, halves the cost of a start.
SHORT_LIVED = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


class KafkaUnavailableError(Exception):
    """Apache Kafka cannot be run here; the text says what is missing."""


def install() -> None:
    """Copy the jars of Apache Kafka once; raises KafkaUnavailableError without Java, or without jars and Maven."""
    if shutil.which("java") is None:
        raise KafkaUnavailableError("java is not installed")
    script = DEPLOY / "install"
    with script.open("rb") as lock:  # the processes of a test run begin together, and only one may copy
        flock(lock, LOCK_EX)
        done = subprocess.run([script], capture_output=True, text=True, check=False)
    if done.returncode:
        raise KafkaUnavailableError((done.stderr + done.stdout).strip()[-2000:])


def installed(program: str) -> bool:
    """Install, or say on standard error that a program cannot do without it, and why it is not there."""
    try:
        install()
    except KafkaUnavailableError as error:
        sys.stderr.write(f"{program} needs Apache Kafka: {error}\n")
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Return that many different free loopback ports."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]
    finally:
        for free in sockets:
            free.close()


class ApacheKafka:
    """One Apache Kafka in a directory of its own, from `with` to its end; `address` is HOST:PORT.

    `environment` goes to deploy/kafka/run, `client` is what an administrator's client needs to be let in.
    """

    def __init__(
        self,
        ports: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
        client: Mapping[str, Any] | None = None,
    ) -> None:
        self.ports = list(ports or free_ports(2))
        self.port, self._controller_port = self.ports
        self.address = f"127.0.0.1:{self.port}"
        self._environment, self._client = {**os.environ, **(environment or {})}, client or {}
        self._directory = Path(tempfile.mkdtemp(prefix="ebbtide-kafka-"))
        self._log = self._directory / "kafka.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ApacheKafka:
        """Start it and wait until it answers an administrator's call."""
        command = [str(DEPLOY / "run"), str(self.port), str(self._directory), str(self._controller_port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the process and remove its directory."""
        self.stop()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + READY_SECONDS
        while process.poll() is None and time.monotonic() < end:
            if self._answers():
                return
        raise KafkaUnavailableError(f"Apache Kafka did not start: {self._log.read_text()[-2000:]}")

    def _answers(self) -> bool:
        try:
            with self.admin(timeout_ms=1000) as admin:
                admin.list_topics()
        except (KafkaError, OSError):
            return False
        return True

    def stop(self) -> None:
        """End the process by its id, waiting until it is gone, and remove its directory; a second call does nothing."""
        self._end(kill=False)
        shutil.rmtree(self._directory, ignore_errors=True)

    def restart(self, *, kill: bool = False) -> None:
        """End the process, by kill -9 or in order, and start it again on what it has stored; wait until it answers."""
        self._end(kill=kill)
        self.__enter__()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """In `with`: it holds its connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if not kill:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        process.kill()
        process.wait()

    def admin(self, timeout_ms: int = 30_000) -> KafkaAdminClient:
        """Return an administrator's client that connects within `timeout_ms`; close it, or use it in `with`."""
        return KafkaAdminClient(
            bootstrap_servers=self.address,
            bootstrap_timeout_ms=timeout_ms,
            reconnect_backoff_max_ms=500,
            **self._client,
        )

    def create_topic(self, name: str, partitions: int, **configs: str) -> None:
        """Make a topic and wait until it has leaders; configs in Python spelling (`cleanup_policy="compact"`)."""
        wanted = {key.replace("_", "."): value for key, value in configs.items()}
        topic: Mapping[str, Any] = {"num_partitions": partitions, "replication_factor": 1, "configs": wanted}
        with self.admin() as admin:
            admin.create_topics({name: topic}, wait_for_metadata=True)
