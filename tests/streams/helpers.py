"""What the tests of the pipeline share: settings of five feeds, a day of made-up traffic, and runs of a shard."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np
import orjson

from detectors.types import Kind
from schemas.outage import encode
from streams.config.settings import Duration, FeedSettings, Settings, WorkerSettings
from streams.ingest import record_run
from streams.ingest.batch import Rejected
from streams.pipeline.process import Tally, process
from streams.pipeline.shard import Shard
from streams.state.shard_restore import restore
from streams.state.shard_rows import dump, gone, heads

START = 1_577_664_000  # Monday 30 December 2019, midnight
HOUR = 3600
DAY = 86_400
LATER = 4e9  # a time of receipt after which no measurement of the tests lies
KINDS: tuple[Kind, ...] = ("gauge", "count", "distinct", "ratio", "presence")
LETTER = tuple[int, str, bytes]


def settings(kinds: Sequence[Kind] = KINDS, width: float = HOUR, lateness: float = 600, **worker: float) -> Settings:
    """Return settings with one feed of each kind, named like it; durations in seconds."""
    feeds = [FeedSettings(signal="test", kind=kind, bin=Duration(width), lateness=Duration(lateness)) for kind in kinds]
    return Settings(
        feeds={feed.kind: feed for feed in feeds}, worker=msgspec.structs.replace(WorkerSettings(), **worker)
    )


def message(feed: str, ts: float, asn: int = 1, **fields: object) -> bytes:
    """Return one measurement as the bytes of a message."""
    return orjson.dumps({"feed": feed, "ts": ts, "asn": asn, **fields})


def records(
    values: Sequence[bytes | None],
    offsets: int | Sequence[int] = 0,
    received: float = LATER,
    keys: Sequence[bytes | None] = (),
) -> record_run.Run:
    """Return messages as the records of one batch; `offsets`: all of them, or the first of those in a row."""
    offsets = range(offsets, offsets + len(values)) if isinstance(offsets, int) else offsets
    timestamps = np.full(len(values), round(received * 1000), dtype=np.int64)
    keys = list(keys or [b"asn/1"] * len(values))
    return record_run.Run(offsets, timestamps, keys, list(values), record_run.LOG_APPEND_TIME)


class Ran(NamedTuple):
    """All that came of some messages: bytes of outages in order, dead letters by offset, what was counted."""

    outages: list[bytes]
    dead: list[LETTER]
    counts: dict[str, Any]
    received: int
    pending: int


class Run:
    """A shard that is given messages bit by bit."""

    def __init__(self, shard: Shard, offset: int = 0) -> None:
        self.shard, self.tally, self.offset = shard, Tally(), offset
        self.outages: list[bytes] = []
        self.dead: list[LETTER] = []

    def take(self, values: Sequence[bytes | None], received: float = LATER) -> None:
        """Apply messages with the next offsets."""
        offsets = range(self.offset, self.offset + len(values))
        emitted = process(self.shard, self.tally, values, offsets, received)
        self.offset += len(values)
        self.outages += [encode(outage) for outage in emitted.outages]
        self.dead += [letter(rejected) for rejected in emitted.dead_letters]

    def ran(self) -> Ran:
        """Return all that came so far."""
        counts = {name: (c.taken, c.binned, c.late, c.rejected, c.outages) for name, c in self.shard.counts.items()}
        return Ran(self.outages, sorted(self.dead), counts, self.tally.received, self.shard.pending())


def letter(rejected: Rejected) -> LETTER:
    """Return a dead letter as a value that sorts."""
    return rejected.origin.offset, rejected.reason, rejected.origin.payload


def run(settings: Settings, values: Sequence[bytes | None], cuts: Sequence[int] = ()) -> Run:
    """Run a new shard over messages, cut into batches before these indices."""
    running = Run(Shard(settings))
    for start, end in pairwise([0, *sorted({cut for cut in cuts if 0 < cut < len(values)}), len(values)]):
        running.take(values[start:end])
    return running


def taken_over(done: Run, rows: dict[str, bytes]) -> Run:
    """Return a run that continues from rows, as a new process would; all of them are of use to it."""
    shard = Shard(done.shard.settings)
    assert not restore(shard, heads(done.shard), rows)
    return Run(shard, done.offset)


def interrupted(settings: Settings, values: Sequence[bytes | None], cuts: Sequence[int]) -> tuple[list[bytes], Shard]:
    """Run over messages, at each cut taken over out of the rows so far, of which only changed ones are written.

    Return the bytes of all outages in order, and the last shard.
    """
    running, rows, outages = Run(Shard(settings)), dict[str, bytes](), list[bytes]()
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(values)], strict=True):
        running.take(values[start:end])
        outages += running.outages
        rows |= dump(running.shard)
        rows = {name: row for name, row in rows.items() if name not in gone(running.shard, rows)}
        running = taken_over(running, rows)
    return outages, running.shard


def same(shard: Shard, other: Shard) -> bool:
    """Whether the whole state of two shards is the same bytes."""
    return (heads(shard), dump(shard, whole=True)) == (heads(other), dump(other, whole=True))


def states(outages: list[bytes]) -> Counter[str]:
    """Count revisions by state."""
    return Counter(orjson.loads(outage)["state"] for outage in outages)


def traffic(seed: int, bins: int = 16, dark: range = range(9, 13), feeds: Sequence[str] = KINDS) -> list[bytes | None]:
    """Return messages of six networks in hourly bins, two of them dark for a while, with all that can go wrong."""
    rng = random.Random(seed)
    timed: list[tuple[float, bytes | None]] = []
    for start in range(START, START + bins * HOUR, HOUR):
        for asn in range(1, 7):
            out = asn <= 2 and (start - START) // HOUR in dark
            for feed in feeds:
                timed += [(at + _delay(rng), value) for at, value in _measured(rng, feed, start, asn, out)]
        timed += _noise(rng, start)
    return [value for _, value in sorted(timed, key=lambda item: item[0])]


def _delay(rng: random.Random) -> float:
    """Mostly none, often within lateness, sometimes beyond."""
    return rng.choice([0, 0, 0, 0, rng.uniform(0, 600), rng.uniform(0, 3 * HOUR)])


def _measured(rng: random.Random, feed: str, start: int, asn: int, out: bool) -> list[tuple[float, bytes]]:
    at = [start + rng.randrange(HOUR) for _ in range(4)]
    if feed == "gauge":
        return [(t, message(feed, t, asn, value=3.3 if out else 100.1 + rng.random())) for t in at[:2]]
    if feed == "count":
        return [] if out else [(t, message(feed, t, asn, value=rng.choice([10.1, 10.7, 9.3]))) for t in at]
    if feed == "distinct":
        return [] if out else [(t, message(feed, t, asn, member=f"m{i % 20}")) for i, t in enumerate(at * 6)]
    if feed == "ratio":
        return [(t, message(feed, t, asn, country="IR", value=0 if out else 59, of=60)) for t in at[:2]]
    first, last = start == START, not out
    lot = range(12) if first else rng.sample(range(12), 3)
    return [(t, message(feed, t, asn, member=f"p{m}", up=last)) for m in (range(12) if out else lot) for t in at[:1]]


def _noise(rng: random.Random, start: int) -> list[tuple[float, bytes | None]]:
    """Messages that are bad, unknown, doubled, in arrays, or far ahead of all others."""
    at = start + rng.randrange(HOUR)
    twice = message("count", at, rng.randrange(1, 7), value=1)
    good, bad = message("gauge", at, 3, value=100), message("ratio", at, 3, value=2)
    choices: list[list[bytes | None]] = [
        [None, b"", b"{", b"\xff", b"7"],
        [message("nobody", at)],
        [twice, twice],
        [b"[%b,%b, %b]" % (good, bad, message("presence", at))],
        [message(rng.choice(KINDS), at + rng.choice([5, 50, 500]) * HOUR, 3, value=1, member="p1", up=True)],
        [b"[%b]" % message("nobody", at, unknown=[1]), message("distinct", at)],
    ]
    return [(at + _delay(rng), value) for value in rng.choice(choices)]
