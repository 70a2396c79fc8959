"""Bin reports cut into pieces that fit into messages, and the names of those who report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from schemas.bin_report import BinReport, Doubts, Levels

SHARD, AREAS = "shard/{}", "areas/{}"  # names of reporters, by the number of the partition and by the combination
OUTAGES, SERIES = 200, 4000  # most of each in one piece, which keeps it below a megabyte


def silence(reporter: str, feed: str, end: int, rewound: int = 0) -> BinReport:
    """Return the report of a reporter that has no data of a feed, or no more data since the bin of this end."""
    return BinReport(reporter=reporter, feed=feed, end=end, silent=True, rewound=rewound or UNSET)


def pieces_of(report: BinReport) -> list[BinReport]:
    """Return a report in pieces: outages first, then doubts, then levels; falls in each. Equal ones are cut alike."""
    outages = [report.outages[at : at + OUTAGES] for at in range(0, len(report.outages), OUTAGES)]
    levels: list[list[Levels] | None] = [] if report.levels is None else list(_grouped(_split(report.levels)))
    contents: list[dict[str, Any]] = [
        *({"outages": part} for part in outages),
        *({"doubts": [part]} for part in _cut(report.doubts)),
        *({"levels": part} for part in levels),
    ] or [{}]
    last = len(contents) - 1
    empty: dict[str, Any] = {"outages": [], "doubts": [], "levels": None}
    return [
        replace(report, piece=number, last=number == last, **(empty | content))
        for number, content in enumerate(contents)
    ]


def _cut(doubts: Iterable[Doubts]) -> Iterator[Doubts]:
    """Yield the doubts, each with at most `SERIES` series."""
    for table in doubts:
        for at in range(0, len(table.entities), SERIES):
            cut = slice(at, at + SERIES)
            columns = {name: getattr(table, name)[cut] for name in ("entities", "evidence", "drop", "since")}
            yield replace(table, **columns)


def _split(levels: Iterable[Levels]) -> Iterator[Levels]:
    """Yield the levels, each with at most `SERIES` series."""
    for table in levels:
        entities, expected, spread = table.entities, table.expected, table.spread
        for at in range(0, len(entities), SERIES):
            cut = slice(at, at + SERIES)
            yield replace(table, entities=entities[cut], expected=expected[cut], spread=spread[cut])


def _grouped(levels: Iterable[Levels]) -> Iterator[list[Levels]]:
    """Yield the levels in groups of at most `SERIES` series; one empty group when there are none."""
    group: list[Levels] = []
    for table in levels:
        if group and sum(len(other.entities) for other in group) + len(table.entities) > SERIES:
            yield group
            group = []
        group.append(table)
    yield group
