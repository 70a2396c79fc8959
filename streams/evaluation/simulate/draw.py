"""Measurements of one feed, drawn as columns: gauges, counts, ratios and members; presence is in `presence`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from detectors.types import DAY, Flags, Floats, Ints, Kind
from streams.evaluation.simulate.noise import around, relative_level
from streams.evaluation.simulate.series import SimulatedSeries, gone, overlap
from streams.evaluation.simulate.world import HOUR, Fault, SimulatedEvent, SimulatedFeed

ANSWERED = 0.95  # share of trials that succeed on a normal day
MONTH = 30 * DAY
POOL = 4  # different members that there are for each that is seen in a bin


class Drawn(NamedTuple):
    """Measurements: event time, the number of the series, and the rest of each as JSON."""

    at: Ints
    who: Ints
    rest: list[str]


class Bins(NamedTuple):
    """Before anything is measured, matrices (bins, series): event time, mean, share lost; level by series."""

    at: Ints
    mean: Floats
    lost: Floats
    level: Floats


def levels(feed: SimulatedFeed, series: Sequence[SimulatedSeries]) -> Floats:
    """Return the normal level of each series: a bin's value, its trials, or members."""
    return np.clip(feed.scale * np.array([simulated.size for simulated in series]), feed.least, feed.most)


def draw(
    rng: Generator,
    feed: SimulatedFeed,
    series: list[SimulatedSeries],
    events: Sequence[SimulatedEvent],
    faults: Sequence[Fault],
    starts: Ints,
) -> Drawn:
    """Draw one feed in the bins of these starts."""
    bins = _bins(rng, feed, series, events, faults, starts)
    measured, rests = DRAW[feed.kind](rng, feed, bins)
    measured = measured * _read(rng, feed, starts, len(series))
    number = measured.ravel().astype(np.int64)
    who = np.broadcast_to(np.arange(len(series)), bins.at.shape).ravel()
    return Drawn(np.repeat(bins.at.ravel(), number), np.repeat(who, number), rests(measured > 0))


def _bins(
    rng: Generator,
    feed: SimulatedFeed,
    series: list[SimulatedSeries],
    events: Sequence[SimulatedEvent],
    faults: Sequence[Fault],
    starts: Ints,
) -> Bins:
    """Return the bins of all series. Each series is measured at its own second of a bin; gauges are not summed."""
    at = starts[:, None] + rng.integers(0, feed.width, len(series))
    width = 1 if feed.kind == "gauge" else feed.width
    seen_from = (at if feed.kind == "gauge" else np.broadcast_to(starts[:, None], at.shape)).astype(np.float64)
    lost = np.column_stack(
        [gone(feed, simulated, events, seen_from[:, number], width) for number, simulated in enumerate(series)]
    )
    for fault in faults:
        unseen = np.column_stack([overlap(fault.start, fault.end, column, width) for column in seen_from.T])
        np.maximum(lost, (fault.drop or 0.0) * unseen * struck(fault, len(series)), out=lost)
    level = levels(feed, series)
    mean = level * relative_level(rng, feed, series, starts.astype(np.float64)) * (1 - lost)
    return Bins(at, mean, lost, level)


def _read(rng: Generator, feed: SimulatedFeed, starts: Ints, count: int) -> Flags:
    """Return where a series is measured: single bins are missing, and an hour to six about once a month."""
    read = rng.random((len(starts), count)) >= feed.missing
    holes = rng.poisson((starts[-1] - starts[0]) / MONTH if feed.missing else 0, count)
    for number in np.repeat(np.arange(count), holes).tolist():
        first, hours = rng.choice(starts), rng.uniform(1, 6)
        read[(starts >= first) & (starts < first + hours * HOUR), number] = False
    return read


def struck(fault: Fault, count: int) -> Ints:
    """Return 1 for the series of a feed that a fault strikes: all, or three in five."""
    return np.ones(count, np.int64) if fault.everywhere else (np.arange(count) % 5 < 3).astype(np.int64)


Rests = Callable[[Flags], list[str]]
Measured = tuple[Ints, Rests]


def _values(value: Ints) -> Rests:
    return lambda kept: [f',"value":{number}}}' for number in value[kept].tolist()]


def _gauge(rng: Generator, feed: SimulatedFeed, bins: Bins) -> Measured:
    noisy = bins.mean * (1 + feed.noise * rng.standard_normal(bins.mean.shape))
    return np.ones(bins.at.shape, np.int64), _values(np.rint(np.maximum(noisy, 0)).astype(np.int64))


def _count(rng: Generator, feed: SimulatedFeed, bins: Bins) -> Measured:
    """Return counts; a bin without an event sends nothing."""
    value = rng.poisson(around(rng, bins.mean, feed.noise))
    return (value > 0).astype(np.int64), _values(value)


def _ratio(rng: Generator, feed: SimulatedFeed, bins: Bins) -> Measured:
    trials = np.maximum(rng.poisson(np.broadcast_to(bins.level, bins.at.shape)), 1)
    chance = ANSWERED * (1 + feed.noise * rng.standard_normal(bins.at.shape))
    value = rng.binomial(trials, np.clip(chance, 0, 0.99) * (1 - bins.lost))

    def rests(kept: Flags) -> list[str]:
        pairs = zip(value[kept].tolist(), trials[kept].tolist(), strict=True)
        return [f',"value":{number},"of":{of}}}' for number, of in pairs]

    return np.ones(bins.at.shape, np.int64), rests


def _distinct(rng: Generator, feed: SimulatedFeed, bins: Bins) -> Measured:
    """Return members: neighbours in a ring from a place drawn for each bin, so that none occurs twice."""
    pool = np.rint(POOL * bins.level).astype(np.int64)
    seen = np.minimum(rng.poisson(around(rng, bins.mean, feed.noise)), pool)
    first = rng.integers(0, pool, seen.shape)

    def rests(kept: Flags) -> list[str]:
        number = (seen * kept).ravel()
        nth = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        ring = np.repeat(np.broadcast_to(pool, seen.shape).ravel(), number)
        return [f',"member":"m{member}"}}' for member in ((np.repeat(first.ravel(), number) + nth) % ring).tolist()]

    return seen, rests


DRAW: dict[Kind, Callable[[Generator, SimulatedFeed, Bins], Measured]] = {
    "gauge": _gauge,
    "count": _count,
    "ratio": _ratio,
    "distinct": _distinct,
}
