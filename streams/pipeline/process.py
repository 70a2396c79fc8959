"""From message values to bin reports and dead letters: reads messages, applies them to a shard, and counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from detectors.types import Floats
from schemas.decode import RejectedValue
from schemas.rejections import REASONS, Reason, one_line
from streams.ingest.batch import Batch, MeasurementOrigin, Rejected
from streams.ingest.message_reader import read
from streams.pipeline.emitted import Emitted
from streams.pipeline.shard import Shard


@dataclass(slots=True)
class Tally:
    """Counts measurements by outcome: received = binned + late + dead + pending. A bad message counts as one.

    `last_dead`: the newest dead letter, in words; None before the first.
    """

    received: int = 0
    skipped: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    last_dead: str | None = None

    def add(self, batch: Batch, dead_letters: list[Rejected], undecoded: int) -> None:
        """Count a batch and its dead letters, `undecoded` of which never became measurements."""
        self.received += len(batch.measurements) + undecoded
        self.dead.update(letter.reason for letter in dead_letters)
        if dead_letters:
            last = dead_letters[-1]
            self.last_dead = f"offset {last.origin.offset}, {last.reason}: {one_line(last.detail)}"


def process(
    shard: Shard,
    tally: Tally,
    values: Sequence[bytes | None],
    offsets: Sequence[int],
    received: Sequence[float] | Floats | float,
    bad_keys: Mapping[int, Reason] | None = None,
    *,
    is_proven: bool = True,
    read_at: float | None = None,
) -> Emitted:
    """Return what came of messages, in order of offsets; dead letters are in that order, too.

    `received`: when each message came in (Unix seconds), or one time for all. `bad_keys`: indices of messages with a
    bad key, and what is wrong with it. `is_proven`, `read_at`: see `Batch`.
    """
    undecoded: list[Rejected] = []
    if bad_keys:
        undecoded = [_bad_key(index, reason, values, offsets) for index, reason in bad_keys.items()]
        keep = sorted(set(range(len(values))) - bad_keys.keys())
        values, offsets = [values[i] for i in keep], [offsets[i] for i in keep]
        received = received if isinstance(received, float | int) else [received[i] for i in keep]
    messages = read(values, shard.reader)
    undecoded += [_undecoded(letter, offsets) for letter in messages.dead]
    columns = messages.columns
    batch = Batch(messages.measurements, messages.source, values, offsets, received, columns, is_proven, read_at)
    emitted = shard.apply(batch)
    emitted.dead_letters = sorted(undecoded + emitted.dead_letters, key=lambda letter: letter.origin.offset)
    tally.add(batch, emitted.dead_letters, len(undecoded))
    return emitted


def _bad_key(index: int, reason: Reason, values: Sequence[bytes | None], offsets: Sequence[int]) -> Rejected:
    return Rejected(MeasurementOrigin(offsets[index], values[index] or b""), reason, REASONS[reason])


def _undecoded(letter: RejectedValue, offsets: Sequence[int]) -> Rejected:
    return Rejected(MeasurementOrigin(offsets[letter.index], letter.payload), letter.reason, letter.detail)
