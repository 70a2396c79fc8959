"""`python -m tests.benchmarks`: the worker, the textbook Faust agent and a hand-written loop on the same messages."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.benchmarks.changelog import bytes_per_series_and_bin
from tests.benchmarks.contestants import PARTITIONS, TOPIC, Place, Written, loop, textbook, worker
from tests.benchmarks.fill import fill
from tests.benchmarks.messages import Load
from tests.benchmarks.reading import Result
from tests.benchmarks.report import TEXTBOOK, table
from tests.kafka import ApacheKafka, KafkaUnavailableError, install


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table; 1 when Apache Kafka cannot be run here."""
    arguments = _parser().parse_args(argv)
    console = Console(width=120)
    try:
        install()
    except KafkaUnavailableError as error:
        sys.stderr.write(f"the benchmark needs Apache Kafka: {error}\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="ebbtide-bench-") as directory, ApacheKafka() as kafka:
        place = Place(kafka.address, Path(directory), Load(arguments.measurements))
        _run(place, kafka, arguments, console)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--measurements", type=int, default=1_000_000, help="messages in the topic")
    parser.add_argument("--textbook", type=int, default=30_000, help="messages for the textbook agent, which is slow")
    parser.add_argument("--rounds", type=int, default=3, help="how often each runs; the median is told")
    return parser


def _run(place: Place, kafka: ApacheKafka, arguments: argparse.Namespace, console: Console) -> None:
    load = place.load
    kafka.create_topic(TOPIC, PARTITIONS)
    size = fill(place.address, TOPIC, load) / load.measurements
    console.print(
        f"{load.measurements:,} messages of {size:.0f} bytes, {load.asns:,} ASNs, {load.bins} bins, "
        f"{PARTITIONS} partitions; median of {arguments.rounds} rounds by CPU time"
    )
    few = min(arguments.textbook, load.measurements)
    names = ("ebbtide worker, everything on", TEXTBOOK, "confluent-kafka + msgspec loop, keeps nothing")
    results: dict[str, list[Result]] = {name: [] for name in names}
    written: list[Written] = []
    for turn in range(arguments.rounds):
        ours, wrote = worker(place, turn)
        written.append(wrote)
        for name, result in zip(names, (ours, textbook(place, turn, few), loop(place, turn)), strict=True):
            results[name].append(result)
            console.print(f"  round {turn + 1}: {name}: {result.per_cpu_second:,.0f} a CPU second")
    console.print(table({name: _median(found) for name, found in results.items()}))
    _tell_snapshots(written[-1], load, console)


def _median(results: list[Result]) -> Result:
    middle = statistics.median_low([result.per_cpu_second for result in results])
    return next(result for result in results if result.per_cpu_second == middle)


def _tell_snapshots(written: Written, load: Load, console: Console) -> None:
    here = written.bytes / (load.asns * load.bins)
    console.print(f"snapshots: {here:.0f} bytes per series and bin in this run ({written.snapshots:.0f} snapshots)")
    live = bytes_per_series_and_bin()
    console.print(
        f"snapshots at the pace of the clock (one a minute, 5-minute bins): {live:.0f} bytes per series and bin"
    )


if __name__ == "__main__":
    sys.exit(main())
