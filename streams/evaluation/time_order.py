"""Lines of files in order of event time: files that are grouped otherwise are sorted, in runs on disk."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from tempfile import TemporaryFile
from typing import IO

from schemas.decode import decode
from schemas.measurement import Measurement
from streams.config.line_files import LINES, STDIN, read_chunks
from streams.config.settings import Settings

RUN_BYTES = 64 * 1024 * 1024  # sorted in memory at once
ENOUGH = 0.01  # share of late measurements from which on files count as not in order of time
Keyed = tuple[float, int, bytes]  # event time, number of the line, line


def late_share(files: Sequence[str], settings: Settings) -> float:
    """Return the share of measurements that would be late if the files were read as they are; 0 of standard input."""
    if STDIN in files:
        return 0.0
    patience = {name: float(feed.bin) + float(feed.lateness) for name, feed in settings.feeds.items()}
    newest, late, count = dict[str, float](), 0, 0
    for lines in read_chunks(files):
        for measurement in decode(lines).measurements:
            feed, ts = measurement.feed, float(measurement.ts)
            newest[feed] = max(ts, newest.get(feed, ts))
            late += ts < newest[feed] - patience.get(feed, 0.0)
            count += 1
    return late / count if count else 0.0


def sorted_chunks(files: Iterable[str], size: int = LINES, run_bytes: int = RUN_BYTES) -> Iterator[list[bytes]]:
    """Yield the lines of the files by event time, in lists of at most `size`.

    A line without a measurement comes where the one before it comes. Memory holds `run_bytes` of lines; more lines are
    sorted in runs, which are files without a name.
    """
    yield from sorted_lines(read_chunks(files), size, run_bytes)


def sorted_lines(chunks: Iterable[list[bytes]], size: int = LINES, run_bytes: int = RUN_BYTES) -> Iterator[list[bytes]]:
    """Yield lines by event time, as `sorted_chunks` those of files."""
    runs = [_written(run) for run in _runs(chunks, run_bytes)]
    merged = heapq.merge(*map(_read, runs))
    try:
        while chunk := [line for _, _, line in islice(merged, size)]:
            yield chunk
    finally:
        for run in runs:
            run.close()


def _runs(chunks: Iterable[list[bytes]], run_bytes: int) -> Iterator[list[Keyed]]:
    run, size = list[Keyed](), 0
    for keyed in _keyed(chunks):
        run.append(keyed)
        size += len(keyed[2])
        if size >= run_bytes:
            yield sorted(run)
            run, size = [], 0
    if run:
        yield sorted(run)


def _keyed(chunks: Iterable[list[bytes]]) -> Iterator[Keyed]:
    number, last = 0, 0.0
    for lines in chunks:
        for line, measurement in zip(lines, _first_of_each(lines), strict=True):
            last = last if measurement is None else float(measurement.ts)
            yield last, number, line
            number += 1


def _first_of_each(lines: Sequence[bytes]) -> Iterator[Measurement | None]:
    """Yield the first measurement of each line; None of a line that has none."""
    decoded, firsts = decode(lines), dict[int, Measurement]()
    for index, measurement in zip(decoded.source, decoded.measurements, strict=True):
        firsts.setdefault(int(index), measurement)
    return map(firsts.get, range(len(lines)))


def _written(run: Iterable[Keyed]) -> IO[bytes]:
    file = TemporaryFile()  # noqa: SIM115 - closed when all runs are merged
    file.writelines(b"%r %d %b\n" % (ts, number, line) for ts, number, line in run)
    file.seek(0)
    return file


def _read(file: IO[bytes]) -> Iterator[Keyed]:
    for row in file:
        ts, number, line = row[:-1].split(b" ", 2)
        yield float(ts), int(number), line
