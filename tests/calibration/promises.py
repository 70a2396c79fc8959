"""The falls that must be reported in time, each on series of the kind it speaks of.

A fall is reported when it is suspected or open: a suspicion reaches whoever watches, and counts as no outage yet.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.calibration.falls import Power, Trial, falls

FIVE = 300
ENOUGH = 0.95  # share of the falls that must be reported in time


class Promise(NamedTuple):
    """What was promised, and what was measured; `within` in bins."""

    words: str
    within: int
    power: Power

    @property
    def found(self) -> float:
        """Share found in time."""
        return self.power.within(self.within)

    @property
    def reported(self) -> float:
        """Share reported in time."""
        return self.power.reported(self.within)

    @property
    def met(self) -> bool:
        """Whether so many were reported in time that the promise holds."""
        return self.reported >= ENOUGH


def promises(series: int, names: tuple[str, ...] = ()) -> list[Promise]:
    """Try the promises (all, or those named) with budget 1 on `series` series each, eight days of history."""
    return [
        Promise(words, within, falls(trial._replace(series=series))[0])
        for words, within, trial in PROMISES
        if not names or words in names
    ]


def _count(size: float, depth: float, watched: int, swing: float = 0.0) -> Trial:
    return Trial("count", FIVE, 8, watched, (size,), (depth,), 0, swing)


PROMISES = (
    ("total loss, 20 a bin, steady", 1, _count(20, 1.0, 12)),
    ("total loss, 20 a bin, day and night ± 40 %", 1, _count(20, 1.0, 12, 0.4)),
    ("total loss, 30 a bin, day and night ± 40 %", 1, _count(30, 1.0, 12, 0.4)),
    ("total loss, 2 a bin, steady", 6, _count(2, 1.0, 24)),
    ("total loss, 2 a bin, steady, in eight", 8, _count(2, 1.0, 24)),
    ("total loss, 2 a bin, steady, in twelve", 12, _count(2, 1.0, 24)),
    ("total loss, 2 a bin, steady, at a budget of 50", 6, _count(2, 1.0, 24)._replace(budget=50)),
    ("20 % of 100 a bin, steady", 72, _count(100, 0.2, 100)),
    ("20 % of 100 a bin, day and night ± 40 %", 72, _count(100, 0.2, 100, 0.4)),
    ("5 % of a gauge with 1 % noise, steady", 288, Trial("gauge", FIVE, 8, 288, (0.01,), (0.05,), 0, 0.0)),
    ("5 % of a gauge with 2 % noise, steady", 288, Trial("gauge", FIVE, 8, 288, (0.02,), (0.05,), 0, 0.0)),
    ("5 % of an hourly gauge with 1 % noise, steady", 24, Trial("gauge", 3_600, 8, 24, (0.01,), (0.05,), 0, 0.0)),
)
