"""How often and how soon falls of a known depth are found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.outages.detector import Detector
from detectors.types import DAY, Kind, Rule
from tests.detectors.series import START, bins, run

Matrix = NDArray[Any]
SUCCESS = 0.9  # chance of a ratio's trials
DEPTHS = (0.05, 0.1, 0.2, 0.5, 0.9, 1.0)


class Trial(NamedTuple):
    """What is tried: `sizes` are means per bin (count), trials (ratio) or relative noise (gauge); `depths` shares.

    `swing`: half the difference of day and night, drawn up to it per series; `watched`: bins after the fall.
    """

    kind: Kind
    width: int
    history: int  # days before the fall
    watched: int
    sizes: Sequence[float]
    depths: Sequence[float]
    series: int
    swing: float = 0.4
    budget: float = 1.0


class Power(NamedTuple):
    """What became of falls of one size and depth: bins until each was found, infinite where it was not.

    `told`: the same until it was reported, that is suspected or found.
    """

    size: float
    depth: float
    delays: Matrix
    announced: Matrix

    def within(self, bins_: int) -> float:
        """Share found in so many bins."""
        return float(np.mean(self.delays <= bins_))

    def reported(self, bins_: int) -> float:
        """Share reported in so many bins."""
        return float(np.mean(self.announced <= bins_))

    @property
    def median(self) -> float:
        """Bins until half of the falls were found; infinite when fewer were."""
        return middle(self.delays)


def middle(delays: Matrix) -> float:
    """Bins until half of the falls were over; infinite when fewer were."""
    return float(np.sort(delays)[math.ceil(len(delays) / 2) - 1])


def falls(trial: Trial, seed: int = 0) -> list[Power]:
    """Let series of every size fall to every depth, at any time of their day, and watch."""
    rng = np.random.default_rng([seed, trial.width, trial.series])
    cells = [(size, depth) for size in trial.sizes for depth in trial.depths]
    size, depth = (np.repeat(column, trial.series) for column in np.array(cells).T)
    onset = trial.history * DAY // trial.width
    value, trials = _measured(trial, rng, size, _level(trial, rng, depth, onset))
    first, announced = np.full((2, len(size)), np.inf)
    rule = Rule(trial.kind, trial.width, trial.budget)
    for change in run(Detector(rule), bins(value, trial.width, trials, group=1)):
        delay = (change.detected_at - START) // trial.width - onset
        if change.state in ("open", "suspected") and delay > 0:
            announced[change.row] = min(announced[change.row], delay)
        if change.state == "open" and delay > 0:
            first[change.row] = min(first[change.row], delay)
    parts = zip(cells, np.split(first, len(cells)), np.split(announced, len(cells)), strict=True)
    return [Power(*cell, found, reported) for cell, found, reported in parts]


def _level(trial: Trial, rng: np.random.Generator, depth: Matrix, onset: int) -> Matrix:
    """Relative level, a matrix (bins, series): 1 where the fall begins, whatever the hour of the day is there."""
    at = np.arange(onset + trial.watched)[:, None] * trial.width
    phase = rng.uniform(0, 2 * np.pi, len(depth))
    swing = rng.uniform(0, trial.swing, len(depth))
    season = 1 - swing * np.cos(2 * np.pi * at / DAY + phase)
    season[onset:] *= 1 - depth
    return season.astype(np.float32)


def _measured(trial: Trial, rng: np.random.Generator, size: Matrix, level: Matrix) -> tuple[Matrix, Matrix | None]:
    if trial.kind == "gauge":
        return (1_000 * level * (1 + size * rng.standard_normal(level.shape))).astype(np.float32), None
    if trial.kind == "ratio":
        trials = np.broadcast_to(size.astype(np.int64), level.shape)
        return rng.binomial(trials, SUCCESS * np.minimum(level, 1.1)).astype(np.float32), trials
    return rng.poisson(level * size).astype(np.float32), None
