"""`ebbtide detect`: the pipeline on files, without Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from schemas.outage import Outage
from streams.intake import Tally, take
from streams.shard import Shard
from streams.sources import read_chunks


def detect(shard: Shard, tally: Tally, files: Iterable[str], now: Callable[[], float]) -> Iterator[list[Outage]]:
    """Yield the revisions of outages that each chunk of the files' measurements brings, in order.

    `now` tells when measurements are received (Unix seconds): those too far ahead of it are dead letters.
    Raises InputError when a file cannot be read.
    """
    offset = 0
    for values in read_chunks(files):
        yield take(shard, tally, values, range(offset, offset + len(values)), now()).outages
        offset += len(values)
