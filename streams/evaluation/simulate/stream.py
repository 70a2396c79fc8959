"""A scenario's measurements in the order in which they arrive, as lines of JSON."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import orjson

from detectors.types import Floats
from streams.evaluation.simulate.draw import Drawn, draw
from streams.evaluation.simulate.presence import draw_presence
from streams.evaluation.simulate.series import SimulatedSeries, series_of
from streams.evaluation.simulate.world import Scenario, SimulatedFeed

ON_TIME = 0.8  # of the lateness that a feed is allowed, at most


class Arrived(NamedTuple):
    """The lines of one feed, and when each arrives."""

    when: Floats
    lines: list[str]


def measurements(scenario: Scenario, seed: int) -> list[str]:
    """Return all measurements, one JSON object each. The same seed gives the same lines, with the same NumPy."""
    arrived = [_arrived(scenario, feed, seed) for feed in scenario.feeds]
    lines = [line for feed in arrived for line in feed.lines]
    order = np.argsort(np.concatenate([feed.when for feed in arrived]), kind="stable")
    return [lines[number] for number in order.tolist()]


def _arrived(scenario: Scenario, feed: SimulatedFeed, seed: int) -> Arrived:
    """Return the lines of a feed. Each feed has its own generator, and each series its own constant delay."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{scenario.name} {feed.name}".encode())])
    series = series_of(feed, scenario.lines)
    drawn = _without_silence(scenario, feed, _drawn(rng, scenario, feed, series))
    delay = rng.uniform(0, ON_TIME * feed.lateness, len(series))
    return Arrived(drawn.at + delay[drawn.who], list(_texts(feed, series, drawn)))


def _drawn(rng: np.random.Generator, scenario: Scenario, feed: SimulatedFeed, series: list[SimulatedSeries]) -> Drawn:
    faults = [fault for fault in scenario.faults if fault.feed == feed.name]
    start, end = scenario.span
    if feed.kind == "presence":
        return draw_presence(rng, feed, series, scenario.events, faults, (start, end))
    return draw(rng, feed, series, scenario.events, faults, np.arange(start, end, feed.width, dtype=np.int64))


def _without_silence(scenario: Scenario, feed: SimulatedFeed, drawn: Drawn) -> Drawn:
    """Return the measurements without those of a feed while it is silent."""
    is_sent = np.ones(len(drawn.at), np.bool_)
    for fault in scenario.faults:
        if fault.feed == feed.name and fault.drop is None:
            is_sent &= (drawn.at < fault.start) | (drawn.at >= fault.end)
    kept = [rest for rest, was_sent in zip(drawn.rest, is_sent.tolist(), strict=True) if was_sent]
    return Drawn(drawn.at[is_sent], drawn.who[is_sent], kept)


def _texts(feed: SimulatedFeed, series: list[SimulatedSeries], drawn: Drawn) -> Iterator[str]:
    named = [orjson.dumps(simulated.fields).decode()[1:-1] for simulated in series]
    for at, who, rest in zip(drawn.at.tolist(), drawn.who.tolist(), drawn.rest, strict=True):
        yield f'{{"feed":"{feed.name}","ts":{at},{named[who]}{rest}\n'
