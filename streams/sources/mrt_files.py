"""Reads MRT files of a route collector in order of time, as values of bins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from streams.config.errors import InputError
from streams.sources.mrt import MrtReader
from streams.sources.mrt_records import records
from streams.sources.part_clock import Position
from streams.sources.records import RecordChunk
from streams.sources.route_bins import PART, RouteBins

ITEMS: Final = 100_000  # after which counts are reported
COLLECTOR: Final = ""


def in_time(names: Sequence[str]) -> list[str]:
    """Return files in order of the time of their first record, tables first. Raises InputError."""
    return sorted(names, key=_first)


def _first(name: str) -> tuple[int, int, str]:
    for _, ts, kind, _, _ in records(name):
        return ts, kind, name
    raise InputError(f"{name}: has no record")


def read_mrt(
    names: Sequence[str], bins: RouteBins, positions: Mapping[str, Position] | None = None
) -> Iterator[RecordChunk]:
    """Yield the bins of files from their position on. Raises InputError, which names the file."""
    bins.begin = (positions or {}).get(PART, Position()).offset
    reader, seen = MrtReader(), 0
    for name in in_time(names):
        for item in reader.read(name):
            bins.take(COLLECTOR, item)
            seen += 1
            if seen % ITEMS == 0:
                yield bins.taken()
        yield bins.taken()
    bins.finish()
    yield bins.taken(last=True)
