"""Cells of law × history × depth: how soon the detector and the oracle find the same falls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.outages.detector import Detector
from detectors.types import DAY, ClosedBin, Rule
from tests.power import oracle
from tests.power.laws import MONDAY, Law, Matrix, Sample, draw

DEPTHS = (0.2, 0.35, 0.5, 0.75, 1.0)
COMPANY = 2  # quiet series for each that falls, so that no fault of the feed is suspected


@dataclass(frozen=True, slots=True)
class Cell:
    """Falls of one law, history, weekday and depth. Delays in bins, an element a series, infinite where not found.

    `weekday`: of the onset, 0 is Monday. `early`: series that alarmed before it.
    """

    law: Law
    days: int
    weekday: int
    depth: float
    found: Matrix
    oracle: Matrix
    early: int

    @property
    def counts(self) -> bool:
        """Whether the oracle finds most of these falls: a cell where it does not says nothing."""
        return bool(np.isfinite(np.median(self.oracle)))

    @property
    def reached(self) -> bool:
        """Whether half are found within twice the oracle's delay, or one bin more."""
        limit = float(np.median(self.oracle))
        return self.counts and float(np.median(self.found)) <= max(2 * limit, limit + 1)


def measure(law: Law, days: int, weekday: int, series: int, seed: int, depths: Sequence[float] = DEPTHS) -> list[Cell]:
    """Return a cell for each depth. Series of a depth share a feed with twice as many quiet ones."""
    rng = np.random.default_rng([seed, days, weekday, law.width, int(law.size * 1000), int(law.season * 100)])
    cells = []
    for depth in depths:
        falling, quiet = draw(law, days, depth, series, rng), draw(law, days, 0.0, COMPANY * series, rng)
        found, early = _watch(law, falling, quiet, MONDAY + weekday * DAY - days * DAY)
        cells.append(Cell(law, days, weekday, depth, found, oracle.delays(law, falling), early))
    return cells


def _watch(law: Law, falling: Sample, quiet: Sample, start: int) -> tuple[Matrix, int]:
    """Return the bins from the onset until each falling series is open, and how many of them alarmed before."""
    value = np.hstack([falling.value, quiet.value]).astype(np.float64)
    size = None if falling.size is None or quiet.size is None else np.hstack([falling.size, quiet.size])
    detector, rows, count = Detector(Rule(law.kind, law.width)), value.shape[1], falling.value.shape[1]
    detector.grow(rows)
    found, early = np.full(count, np.inf), set[int]()
    every, zero, group = np.ones(rows, np.bool_), np.zeros(rows), np.zeros(rows, np.int64)
    for at, row in enumerate(value):
        trials = np.ones(rows) if size is None else size[at].astype(np.float64)
        seen = ClosedBin(start + at * law.width, row, trials, every, every, zero, zero, group)
        for change in detector.close(seen):
            if change.state == "open" and change.row < count:
                if at < falling.onset:
                    early.add(change.row)
                else:
                    found[change.row] = min(found[change.row], at - falling.onset + 1)
    return found, len(early)
