"""Whether outages of one country come together by chance: how often independent ones begin there, and Poisson's law."""

from __future__ import annotations

import math
from collections.abc import Collection

from detectors.types import DAY

MONTH = 30 * DAY
HOUR = 3600


def rate(starts: Collection[float], before: float, watched: float, members: int) -> float:
    """Independent incidents a second that one expects, from those that began before a time.

    One a month for each of the `members` that are measured, until `watched` seconds have taught better; and no less
    than the last day had, so that a storm of small ones raises the bar.
    """
    month = sum(before - MONTH <= start < before for start in starts)
    day = sum(before - DAY <= start < before for start in starts)
    return max((max(members, 1) + month) / (MONTH + min(watched, MONTH)), day / DAY)


def at_least(count: int, mean: float) -> float:
    """The probability of so many or more where so many are expected (Poisson)."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if count <= mean:
        return 1.0 - sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count))
    term = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    total = term
    while term > total * 1e-12:
        count += 1
        term *= mean / count
        total += term
    return min(total, 1.0)
