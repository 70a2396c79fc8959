"""Series whose law is known: quiet for some days, then a share of the level is lost for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.types import DAY, Kind

Matrix = NDArray[Any]
MONDAY = 1_699_833_600  # 13 November 2023, midnight UTC
SUCCESS = 0.9  # chance of a trial at the height of the day


@dataclass(frozen=True, slots=True)
class Law:
    """How a series behaves while nothing happens.

    `width` in seconds. `size`: relative noise (gauge), events or members a bin (count, distinct), trials a bin (ratio).
    `season`: half the difference of day and night. `memory`: correlation of the noise of neighbouring bins (gauge).
    """

    kind: Kind
    width: int
    size: float
    season: float
    memory: float = 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Series of one law, matrices (bins, series). `mean`: what a bin holds on average; `size`: trials, or None."""

    value: Matrix
    mean: Matrix
    size: Matrix | None
    onset: int


def draw(law: Law, days: int, depth: float, count: int, rng: np.random.Generator) -> Sample:
    """Draw `count` series that are quiet for `days` and then lose `depth` of their level for a day."""
    onset, after = days * DAY // law.width, max(DAY // law.width, 1)
    at = np.arange(onset + after)[:, None] * law.width
    phase = rng.integers(0, max(DAY // law.width, 1), count) * law.width
    factor = 1 + law.season * np.sin(2 * np.pi * (at + phase) / DAY)
    left = np.where(np.arange(onset + after) < onset, 1.0, 1 - depth)[:, None]
    return Sample(*_measured(law, factor, left, rng), onset)


def _measured(law: Law, factor: Matrix, left: Matrix, rng: np.random.Generator) -> tuple[Matrix, Matrix, Matrix | None]:
    if law.kind == "gauge":
        level = 30.0 if law.size >= 0.05 else 1000.0
        noise = _noise(factor.shape, law.memory, rng)
        return np.maximum(np.round(level * factor * left * (1 + law.size * noise)), 0), level * factor, None
    if law.kind == "ratio":
        chance = SUCCESS * factor / factor.max()
        trials = np.full(factor.shape, int(law.size))
        return rng.binomial(trials, chance * left), chance, trials
    mean = law.size * factor
    return rng.poisson(mean * left), mean, None


def _noise(shape: tuple[int, ...], memory: float, rng: np.random.Generator) -> Matrix:
    """First-order autoregression of variance 1."""
    noise = rng.standard_normal(shape)
    if memory:
        fresh = np.sqrt(1 - memory**2)
        for at in range(1, len(noise)):
            noise[at] = memory * noise[at - 1] + fresh * noise[at]
    return noise
