"""`ebbtide detect`: the pipeline on files, without Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from schemas import incident
from schemas.incident import Incident
from schemas.outage import encode
from streams.evaluation.measurement_files import read_chunks
from streams.pipeline.findings import SHARD, finding_of
from streams.pipeline.incidents.grouping import Grouping, expected_reporters
from streams.pipeline.process import Tally, take
from streams.pipeline.shard import Closed, Shard, outages_of


def detect(shard: Shard, tally: Tally, files: Iterable[str], now: Callable[[], float]) -> Iterator[list[Closed]]:
    """Yield the bins that each chunk of the files' measurements closes, in order.

    `now` tells when measurements are received (Unix seconds): those too far ahead of it are dead letters.
    Raises InputError when a file cannot be read.
    """
    offset = 0
    for values in read_chunks(files):
        yield take(shard, tally, values, range(offset, offset + len(values)), now()).closed
        offset += len(values)


def outage_lines(closed: Iterable[Closed]) -> list[bytes]:
    """Return the outages of bins as JSON, a line each."""
    return [encode(outage) + b"\n" for outage in outages_of(closed)]


def incident_lines(shard: Shard, found: Iterable[Iterable[Closed]]) -> Iterator[list[bytes]]:
    """Yield the revisions of incidents that each step of a detection brings, as JSON, a line each."""
    grouping = Grouping(shard.settings, shard.reference.register, expected_reporters(shard.settings, 1))
    shard.tell_levels()
    for closed in found:
        for one in closed:
            grouping.add(finding_of(SHARD.format(0), one))
        yield _lines(grouping.settle())
    yield _lines(grouping.finish())


def _lines(incidents: Iterable[Incident]) -> list[bytes]:
    return [incident.encode(one) + b"\n" for one in incidents]
