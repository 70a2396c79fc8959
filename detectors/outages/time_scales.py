"""How many bins make the times that matter, for one bin width."""

from __future__ import annotations

import math
from dataclasses import dataclass

from detectors.types import DAY, HOUR

from .first_day import FEW, SEASON

AFTER = 0.4  # share of the bins of a first day that its season takes


@dataclass(frozen=True, slots=True)
class TimeScales:
    """Bins of six hours (`warm`, the warm-up), a day, half a day, three hours (`recent`), a week, four weeks, an hour,
    and an hour or four bins (`short`). `season`: how many bins of a first day tell nothing of its spread.
    """

    season: float
    warm: int
    day: int
    half: int
    recent: int
    week: int
    month: int
    hour: int
    short: int

    @classmethod
    def of(cls, width: int) -> TimeScales:
        """Return the numbers of bins of `width` seconds, with a least number for each time."""
        seconds = (DAY // 4, DAY, DAY // 2, DAY // 8, 7 * DAY, 28 * DAY, HOUR, HOUR)
        least = (6, 12, 8, 4, 24, 48, 1, 4)
        times = [max(math.ceil(each / width), few) for each, few in zip(seconds, least, strict=True)]
        return cls(_season(width, times[1]), *times)


def _season(width: int, day: int) -> float:
    """Return how many bins of a first `day` its season takes: of few wide ones more."""
    few = width > HOUR and DAY // width >= FEW
    spread = DAY // width - SEASON if few else day
    return day - (1 - AFTER) * spread
