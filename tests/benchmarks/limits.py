"""`python -m tests.benchmarks.limits`: the memory of a feed at its default limits, running and after a restart.

One partition has all series, as a worker that is left alone has. Each measurement begins a series with names as long as
they may be, and members where the kind has some; every series is measured in each bin. There is no Kafka: a dictionary
stands in place of the table, with all rows of the snapshot.
"""

from __future__ import annotations

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import msgspec

from detectors.kinds import FEED_KINDS
from detectors.types import Kind
from streams.config.settings import Duration, FeedSettings, KafkaSettings, Settings
from streams.state.measurement_stage import MeasurementStage
from streams.worker.run import settle_memory
from tests.benchmarks.messages import START
from tests.benchmarks.reading import memory_mb
from tests.streams.helpers import LATER, records

WIDTH = 300
AT_ONCE, IN_ARRAY = 8, 500
SERVICES = 1_000
LONG = "s" * 56
FEED = "feed"


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line for the start and one for the restart of each kind, with areas and without."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.limits", description=__doc__)
    parser.add_argument("--kinds", nargs="*", default=get_args(Kind), help="kinds of feeds")
    parser.add_argument("--areas", nargs="*", default=[], help="areas of the feed, such as country")
    parser.add_argument("--bins", type=int, default=4, help="bins that close")
    parser.add_argument("--table", type=Path, help="restart from this snapshot, and nothing else")
    arguments = parser.parse_args(argv)
    settle_memory()
    if arguments.table:
        _restart(arguments.table)
        return 0
    for kind in arguments.kinds:
        with tempfile.TemporaryDirectory() as directory:
            options = [*("--kinds", kind), *(["--areas", *arguments.areas] if arguments.areas else [])]
            table = Path(directory) / "table"
            if os.fork() == 0:  # memory of the start is no memory of the next one
                _start(settings_of(kind, tuple(arguments.areas)), arguments.bins, table)
                os._exit(0)
            os.wait()
            subprocess.run([sys.executable, "-m", __spec__.name, *options, "--table", str(table)], check=True)
    return 0


def settings_of(kind: Kind, areas: tuple[str, ...]) -> Settings:
    """Return settings of one feed in one partition, with the default limits."""
    feed = FeedSettings(signal="x", kind=kind, bin=Duration(WIDTH), areas=areas)
    return Settings(feeds={FEED: feed}, kafka=KafkaSettings(partitions=1))


def _start(settings: Settings, bins: int, table: Path) -> None:
    rows: dict[bytes, bytes] = {}
    stage = MeasurementStage(settings, 0, rows, 0.0)
    before = memory_mb(os.getpid(), "VmRSS")
    for number in range(bins + 1):
        arrays = list(_arrays(settings, START + number * WIDTH))
        for at in range(0, len(arrays), AT_ONCE):
            stage.process(records(arrays[at : at + AT_ONCE], stage.applied + 1, LATER), 0.0)
        stage.save(0.0)
    feed = stage.shard.feeds[FEED]
    members = feed.members.size or max(len(opened.members) for opened in feed.bins.bins.values())
    title = f"{feed.kind.name}{' with areas' if feed.cells else ''}"
    size = sum(map(len, rows.values())) / 1e6
    _say(f"{title}: {len(feed.index.by_series):,} series, {members:,} members, {stage.tally.dead.total():,} refused")
    _say(f"  running: {_memory(before)}, snapshot {size:,.0f} MB")
    table.write_bytes(pickle.dumps((settings.feeds[FEED].kind, settings.feeds[FEED].areas, rows)))


def _restart(table: Path) -> None:
    kind, areas, rows = pickle.loads(table.read_bytes())
    before = memory_mb(os.getpid(), "VmRSS")
    stage = MeasurementStage(settings_of(kind, areas), 0, rows, 0.0)
    _say(f"  restart: {len(stage.shard.feeds[FEED].index.by_series):,} series, {_memory(before)}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _memory(before: float) -> str:
    resident, peak = (memory_mb(os.getpid(), name) for name in ("VmRSS", "VmHWM"))
    return f"{resident:,.0f} MB resident, {peak:,.0f} MB at most, {before:,.0f} MB before"


def _arrays(settings: Settings, at: int) -> Iterator[bytes]:
    """Yield the measurements of a bin: each series once, and members until their limit."""
    kind, limits = FEED_KINDS[settings.feeds[FEED].kind], settings.limits(FEED)
    each = limits.members // limits.series if kind.names_members else 1
    found = []
    for number in range(limits.series + 1):
        found += [_measurement(at + number % WIDTH, number, member) for member in range(each)]
        if len(found) >= IN_ARRAY or number == limits.series:
            yield msgspec.json.encode(found)
            found = []


def _measurement(ts: int, number: int, member: int) -> dict[str, object]:
    who = {
        "asn": number // SERVICES + 1,
        "service": f"{LONG}{number % SERVICES:08}",
        "country": "IR",
        "region": "IR-30",
    }
    return {
        "feed": FEED,
        "ts": ts,
        **who,
        "value": 5,
        "of": 9,
        "member": f"member-{number:012}-{member:04}",
        "up": True,
    }


if __name__ == "__main__":
    sys.exit(main())
