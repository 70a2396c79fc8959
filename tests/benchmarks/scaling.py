"""`python -m tests.benchmarks.scaling`: two workers against one on the same full topic, on the wall and by CPU time."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

import orjson

from streams.broker import topics
from streams.cli.child_process import child
from streams.config.ports import free_port
from tests.benchmarks.contestants import ENVIRONMENT, PARTITIONS, PATIENCE, POLL, TOPIC, get, kafka_of, settings_text
from tests.benchmarks.fill import fill
from tests.benchmarks.messages import Load
from tests.benchmarks.reading import read
from tests.kafka import ApacheKafka, installed


class Rate(NamedTuple):
    """Measurements a second on the wall, and for each second of CPU time of the workers."""

    wall: float
    cpu: float


class Crew(NamedTuple):
    """Workers of one group, each with the port of its pages."""

    processes: list[Popen[bytes]]
    ports: list[int]

    def done(self) -> tuple[list[dict[str, int]], float]:
        """Return how many measurements each has taken of each partition it has, and the CPU seconds of all."""
        states = [orjson.loads(get(port, "/api/v1/status"))["partitions"] for port in self.ports]
        taken = [{number: partition["received"] for number, partition in state.items()} for state in states]
        return taken, sum(read(0, process.pid).cpu for process in self.processes)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it and print the rates; 1 when Apache Kafka cannot be run here."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scaling", description=__doc__)
    parser.add_argument("--measurements", type=int, default=2_000_000, help="messages in the topic")
    parser.add_argument("--asns", type=int, default=80_000, help="networks")
    parser.add_argument("--rounds", type=int, default=2, help="how often each is tried; the best is printed")
    arguments = parser.parse_args(argv)
    if not installed("this"):
        return 1
    with tempfile.TemporaryDirectory(prefix="ebbtide-scaling-") as directory, ApacheKafka() as kafka:
        load = Load(arguments.measurements, arguments.asns, 12)
        kafka.create_topic(TOPIC, PARTITIONS)
        fill(kafka.address, TOPIC, load)
        found = {
            count: max(_rate(kafka.address, Path(directory), load, count, turn) for turn in range(arguments.rounds))
            for count in (1, 2)
        }
    for count, rate in found.items():
        sys.stdout.write(f"{count} workers: {rate.wall:,.0f} a second, {rate.cpu:,.0f} a CPU second\n")
    sys.stdout.write(f"two against one: {found[2].wall / found[1].wall:.2f} × on the wall\n")
    return 0


def _rate(address: str, directory: Path, load: Load, count: int, turn: int) -> Rate:
    group = f"scaling-{count}-{turn}"
    topics.create(kafka_of(address, group))
    with ExitStack() as stack:
        crew = Crew([], [free_port() for _ in range(count)])
        for port in crew.ports:
            name = f"{group}-{port}"
            file = directory / f"{name}.toml"
            file.write_text(
                settings_text(address, group, port, TOPIC).replace(f'"{group}"\n[feeds', f'"{name}"\n[feeds')
            )
            command = [sys.executable, "-m", "streams.cli", "worker", "--settings", str(file)]
            crew.processes.append(stack.enter_context(child(command, directory, name, ENVIRONMENT)))
        return _watch(crew, load.measurements)


def _watch(crew: Crew, count: int) -> Rate:
    """Return the rate from the moment at which all have begun, so that no rebalance comes in between, to the end."""
    first: tuple[float, int, float] | None = None
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            taken, cpu = crew.done()
        except OSError:
            time.sleep(POLL)
            continue
        now, done = time.monotonic(), sum(sum(counts.values()) for counts in taken)
        if first is None and _all_have_begun(taken):
            first = now, done, cpu
        if done >= count and first is not None:
            return Rate((done - first[1]) / (now - first[0]), (done - first[1]) / (cpu - first[2]))
        time.sleep(POLL)
    raise RuntimeError(f"{len(crew.ports)} workers did not get through {count} measurements, see their logs")


def _all_have_begun(taken: list[dict[str, int]]) -> bool:
    """Whether every partition is somebody's who has taken some of it; one that has just been given waits a while."""
    return sum(map(len, taken)) == PARTITIONS and all(counts and min(counts.values()) > 0 for counts in taken)


if __name__ == "__main__":
    sys.exit(main())
