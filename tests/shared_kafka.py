"""One Apache Kafka for all processes of a test run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_SH, flock
from pathlib import Path

from tests.kafka import SHORT_LIVED, ApacheKafka, install


@contextmanager
def shared_kafka(folder: Path) -> Iterator[ApacheKafka]:
    """Yield the broker of all processes that name this folder. Raises KafkaUnavailableError.

    The first process starts it, waits at its end until no other uses it, and stops it.
    """
    ports = folder / "kafka.ports"
    with (folder / "kafka.users").open("a") as users:
        with _locked(folder):
            starts = not ports.exists()
            if starts:
                install()
                broker = ApacheKafka(environment=SHORT_LIVED).__enter__()
                ports.write_text(json.dumps(broker.ports))
            else:
                broker = ApacheKafka(json.loads(ports.read_text()))
            flock(users, LOCK_SH)
        try:
            yield broker
        finally:
            if starts:
                _wait_for_others(folder, ports, users.fileno())
            broker.stop()


def _wait_for_others(folder: Path, ports: Path, users: int) -> None:
    with _locked(folder):  # whoever comes later starts a broker of its own
        ports.unlink()
        flock(users, LOCK_EX)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "kafka.lock").open("a") as file:
        flock(file, LOCK_EX)
        yield
