"""`ebbtide detect`: the pipeline on files, without Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from schemas import incident
from schemas.incident import Incident
from schemas.outage import encode
from streams.config.line_files import read_chunks
from streams.pipeline.emitted import Emitted
from streams.pipeline.incidents.grouping import Grouping, expected_reporters
from streams.pipeline.process import Tally, process
from streams.pipeline.shard import Shard


def detect(shard: Shard, tally: Tally, files: Iterable[str], now: Callable[[], float]) -> Iterator[Emitted]:
    """Yield the result of each chunk of the files' measurements, in order.

    `now` returns the time (Unix seconds): measurements too far ahead of it are dead letters. It says nothing on when
    they were received, so the entities agree on the time.
    Raises InputError when a file cannot be read.
    """
    yield from detect_chunks(shard, tally, read_chunks(files), now)


def detect_chunks(
    shard: Shard, tally: Tally, chunks: Iterable[list[bytes]], now: Callable[[], float]
) -> Iterator[Emitted]:
    """Yield the result of each chunk of messages, in order, and of the end. `now` as for `detect`."""
    offset = 0
    for values in chunks:
        yield process(shard, tally, values, range(offset, offset + len(values)), now(), is_proven=False)
        offset += len(values)
    yield shard.finish()


def outage_lines(emitted: Emitted) -> list[bytes]:
    """Return the revisions of outages as JSON, a line each."""
    return [encode(outage) + b"\n" for outage in emitted.outages]


def incident_lines(shard: Shard, steps: Iterable[Emitted]) -> Iterator[list[bytes]]:
    """Yield the revisions of incidents of each step of a detection, as JSON, a line each."""
    for incidents in grouped(shard, steps):
        yield [incident.encode(revision) + b"\n" for revision in incidents]


def grouped(shard: Shard, steps: Iterable[Emitted]) -> Iterator[list[Incident]]:
    """Yield the revisions of incidents of each step of a detection."""
    grouping = Grouping(shard.settings, shard.reference.register, expected_reporters(shard.settings, 1))
    shard.report_levels()
    for emitted in steps:
        for report in emitted.bin_reports:
            grouping.add(report)
        yield grouping.settle()
    yield grouping.finish()
