"""`python -m tests.benchmarks`: the worker and what else there is, on the same messages in the same hour."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

from rich.console import Console

from tests.benchmarks.changelog import bytes_per_series_and_bin
from tests.benchmarks.contestants import ARRAYS, PARTITIONS, TOPIC, Place, Written, loop, rival, textbook, worker
from tests.benchmarks.fill import fill, fill_arrays
from tests.benchmarks.messages import Load
from tests.benchmarks.reading import Result
from tests.benchmarks.report import TEXTBOOK, WORKER, table
from tests.kafka import ApacheKafka, installed


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table; 1 when Apache Kafka cannot be run here."""
    arguments = _parser().parse_args(argv)
    console = Console(width=140)
    if not installed("the benchmark"):
        return 1
    with tempfile.TemporaryDirectory(prefix="ebbtide-bench-") as directory, ApacheKafka() as kafka:
        place = Place(kafka.address, Path(directory), Load(arguments.measurements))
        _run(place, kafka, arguments, console)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--measurements", type=int, default=1_000_000, help="messages in the topic")
    parser.add_argument("--textbook", type=int, default=30_000, help="messages for the textbook agent, which is slow")
    parser.add_argument("--fewer", type=int, default=200_000, help="messages for Bytewax and Quix Streams")
    parser.add_argument(
        "--rivals", metavar="PYTHON", help="interpreter that has Bytewax and Quix Streams; none: left out"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each runs; the median is printed")
    return parser


def _run(place: Place, kafka: ApacheKafka, arguments: argparse.Namespace, console: Console) -> None:
    load, rounds = place.load, range(arguments.rounds)
    for topic in (TOPIC, ARRAYS):
        kafka.create_topic(topic, PARTITIONS)
    size = fill(place.address, TOPIC, load) / load.measurements
    fill_arrays(place.address, ARRAYS, load, PARTITIONS)
    console.print(
        f"{load.measurements:,} messages of {size:.0f} bytes, {load.asns:,} ASNs, {load.bins} bins, "
        f"{PARTITIONS} partitions; median of {arguments.rounds} rounds by CPU time"
    )
    written: list[Written] = []
    contestants = _contestants(place, arguments, written)
    results: dict[str, list[Result]] = {name: [] for name in contestants}
    for turn, (name, run) in product(rounds, contestants.items()):
        results[name].append(run(turn))
        console.print(f"  round {turn + 1}: {name}: {results[name][-1].per_cpu_second:,.0f} a CPU second")
    console.print(table({name: _median(found) for name, found in results.items()}))
    _tell_snapshots(written[-1], load, console)


def _contestants(
    place: Place, arguments: argparse.Namespace, written: list[Written]
) -> dict[str, Callable[[int], Result]]:
    """Return what runs in each round, in this order; those of other libraries only where these are installed."""
    few, total = min(arguments.textbook, place.load.measurements), place.load.measurements

    def ours(turn: int) -> Result:
        result, wrote = worker(place, turn)
        written.append(wrote)
        return result

    found: dict[str, Callable[[int], Result]] = {
        WORKER: ours,
        "ebbtide worker, arrays of 500 a message": lambda turn: worker(place, turn, ARRAYS)[0],
        TEXTBOOK: lambda turn: textbook(place, turn, few),
        "confluent-kafka + msgspec loop, keeps nothing": lambda turn: loop(place, turn),
    }
    rivals, fewer = arguments.rivals and str(Path(arguments.rivals).absolute()), min(arguments.fewer, total)
    if rivals:
        found["Bytewax 0.21, rolling mean per key"] = lambda t: rival(place, t, "rolling_bytewax", rivals, fewer)
        found["Quix Streams 3.28, rolling mean per key"] = lambda t: rival(place, t, "rolling_quix", rivals, fewer)
    return found


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
