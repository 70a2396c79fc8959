"""`ebbtide detect`: the pipeline on files, without Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from schemas import incident
from schemas.outage import Outage, encode
from streams.incidents import Grouping
from streams.intake import Tally, take
from streams.names import Names
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


def outage_lines(outages: Iterable[Outage]) -> list[bytes]:
    """Return outages as JSON, a line each."""
    return [encode(outage) + b"\n" for outage in outages]


def incident_lines(shard: Shard, found: Iterable[Iterable[Outage]], names: Names) -> Iterator[list[bytes]]:
    """Yield the revisions of incidents that each step of a detection brings, as JSON, a line each."""
    grouping = Grouping(shard.settings, names)
    for outages in found:
        yield [incident.encode(one) + b"\n" for one in grouping.take(outages, shard)]
    yield [incident.encode(one) + b"\n" for one in grouping.finish(shard)]
