"""False alarms on quiet series against what the budget allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from detectors.outages.detector import Detector
from detectors.types import Kind, Rule
from tests.calibration.quiet import quiet
from tests.detectors.series import outages, run

LOT = 1_000  # series of one feed
MONTH = 30


class Alarms(NamedTuple):
    """Alarms of `series` quiet series in `days`; `allowed` by the budget, `rows` different series that alarmed.

    `suspected`: suspicions that were withdrawn, which are no alarms.
    """

    kind: Kind
    width: int
    series: int
    days: int
    budget: float
    found: int
    rows: int
    suspected: int

    @property
    def allowed(self) -> float:
        """Alarms that the budget pays for."""
        return self.budget * self.series / 1_000 * self.days / MONTH

    @property
    def share(self) -> float:
        """Alarms found, of those allowed."""
        return self.found / self.allowed

    @property
    def bounds(self) -> tuple[float, float]:
        """What the share may be in the long run: the exact 95 % interval of a Poisson count."""
        low, high = interval(self.found)
        return low / self.allowed, high / self.allowed

    @property
    def verdict(self) -> str:
        """`over` or `far below` (a tenth) when chance alone does not explain it."""
        low, high = self.bounds
        return "over" if low > 1 else "far below" if high < 0.1 else "within"


def calibrate(
    kind: Kind, width: int, days: int, budgets: Sequence[float], lots: int = 1, series: int = LOT
) -> list[Alarms]:
    """Run the same quiet series through a detector for each budget; each lot is a feed of its own."""
    found: dict[float, list[tuple[int, int]]] = {budget: [] for budget in budgets}
    doubts = dict.fromkeys(budgets, 0)
    for lot in range(lots):
        seen = list(quiet(kind, series, days, width, lot))
        for budget in budgets:
            changes = run(Detector(Rule(kind, width, budget)), iter(seen))
            alarms = [(lot, change.row) for change in outages(changes)]
            found[budget] += alarms
            doubts[budget] += len({(change.row, change.opened) for change in changes}) - len(alarms)
    count = lots * series
    return [Alarms(kind, width, count, days, b, len(rows), len(set(rows)), doubts[b]) for b, rows in found.items()]


def interval(count: int) -> tuple[float, float]:
    """Exact 95 % interval of the mean of a Poisson count (Garwood 1936)."""
    low = _where(lambda mean: below(count - 1, mean) < 0.975, count) if count else 0.0
    return low, _where(lambda mean: below(count, mean) < 0.025, count)


def below(count: int, mean: float) -> float:
    """Probability that a Poisson variable is at most `count`."""
    if mean <= 0:
        return 1.0
    return math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))


def _where(passed: Callable[[float], bool], count: int) -> float:
    """Where a test that is failed at 0 is passed first, by halving."""
    low, high = 0.0, 3.0 * count + 10
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if passed(middle) else (middle, high)
    return high
