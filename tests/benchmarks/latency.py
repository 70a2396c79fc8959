"""`python -m tests.benchmarks.latency`: from the measurement that closes a bin to the outage message.

Measurements come at a steady rate, in bins that go by faster than they would outside; in each bin some more networks
fall silent. All times are those at which the broker appended a record, so that there is one clock.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson
from confluent_kafka import Producer

from schemas.times import parse_time
from streams.broker import topics
from streams.cli.child_process import child
from streams.config.ports import free_port
from streams.config.settings import KafkaSettings
from tests.benchmarks.contestants import ENVIRONMENT, PARTITIONS, TOPIC, kafka_of, settings_text, wait_ready
from tests.benchmarks.messages import FIRST_ASN, START, Load, Message, messages
from tests.benchmarks.reading import read
from tests.benchmarks.records import Record, records
from tests.kafka import ApacheKafka, installed

GROUP = "latency"
LATENESS = 120  # seconds, as a feed has it unless told otherwise
HOUR = 3600  # the width of a bin: a quarter of a day of warm-up is six of them
WARM = 8  # bins before networks fall silent
SLICE = 0.01  # seconds between the measurements sent at once


class Delay(NamedTuple):
    """Milliseconds from the measurement that closed the bins of a partition to an outage that came of it."""

    ms: float
    partition: int


def main(argv: Sequence[str] | None = None) -> int:
    """Run it and print the quantiles; 1 when Apache Kafka cannot be run here."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.latency", description=__doc__)
    parser.add_argument("--rate", type=int, default=50_000, help="measurements a second")
    parser.add_argument("--asns", type=int, default=80_000, help="networks, each measured twice in a bin")
    parser.add_argument("--bins", type=int, default=WARM + 8, help=f"bins, {WARM} of them without outages")
    parser.add_argument("--one-in", type=int, default=1000, help="one network in so many falls silent in a bin")
    arguments = parser.parse_args(argv)
    if not installed("this"):
        return 1
    with tempfile.TemporaryDirectory(prefix="ebbtide-latency-") as directory, ApacheKafka() as kafka:
        _run(kafka, Path(directory), arguments)
    return 0


def _run(kafka: ApacheKafka, directory: Path, arguments: argparse.Namespace) -> None:
    load = Load(2 * arguments.asns * arguments.bins, arguments.asns, arguments.bins, HOUR)
    settings = kafka_of(kafka.address, GROUP)
    for name in (TOPIC, settings.outages):
        kafka.create_topic(name, PARTITIONS, message_timestamp_type="LogAppendTime")
    topics.create(settings)
    port = free_port()
    (directory / "settings.toml").write_text(settings_text(kafka.address, GROUP, port, TOPIC, HOUR))
    command = [sys.executable, "-m", "streams.cli", "worker", "--settings", str(directory / "settings.toml")]
    with child(command, directory, GROUP, ENVIRONMENT) as process:
        wait_ready(process, port)
        began = read(0, process.pid)
        rate = send(kafka.address, _still_measured(load, arguments.one_in), arguments.rate)
        time.sleep(3)
        used = read(load.measurements, process.pid)
        sys.stdout.write(
            f"{load.measurements:,} measurements of {load.asns:,} ASNs at {rate:,.0f} a second (asked: "
            f"{arguments.rate:,}); the worker used {(used.cpu - began.cpu) / (used.wall - began.wall - 3):.0%} of a "
            "core\n"
        )
    _tell(_delays(kafka.address, settings))


def send(address: str, stream: Iterator[tuple[int, Message]], rate: int) -> float:
    """Send the measurements to their partitions at a steady rate, and return the rate that it was (a second)."""
    producer = Producer({"bootstrap.servers": address, "linger.ms": 2, "queue.buffering.max.messages": 2_000_000})
    began, sent = time.monotonic(), 0
    for partition, message in stream:
        producer.produce(TOPIC, message.value, message.key, partition)
        sent += 1
        if sent % int(rate * SLICE) == 0:
            producer.poll(0)
            time.sleep(max(0.0, began + sent / rate - time.monotonic()))
    producer.flush(60)
    return sent / (time.monotonic() - began)


def _still_measured(load: Load, one_in: int) -> Iterator[tuple[int, Message]]:
    """Yield the messages of the networks that have not fallen silent, with their partitions."""
    per_bin = load.measurements // load.bins
    for number, message in enumerate(messages(load)):
        asn = int(message.key[4:]) - FIRST_ASN
        later = number // per_bin - WARM
        if later < 0 or asn // PARTITIONS % one_in > later:
            yield asn % PARTITIONS, message


def _delays(address: str, kafka: KafkaSettings) -> list[Delay]:
    """Return how long each new outage took."""
    closings = [_closings(records(address, TOPIC, number)) for number in range(PARTITIONS)]
    found = []
    for number in range(PARTITIONS):
        for record in records(address, kafka.outages, number):
            outage = orjson.loads(record.value)
            partition = (int(outage["entity"].partition("/")[2]) - FIRST_ASN) % PARTITIONS
            closed = closings[partition].get(int(parse_time(outage["updated_at"])))
            if closed is not None:
                found.append(Delay(record.ms - closed, partition))
    return found


def _closings(log: list[Record]) -> dict[int, int]:
    """Return when the measurement that closed a bin was appended (ms), by the bin's end."""
    times = np.maximum.accumulate([orjson.loads(record.value)["ts"] for record in log])
    ends = range(START + HOUR, int(times[-1]) - LATENESS + 1, HOUR)
    return {end: log[int(np.searchsorted(times, end + LATENESS))].ms for end in ends}


def _tell(delays: list[Delay]) -> None:
    ms = [delay.ms for delay in delays]
    p50, p90, p99 = np.percentile(ms, (50, 90, 99))
    sys.stdout.write(
        f"{len(ms):,} revisions of outages: p50 {p50:.0f} ms, p90 {p90:.0f} ms, p99 {p99:.0f} ms, "
        f"at most {max(ms):.0f} ms\n"
    )


if __name__ == "__main__":
    sys.exit(main())
