"""`python -m tests.benchmarks.scaling`: one, two and four workers on one full topic, each with a CPU quota of its own.

The broker has the last core, the workers share the others. A worker alone on a free machine uses more than a core with
its threads, so without quotas two workers would mostly share what one had.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from subprocess import Popen
from typing import Final, NamedTuple

import orjson
from kafka import KafkaConsumer, TopicPartition

from streams.broker import topics
from streams.cli.child_process import child
from streams.config.ports import free_port
from tests.benchmarks.contestants import ENVIRONMENT, PARTITIONS, PATIENCE, POLL, TOPIC, get, kafka_of, settings_text
from tests.benchmarks.cpu_quota import QuotaUnavailableError, join, quota
from tests.benchmarks.fill import fill
from tests.benchmarks.messages import Load
from tests.benchmarks.reading import read
from tests.kafka import ApacheKafka, installed

AREAS: Final = 'areas = ["country", "region"]\n'
RUNS: Final = ((1, 0.5), (2, 0.5), (1, 0.25), (2, 0.25), (4, 0.25))

BEGUN: Final = 0.2  # of a partition, before a rate is taken


class Rate(NamedTuple):
    """Measurements a second on the wall, and for each second of CPU time of the workers."""

    wall: float
    cpu: float


class Progress(NamedTuple):
    """Measurements taken of each partition, by each worker; CPU seconds of all workers; seconds on the wall."""

    taken: list[dict[str, int]]
    cpu: float
    wall: float

    @property
    def done(self) -> int:
        """Measurements taken in all."""
        return sum(sum(counts.values()) for counts in self.taken)


class Crew(NamedTuple):
    """Workers of one group, each with the port of its pages."""

    processes: list[Popen[bytes]]
    ports: list[int]

    def progress(self) -> Progress:
        """Return how far they are. Raises OSError while a worker does not answer yet."""
        states = [orjson.loads(get(port, "/api/v1/status"))["partitions"] for port in self.ports]
        taken = [{number: partition["received"] for number, partition in state.items()} for state in states]
        return Progress(taken, sum(read(0, process.pid).cpu for process in self.processes), time.monotonic())


class Course(NamedTuple):
    """What all runs share: the broker's address, a directory for files, messages in each partition of the topic."""

    address: str
    directory: Path
    sizes: dict[str, int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run it and print the rates; 1 when Apache Kafka cannot be run here, or no CPU quota can be set."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scaling", description=__doc__)
    parser.add_argument("--measurements", type=int, default=4_000_000, help="messages in the topic")
    parser.add_argument("--asns", type=int, default=80_000, help="networks")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is tried; the best is printed")
    arguments = parser.parse_args(argv)
    if not installed("this"):
        return 1
    try:
        with quota("trial", 1.0):
            pass
        rates = _rates(Load(arguments.measurements, arguments.asns, 12), arguments.rounds)
    except QuotaUnavailableError as error:
        sys.stderr.write(f"scaling: {error}; run it as root on a machine with control groups\n")
        return 1
    sys.stdout.write(report(rates))
    return 0


def report(rates: dict[tuple[int, float], Rate]) -> str:
    """Return a line for each run (workers, cores of each), with its rate as a multiple of one worker's."""
    lines = [
        f"{count} workers of {cores:g} cores: {rate.wall:,.0f} a second, {rate.cpu:,.0f} a CPU second,"
        f" {rate.wall / rates[1, cores].wall:.2f} × one\n"
        for (count, cores), rate in rates.items()
    ]
    return "".join(lines)


def _rates(load: Load, rounds: int) -> dict[tuple[int, float], Rate]:
    *others, last = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="ebbtide-scaling-") as directory, ExitStack() as stack:
        os.sched_setaffinity(0, {last})
        kafka = stack.enter_context(ApacheKafka())
        os.sched_setaffinity(0, others or {last})
        kafka.create_topic(TOPIC, PARTITIONS)
        fill(kafka.address, TOPIC, load)
        course = Course(kafka.address, Path(directory), _sizes(kafka.address))
        return {
            (count, cores): max(_rate(course, count, cores, turn) for turn in range(rounds)) for count, cores in RUNS
        }


def _sizes(address: str) -> dict[str, int]:
    places = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
    consumer = KafkaConsumer(bootstrap_servers=address)
    try:
        return {str(place.partition): end for place, end in consumer.end_offsets(places).items()}
    finally:
        consumer.close()


def _rate(course: Course, count: int, cores: float, turn: int) -> Rate:
    group = f"scaling-{count}-{cores * 100:.0f}-{turn}"
    topics.create(kafka_of(course.address, group))
    with ExitStack() as stack:
        crew = Crew([], [free_port() for _ in range(count)])
        for port in crew.ports:
            control = stack.enter_context(quota(f"{group}-{port}", cores))
            crew.processes.append(stack.enter_context(_worker(course, group, port)))
            join(control, crew.processes[-1].pid)
        return _watch(crew, course.sizes)


def _worker(course: Course, group: str, port: int) -> AbstractContextManager[Popen[bytes]]:
    name = f"{group}-{port}"
    file = course.directory / f"{name}.toml"
    text = settings_text(course.address, group, port, TOPIC).replace(f'"{group}"\n[feeds', f'"{name}"\n[feeds')
    file.write_text(text + AREAS)
    command = [sys.executable, "-m", "streams.cli", "worker", "--settings", str(file)]
    return child(command, course.directory, name, ENVIRONMENT)


def _watch(crew: Crew, sizes: dict[str, int]) -> Rate:
    """Return the rate while all are at work: from a fifth of every partition to the end of the first.

    Series are made in that first fifth, which happens once.
    """
    first: Progress | None = None
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        time.sleep(POLL)
        try:
            now = crew.progress()
        except OSError:
            continue
        if first is None and _all_are_at_work(now.taken, sizes):
            first = now
        if first is not None and _any_is_finished(now.taken, sizes):
            return Rate(
                (now.done - first.done) / (now.wall - first.wall), (now.done - first.done) / (now.cpu - first.cpu)
            )
    raise RuntimeError(f"{len(crew.ports)} workers finished no partition in {PATIENCE:g} s, see their logs")


def _all_are_at_work(taken: list[dict[str, int]], sizes: dict[str, int]) -> bool:
    """Whether a fifth of every partition is taken; one that just changed hands counts again when it is restored."""
    shares = [count / sizes[number] for counts in taken for number, count in counts.items()]
    return len(shares) == len(sizes) and min(shares) >= BEGUN


def _any_is_finished(taken: list[dict[str, int]], sizes: dict[str, int]) -> bool:
    return any(count >= sizes[number] for counts in taken for number, count in counts.items())


if __name__ == "__main__":
    sys.exit(main())
