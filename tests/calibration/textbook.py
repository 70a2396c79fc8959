"""What the detector's cost is compared with: river's scorer, a series at a time, and a z-score in columns."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.anomaly import GaussianScorer

Singles = NDArray[np.float32]
GRACE = 2  # updates before river scores: its own 100 would make most of a short run free


PACE = np.float32(0.01)  # of learning: what a bin counts


class Ewma:
    """Exponentially weighted mean and variance of every series; a z-score, then a step of learning."""

    def __init__(self, rows: int) -> None:
        self.mean, self.variance = np.zeros(rows, np.float32), np.ones(rows, np.float32)

    @property
    def bytes(self) -> float:
        """State per series."""
        return (self.mean.nbytes + self.variance.nbytes) / len(self.mean)

    def close(self, value: NDArray[Any]) -> Singles:
        """Z-scores of a bin."""
        step = value.astype(np.float32) - self.mean
        score: Singles = step / np.sqrt(self.variance + np.float32(1e-9))
        self.mean += PACE * step
        self.variance += PACE * (step * step - self.variance)
        return score


class River:
    """A GaussianScorer per series; `bytes`: state per series after its first bin, as Python allocates it."""

    def __init__(self, rows: int) -> None:
        tracemalloc.start()
        self._scorers = [GaussianScorer(grace_period=GRACE) for _ in range(rows)]
        self.close(np.zeros(rows))
        self.bytes = tracemalloc.get_traced_memory()[0] / rows
        tracemalloc.stop()

    def close(self, value: NDArray[Any]) -> list[float]:
        """Scores of a bin."""
        scores = []
        for scorer, number in zip(self._scorers, value.tolist(), strict=True):
            scores.append(scorer.score_one(None, number))
            scorer.learn_one(None, number)
        return scores
