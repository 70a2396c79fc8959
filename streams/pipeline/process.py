"""From message values to outages and dead letters: decoding and the shard, with everything that arrives counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from detectors.types import Floats
from schemas.decode import Dead
from schemas.outage import Outage
from streams.ingest.batch import Batch, Origin, Rejected
from streams.ingest.message_reader import read
from streams.pipeline.shard import Closed, Shard, outages_of


class Taken(NamedTuple):
    """What came of a run of messages."""

    closed: list[Closed]
    dead: list[Rejected]

    @property
    def outages(self) -> list[Outage]:
        """Revisions of outages in order."""
        return outages_of(self.closed)


@dataclass(slots=True)
class Tally:
    """Measurements by what became of them: in = binned + late + dead + held. A bad message counts as one."""

    received: int = 0
    skipped: int = 0
    dead: Counter[str] = field(default_factory=Counter)

    def add(self, batch: Batch, dead: list[Rejected], undecoded: int) -> None:
        """Count a batch and its dead letters; `undecoded` of them never became measurements."""
        self.received += len(batch.measurements) + undecoded
        self.dead.update(letter.reason for letter in dead)


def take(
    shard: Shard,
    tally: Tally,
    values: Sequence[bytes | None],
    offsets: Sequence[int],
    received: Sequence[float] | Floats | float,
    bad_keys: Sequence[int] = (),
) -> Taken:
    """Decode messages, apply them to the shard, and count. `bad_keys`: indices of messages whose key is not UTF-8."""
    dead = [_bad_key(index, values, offsets) for index in bad_keys]
    if bad_keys:
        keep = sorted(set(range(len(values))) - set(bad_keys))
        values, offsets = [values[i] for i in keep], [offsets[i] for i in keep]
        received = received if isinstance(received, float | int) else [received[i] for i in keep]
    found = read(values, shard.reader)
    dead += [_undecoded(letter, offsets) for letter in found.dead]
    batch = Batch(found.measurements, found.source, values, offsets, received, found.columns)
    output = shard.apply(batch)
    tally.add(batch, dead + output.rejected, len(dead))
    return Taken(output.closed, sorted(dead + output.rejected, key=lambda letter: letter.origin.offset))


def _bad_key(index: int, values: Sequence[bytes | None], offsets: Sequence[int]) -> Rejected:
    return Rejected(Origin(offsets[index], values[index] or b""), "bad-key", "the key is not UTF-8")


def _undecoded(letter: Dead, offsets: Sequence[int]) -> Rejected:
    return Rejected(Origin(offsets[letter.index], letter.payload), letter.reason, letter.detail)
