"""`python -m tests.fuzz.pipeline --seconds 600`: hostile producers against the whole pipeline, seed after seed.

What must hold, whatever comes: nothing raises; every measurement has exactly one outcome; no limit is exceeded; nothing
that is published is longer than a line or not finite; neither cuts into batches nor restarts change anything; wrong
clocks of a minority harm no others.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import orjson

from schemas.bin_report import encode as encode_report
from schemas.outage import encode
from schemas.partial import encode as encode_partial
from schemas.rejections import DETAIL_LENGTH, REASONS
from streams.config.settings import Settings
from streams.ingest.record_run import Run
from streams.pipeline.emitted import Emitted
from streams.state.measurement_stage import MeasurementStage
from tests.fuzz import clocks
from tests.fuzz.hostile import Message, messages, settings_of
from tests.streams.helpers import LETTER, letter, same

HOURS = 40
LOG_APPEND_TIME = 1


class Outcome(NamedTuple):
    """What came of all messages: outages and dead letters as bytes, and the counts by outcome."""

    outages: list[bytes]
    dead: list[LETTER]
    counts: Counter[tuple[str, str]]


def main(argv: Sequence[str] | None = None) -> int:
    """Try seeds until the time is over, and print how many there were; the first that fails is named and raises."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.pipeline", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long to go on")
    parser.add_argument("--seed", type=int, help="the first seed (default: by the clock)")
    arguments = parser.parse_args(argv)
    first = seed = int(time.time()) if arguments.seed is None else arguments.seed
    end = time.monotonic() + arguments.seconds
    while seed == first or time.monotonic() < end:
        try:
            check(seed)
            clocks.check(seed)
        except BaseException:
            sys.stderr.write(f"fuzz: seed {seed} fails: python -m tests.fuzz.pipeline --seconds 0 --seed {seed}\n")
            raise
        seed += 1
    sys.stdout.write(f"{seed - first} seeds from {first} on, {HOURS} hours of measurements each\n")
    return 0


def check(seed: int, hours: int = HOURS) -> Outcome:
    """Run a seed's messages as they came, and cut and restarted; return what came. Raises AssertionError."""
    rng = random.Random(seed)
    settings, lot = settings_of(rng), messages(rng, hours)
    few = sorted(rng.sample(range(1, len(lot)), rng.randrange(0, 3)))
    many = sorted(rng.sample(range(1, len(lot)), min(len(lot) - 1, rng.choice((5, 40)))))
    restarts = set(rng.sample(many, min(3, len(many))))
    whole, stage = _run(settings, lot, few, set())
    cut, other = _run(settings, lot, many, restarts)
    assert whole.outages == cut.outages
    assert whole.dead == cut.dead
    assert _final(whole.counts) == _final(cut.counts)
    assert same(stage.shard, other.shard)
    return whole


def _run(
    settings: Settings, lot: Sequence[Message], cuts: Sequence[int], restarts: set[int]
) -> tuple[Outcome, MeasurementStage]:
    """Give messages to a stage in batches that end at the cuts, and start it anew from its snapshot at some."""
    table: dict[bytes, bytes] = {}
    stage, outcome = MeasurementStage(settings, 0, table, 0.0), Outcome([], [], Counter())
    for start, end in pairwise([0, *cuts, len(lot)]):
        emitted = stage.process(_records(lot[start:end], start), 0.0)
        _check_published(emitted)
        _check_counts(stage)
        _check_limits(stage)
        outcome.outages.extend(map(encode, emitted.outages))
        outcome.dead.extend(map(letter, emitted.dead_letters))
        if end in restarts:
            stage = _restarted(settings, stage, table)
    outcome.counts.update(stage.totals())
    outcome.dead.sort()
    return outcome, stage


def _restarted(settings: Settings, stage: MeasurementStage, table: dict[bytes, bytes]) -> MeasurementStage:
    stage.save(0.0)
    again = MeasurementStage(settings, 0, dict(table), 0.0)
    assert same(stage.shard, again.shard)
    assert again.totals() == stage.totals()
    return MeasurementStage(settings, 0, table, 0.0)


def _records(lot: Sequence[Message], first: int) -> Run:
    times = np.array([round(message.received * 1000) for message in lot], dtype=np.int64)
    offsets = range(first, first + len(lot))
    return Run(offsets, times, [message.key for message in lot], [message.value for message in lot], LOG_APPEND_TIME)


def _final(counts: Counter[tuple[str, str]]) -> dict[tuple[str, str], int]:
    return {key: count for key, count in counts.items() if count and key[0] != "skipped"}


def _check_published(emitted: Emitted) -> None:
    """Everything is one line of JSON in which numbers are finite and texts have no control characters."""
    published = [*map(encode, emitted.outages), *map(encode_report, emitted.bin_reports)]
    published += [encode_partial(part) for part in emitted.area_sums]
    for content in published:
        assert b"\n" not in content
        _check_value(orjson.loads(content))  # refuses NaN and infinity
    for dead in emitted.dead_letters:
        assert dead.reason in REASONS
        assert dead.detail.isprintable()
        assert len(dead.detail) <= DETAIL_LENGTH


def _check_value(value: Any) -> None:  # noqa: ANN401
    if isinstance(value, dict):
        _check_value([*value.keys(), *value.values()])
    elif isinstance(value, list):
        for item in value:
            _check_value(item)
    elif isinstance(value, str):
        assert value.isprintable()
    elif isinstance(value, float):
        assert np.isfinite(value)


def _check_counts(stage: MeasurementStage) -> None:
    """Every measurement that came was binned, late, dead, or waits."""
    counts = stage.shard.counts.values()
    used = sum(count.binned + count.late for count in counts)
    assert stage.tally.received == used + stage.tally.dead.total() + stage.shard.pending()
    for count in counts:
        assert count.taken >= count.binned + count.late + count.rejected - stage.tally.dead.total()


def _check_limits(stage: MeasurementStage) -> None:
    """No feed has more of anything than its limits allow, and counts what it has."""
    for feed in stage.shard.feeds.values():
        limits = feed.rules.limits
        for level in feed.room.levels:
            assert level.index.taken.total() == len(level.index.by_series) <= limits.series
            assert len(level.index.services) <= limits.services
            assert level.members.size == sum(map(len, level.members.since.values()))
            assert level.members.size + len(level.members.awaited()) <= limits.members
            assert all(len(opened.members) <= limits.members for opened in level.bins.bins.values())


if __name__ == "__main__":
    sys.exit(main())
