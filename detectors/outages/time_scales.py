"""How many bins make the times that matter, for one bin width."""

from __future__ import annotations

import math
from dataclasses import dataclass

from detectors.types import DAY

HOUR = 3600


@dataclass(frozen=True, slots=True)
class TimeScales:
    """Bins of six hours (`warm`, the warm-up), a day, half a day, three hours (`recent`), a week, four weeks, an hour,
    and an hour or four bins (`short`).
    """

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
        return cls(*(max(math.ceil(each / width), few) for each, few in zip(seconds, least, strict=True)))
