"""`python -m tests.benchmarks.idle`: the memory of a worker that has read everything and gets nothing for an hour."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from streams.broker import topics
from streams.cli.child_process import child
from streams.config.ports import free_port
from tests.benchmarks.contestants import ENVIRONMENT, TOPIC, kafka_of, settings_text, wait_ready
from tests.benchmarks.fill import fill
from tests.benchmarks.messages import Load
from tests.benchmarks.reading import memory_mb
from tests.kafka import ApacheKafka, installed

GROUP = "idle"


def main(argv: Sequence[str] | None = None) -> int:
    """Run it and print the resident memory by the minute; 1 when Apache Kafka cannot be run here."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.idle", description=__doc__)
    parser.add_argument("--minutes", type=int, default=60, help="how long it is idle")
    parser.add_argument("--asns", type=int, default=20_000, help="networks measured before")
    arguments = parser.parse_args(argv)
    if not installed("this"):
        return 1
    with ExitStack() as stack:
        pid = _worker(stack, Load(10 * arguments.asns, arguments.asns, 10))
        for minute, memory in _readings(pid, arguments.minutes):
            sys.stdout.write(f"minute {minute}: {memory:.1f} MB\n")
            sys.stdout.flush()
    return 0


def _worker(stack: ExitStack, load: Load) -> int:
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ebbtide-idle-")))
    kafka = stack.enter_context(ApacheKafka())
    topics.create(kafka_of(kafka.address, GROUP))
    fill(kafka.address, TOPIC, load)
    port = free_port()
    (directory / "idle.toml").write_text(settings_text(kafka.address, GROUP, port, TOPIC))
    command = [sys.executable, "-m", "streams.cli", "worker", "--settings", str(directory / "idle.toml")]
    process = stack.enter_context(child(command, directory, GROUP, ENVIRONMENT))
    wait_ready(process, port)
    return process.pid


def _readings(pid: int, minutes: int) -> Iterator[tuple[int, float]]:
    """Yield minutes from 1 on and the resident memory in MB. The first minute includes reading what is in the topic."""
    for minute in range(1, minutes + 1):
        time.sleep(60)
        yield minute, memory_mb(pid, "VmRSS")


if __name__ == "__main__":
    sys.exit(main())
