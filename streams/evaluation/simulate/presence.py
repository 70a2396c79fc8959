"""Members of networks that come and go: a feed of kind `presence`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.random import Generator

from detectors.types import DAY
from streams.evaluation.simulate.draw import Drawn, levels, struck
from streams.evaluation.simulate.series import SimulatedSeries, merged
from streams.evaluation.simulate.world import MINUTE, Fault, SimulatedEvent, SimulatedFeed

Span = tuple[float, float]
FOR_GOOD = float("inf")
DOWN, UP = 2 * MINUTE, 5 * MINUTE  # within which the members of a network leave, and come back


def draw_presence(
    rng: Generator,
    feed: SimulatedFeed,
    series: list[SimulatedSeries],
    events: Sequence[SimulatedEvent],
    faults: Sequence[Fault],
    span: Span,
) -> Drawn:
    """Draw the comings and goings of each member within the span."""
    rows = [
        (int(at), number, f',"member":"p{1000 * number + member}","up":{"true" if up else "false"}}}')
        for number, (network, level) in enumerate(zip(series, levels(feed, series).tolist(), strict=True))
        for member in range(round(level))
        for at, up in _course(rng, feed, _falls(feed, network, number, events, faults), member / round(level), span)
    ]
    at, who, rest = zip(*sorted(rows), strict=True)
    return Drawn(np.array(at, np.int64), np.array(who, np.int64), list(rest))


def _falls(
    feed: SimulatedFeed,
    network: SimulatedSeries,
    number: int,
    events: Sequence[SimulatedEvent],
    faults: Sequence[Fault],
) -> list[tuple[float, float, float]]:
    """Return start, end and share of its members that a network loses."""
    falls = [
        (event.start, FOR_GOOD if event.end is None else event.end, event.drops[feed.name] * share)
        for event in events
        if feed.name in event.drops
        and (share := sum(line.size for line in network.lines if event.where.has(line)) / network.size)
    ]
    return falls + [
        (fault.start, fault.end, fault.drop) for fault in faults if fault.drop and struck(fault, number + 1)[number]
    ]


def _course(
    rng: Generator, feed: SimulatedFeed, falls: list[tuple[float, float, float]], rank: float, span: Span
) -> Iterator[tuple[float, bool]]:
    """Yield the times of one member, which is among the first `rank` to fall."""
    start, end = span
    aways = [
        (away, away + MINUTE + rng.exponential(15 * MINUTE))
        for away in rng.uniform(start, end, rng.poisson(feed.noise * (end - start) / DAY)).tolist()
    ]
    aways += [(first + rng.uniform(0, DOWN), last + rng.uniform(0, UP)) for first, last, share in falls if rank < share]
    for down, up in merged(aways, MINUTE):
        yield from ((at, back) for at, back in ((down, False), (up, True)) if at < end)
