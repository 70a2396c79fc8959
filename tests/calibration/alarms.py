"""False alarms on quiet series against what the budget allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from detectors.outages.detector import Detector
from detectors.types import DAY, Kind, Rule
from tests.calibration.laws import QuietLaw
from tests.calibration.world import WARM
from tests.detectors.series import outages, run

LOT = 1_000  # series of one feed
MONTH = 30


class Alarms(NamedTuple):
    """Alarms of `series` quiet series in `days`; `allowed` by the budget, `rows` different series that alarmed.

    `early`: alarms of the first eight days; `suspected`: suspicions that were withdrawn, which are no alarms.
    """

    law: str
    kind: Kind
    width: int
    series: int
    days: int
    budget: float
    found: int
    rows: int
    early: int
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
    law: QuietLaw, kind: Kind, width: int, days: int, budget: float = 1.0, lot: int = 0, series: int = LOT
) -> Alarms:
    """Count the alarms of quiet series of a law. The budget changes what is learnt, so each takes a run of its own."""
    rows: list[int] = []
    early = doubts = 0
    for feed, seen in enumerate(law.draw(kind, series, days, width, lot)):
        changes = run(Detector(Rule(kind, width, budget)), iter(seen))
        alarms = outages(changes)
        early += sum(change.opened < seen[0].start + WARM * DAY for change in alarms)
        doubts += len({(change.row, change.opened) for change in changes}) - len(alarms)
        rows += [feed * series + change.row for change in alarms]
    return Alarms(law.name, kind, width, series, days, budget, len(rows), len(set(rows)), early, doubts)


def total(found: Sequence[Alarms], law: str) -> Alarms:
    """Return the sum over kinds, widths and lots of a law, of one budget; `series` are those of the sum of the days."""
    series = sum(each.days * each.series for each in found) // MONTH
    sums = map(sum, zip(*(each[-4:] for each in found), strict=True))
    return Alarms(law, *found[0][1:3], series, MONTH, found[0].budget, *sums)


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
