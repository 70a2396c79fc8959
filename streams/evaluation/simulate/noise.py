"""Season and noise of simulated levels: matrices (bins, series), each column in time order, from one generator."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.random import Generator

from detectors.types import DAY, WEEK, Floats
from streams.evaluation.simulate.places import LOCAL
from streams.evaluation.simulate.series import SimulatedSeries
from streams.evaluation.simulate.world import HOUR, SimulatedFeed

EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday; Monday is 0
MONTHS_2 = 60 * DAY
DAY_BEGINS = 4 * HOUR


def relative_level(rng: Generator, feed: SimulatedFeed, series: list[SimulatedSeries], at: Floats) -> Floats:
    """Return what the level of each series is of its mean, at each of `at` (Unix seconds).

    `season`, growing by up to a third of the swing in 60 days, times 1 plus a first-order autoregression with the
    standard deviation `wander` and a memory of one to eight hours. A series' swing is 0.7 to 1.3 of the feed's.
    """
    swing = feed.swing * rng.uniform(0.7, 1.3, len(series))
    growth = swing / 3 * rng.uniform(0, 1, len(series))
    columns = [
        season(str(simulated.fields["country"]), deep, at) for simulated, deep in zip(series, swing, strict=True)
    ]
    shape = np.column_stack(columns) * (1 + growth * (at[:, None] - at[0]) / MONTHS_2)
    return np.asarray(shape * (1 + _wander(rng, feed, len(at), len(series))))


def season(country: str, swing: float, at: Floats) -> Floats:
    """Return day, night and weekend in a country's own time, in which a day begins at four in the morning.

    With c = cos(2π hour / 24) it is `1 − swing c`, on weekends times `1 − swing (1 − c) / 6`: they differ by day.
    """
    ahead, weekend = LOCAL[country]
    local = at + ahead * HOUR - DAY_BEGINS
    weekday = (local // DAY + EPOCH_WEEKDAY) % (WEEK // DAY)
    night = np.cos(2 * np.pi * local / DAY)
    return np.asarray((1 - swing * night) * (1 - swing / 6 * (1 - night) * np.isin(weekday, weekend)))


def _wander(rng: Generator, feed: SimulatedFeed, steps: int, count: int) -> Floats:
    memory = np.exp(-feed.width / (rng.uniform(1, 8, count) * HOUR))
    walk: Floats = feed.wander * np.sqrt(1 - memory**2) * rng.standard_normal((steps, count))
    for before, after in pairwise(walk):
        after += memory * before
    return np.clip(walk, -0.5, 0.5)


def around(rng: Generator, mean: Floats, noise: float) -> Floats:
    """Return means with the relative noise of a gamma distribution; without noise, the means."""
    return np.asarray(mean * rng.gamma(noise**-2, noise**2, mean.shape)) if noise else mean
