"""`python -m tests.benchmarks.soak`: a partition's memory over months of event time at full speed, without Kafka.

Every day some networks are dark for hours, and some are seen that were never seen before and never are again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence

from streams.state.measurement_stage import MeasurementStage
from streams.worker.run import settle_memory
from tests.benchmarks.crowd import ALL, HOUR, Crowd, arrays, learnt, measured
from tests.benchmarks.messages import START
from tests.benchmarks.reading import memory_mb
from tests.streams.helpers import records

EVERY = 10  # days between two lines
SETTLED = 40  # days after which memory may not grow any more
GROWTH = 1.05
DARK_IN = 97  # one network in so many is dark on a day, others every day
DARK = range(6, 14)  # hours
PASSING = 200  # networks that are seen for some hours of one day only, too few for a baseline
SEEN = range(4)
STRANGERS = 1_000_000  # their first ASN
FORGET = 14 * 86_400.0
SAVE = 6  # hours of event time between snapshots


def main(argv: Sequence[str] | None = None) -> int:
    """Run it and print a line for every ten days; 1 when memory still grew after it should have settled."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak", description=__doc__)
    parser.add_argument("--days", type=int, default=200, help="days of event time")
    parser.add_argument("--asns", type=int, default=20_000, help="networks, each measured once an hour")
    arguments = parser.parse_args(argv)
    settle_memory()
    memory = list(_soak(Crowd(arguments.asns, signals=1, partitions=1), arguments.days))
    settled = memory[SETTLED // EVERY - 1] if len(memory) * EVERY > SETTLED else memory[0]
    sys.stdout.write(f"day {SETTLED}: {settled:,.0f} MB, at the end {memory[-1]:,.0f} MB\n")
    return int(max(memory) > GROWTH * settled)


def _soak(crowd: Crowd, days: int) -> Iterator[float]:
    """Yield resident memory (MB) every ten days, and tell how the partition is."""
    table: dict[bytes, bytes] = {}
    partition, outages, began = MeasurementStage(learnt(crowd, forget_after=FORGET), 0, table, 0.0), 0, time.monotonic()
    for hour in range(24 * days):
        values = list(arrays(_present(crowd, hour)))
        outages += len(partition.process(records(values, partition.applied + 1, ALL), 0.0).outages)
        if hour % SAVE == SAVE - 1:
            partition.save(0.0)
        if hour % (24 * EVERY) == 24 * EVERY - 1:
            resident = memory_mb(os.getpid(), "VmRSS")
            rows, rate = (
                len(partition.shard.feeds["signal0"].index),
                partition.tally.received / (time.monotonic() - began),
            )
            sys.stdout.write(
                f"day {(hour + 1) // 24}: {resident:,.0f} MB, {rows:,} rows, "
                f"{len(partition.open_outages):,} running and {outages:,} revisions of outages, "
                f"snapshot {sum(map(len, table.values())) / 1e6:,.1f} MB, {rate:,.0f} measurements a second\n"
            )
            sys.stdout.flush()
            yield resident


def _present(crowd: Crowd, hour: int) -> list[bytes]:
    """Return the measurements of an hour without those of the networks that are dark, and with those passing by."""
    day, found = hour // 24, measured(crowd, 0, hour)
    if hour % 24 in DARK:
        found = [message for number, message in enumerate(found) if (number + day) % DARK_IN]
    if hour % 24 not in SEEN:
        return found
    first = STRANGERS + day * PASSING
    text = b'{"feed":"signal0","ts":%d,"asn":%d,"country":"KZ","value":7}'
    return found + [text % (START + hour * HOUR, asn) for asn in range(first, first + PASSING)]


if __name__ == "__main__":
    sys.exit(main())
