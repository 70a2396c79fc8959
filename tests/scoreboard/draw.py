"""What measurements a network with a known level and known falls would send: one function for each kind of feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from detectors.types import DAY, WEEK, Floats, Kind

HOUR = 3600
START = 1_577_664_000  # Monday 30 December 2019, midnight
#: Its streams never change between releases of NumPy, those of a Generator may: the table must stay true.
Random = np.random.RandomState
Fields = dict[str, Any]


class Fall(NamedTuple):
    """A share of a network that is gone: start and length in seconds after `START`, depth from 0 to 1."""

    start: int
    length: int
    depth: float


class Network(NamedTuple):
    """What one series is like: its level per bin (or members), and its falls. `season`: how deep its nights are."""

    level: float
    falls: tuple[Fall, ...] = ()
    season: float = 0.3


class Feed(NamedTuple):
    """What the series of one feed share. `noise`: relative, beyond what counting brings. Times in seconds."""

    signal: str
    kind: Kind
    width: int
    length: int
    noise: float


def expected(feed: Feed, network: Network) -> Floats:
    """The mean of each bin: level by hour and weekday, less what has fallen for as much of the bin as it has."""
    at = np.arange(0, feed.length, feed.width)
    weekend = np.where(at % WEEK >= 5 * DAY, 1 - network.season / 3, 1.0)
    season = (1 - network.season * np.cos(2 * np.pi * (at - 4 * HOUR) / DAY)) * weekend
    gone = np.zeros(len(at))
    for fall in network.falls:
        overlap = np.minimum(at + feed.width, fall.start + fall.length) - np.maximum(at, fall.start)
        gone += fall.depth * np.clip(overlap, 0, feed.width) / feed.width
    return np.asarray(network.level * season * (1 - np.minimum(gone, 1.0)))


def counts(feed: Feed, network: Network, random: Random) -> Floats:
    """Counts with the noise of counting, and more."""
    mean, shape = expected(feed, network), feed.noise**-2
    return np.asarray(random.poisson(mean * random.gamma(shape, 1 / shape, len(mean))), dtype=np.float64)


def draw_count(feed: Feed, network: Network, random: Random) -> Iterator[tuple[int, Fields]]:
    """One sum a bin; bins without an event send nothing."""
    for index, value in enumerate(counts(feed, network, random).tolist()):
        if value:
            yield index * feed.width + feed.width // 2, {"value": value}


def draw_distinct(feed: Feed, network: Network, random: Random) -> Iterator[tuple[int, Fields]]:
    """Members by number, each once a bin."""
    for index, value in enumerate(counts(feed, network, random).astype(int).tolist()):
        for member in range(value):
            yield index * feed.width + member * feed.width // value, {"member": f"m{member}"}


def draw_ratio(feed: Feed, network: Network, random: Random) -> Iterator[tuple[int, Fields]]:
    """Probes sent and answered; nineteen of twenty answer on a normal day. `level` probes are sent, day and night."""
    share = expected(feed, network._replace(level=0.95, season=0.0))
    wobble = 1 + feed.noise * random.standard_normal(len(share))
    answered = random.binomial(int(network.level), np.clip(share * wobble, 0.0, 1.0))
    for index, value in enumerate(answered.tolist()):
        yield index * feed.width + feed.width // 2, {"value": value, "of": int(network.level)}


def draw_gauge(feed: Feed, network: Network, random: Random) -> Iterator[tuple[int, Fields]]:
    """A level in whole numbers, read once a bin; one reading in two hundred is lost."""
    mean = expected(feed, network)
    noisy = np.maximum(np.rint(mean * (1 + feed.noise * random.standard_normal(len(mean)))), 0)
    for index, (value, read) in enumerate(zip(noisy.tolist(), random.random_sample(len(mean)) > 0.005, strict=True)):
        if read:
            yield index * feed.width + feed.width // 2, {"value": value}


def draw_presence(feed: Feed, network: Network, random: Random) -> Iterator[tuple[int, Fields]]:
    """Members that reconnect now and then, `noise` times a day, and those that fall, all within two minutes."""
    for member in range(int(network.level)):
        away = _reconnections(feed, random)
        away += [_dark(fall, random) for fall in network.falls if member < round(network.level * fall.depth)]
        for start, end in _merged(away):
            yield start, {"member": f"m{member}", "up": False}
            yield end, {"member": f"m{member}", "up": True}


def _reconnections(feed: Feed, random: Random) -> list[tuple[int, int]]:
    starts = random.randint(0, feed.length, random.poisson(feed.noise * feed.length / DAY))
    return [(start, start + 60 + int(random.exponential(600))) for start in starts.tolist()]


def _dark(fall: Fall, random: Random) -> tuple[int, int]:
    return fall.start + int(random.randint(120)), fall.start + fall.length + int(random.randint(120))


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that overlap as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


DRAW: dict[Kind, Callable[[Feed, Network, Random], Iterator[tuple[int, Fields]]]] = {
    "count": draw_count,
    "distinct": draw_distinct,
    "ratio": draw_ratio,
    "gauge": draw_gauge,
    "presence": draw_presence,
}
