"""The probability that incidents of one country coincide by chance, by Poisson's law."""

from __future__ import annotations

import math
from collections.abc import Collection

from detectors.types import DAY

MONTH = 30 * DAY


def incident_rate(starts: Collection[float], before: float, watched: float, members: int) -> float:
    """Return the expected independent incidents a second, from the `starts` (Unix seconds) before a time.

    The prior is one a month for each of the `members` that are measured; it counts less the longer the country was
    `watched`, in seconds. The rate is no less than that of the last day, so that a storm of small incidents raises
    the bar.
    """
    month = sum(before - MONTH <= start < before for start in starts)
    day = sum(before - DAY <= start < before for start in starts)
    return max((max(members, 1) + month) / (MONTH + min(watched, MONTH)), day / DAY)


def poisson_tail(count: int, mean: float) -> float:
    """Return the probability of `count` or more events where `mean` are expected.

    >>> round(poisson_tail(1, 0.5), 4), round(poisson_tail(3, 0.5), 4)
    (0.3935, 0.0144)
    """
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
