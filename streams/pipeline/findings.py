"""Findings: what reporters say of bins that closed, whole or in pieces that fit into messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from schemas.finding import Finding, Levels
from streams.pipeline.shard import Closed

SHARD, AREAS = "shard/{}", "areas/{}"
OUTAGES, SERIES = 200, 4000  # at most so many in a piece: less than a megabyte


def finding_of(reporter: str, closed: Closed) -> Finding:
    """Return what a reporter says of a bin, in one piece."""
    return Finding(
        reporter=reporter,
        feed=closed.feed,
        end=closed.end,
        fault=closed.fault,
        empty=closed.empty,
        outages=closed.outages,
        levels=closed.levels,
    )


def silence(reporter: str, feed: str, end: int) -> Finding:
    """Return what a reporter says that has nothing of a feed in the bin of that end and all before it."""
    return Finding(reporter=reporter, feed=feed, end=end, silent=True)


def pieces_of(finding: Finding) -> list[Finding]:
    """Return a finding in pieces: outages first, then levels. The same finding is always cut alike."""
    told = finding.outages
    outages = [told[at : at + OUTAGES] for at in range(0, len(told), OUTAGES)]
    levels: list[list[Levels] | None] = [] if finding.levels is None else list(_packed(_split(finding.levels)))
    contents = [*((some, None) for some in outages), *(([], some) for some in levels)] or [([], None)]
    last = len(contents) - 1
    return [
        replace(finding, piece=number, last=number == last, outages=some, levels=levels)
        for number, (some, levels) in enumerate(contents)
    ]


def _split(levels: Iterable[Levels]) -> Iterator[Levels]:
    """Yield levels of at most `SERIES` series each."""
    for one in levels:
        for at in range(0, len(one.entities), SERIES):
            part = slice(at, at + SERIES)
            yield replace(one, entities=one.entities[part], expected=one.expected[part], spread=one.spread[part])


def _packed(levels: Iterable[Levels]) -> Iterator[list[Levels]]:
    """Yield them together as long as they are of at most `SERIES` series; once even if there are none."""
    some: list[Levels] = []
    for one in levels:
        if some and sum(len(other.entities) for other in some) + len(one.entities) > SERIES:
            yield some
            some = []
        some.append(one)
    yield some
