"""What an hour of the week usually holds: a profile per row, pooled over weekdays and with the hours beside it.

A row has 168 slots, ordered by hour of day first: slot `7 * hour + weekday`, so that the seven weekdays of one hour
lie side by side. A slot that is not known yet holds -1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .evidence import Singles
from .observed import Flags

SLOTS = 168
HOUR = 3600
Slots = NDArray[np.float16]


def slot_of(at: int) -> int:
    """The slot of a time in Unix seconds (day 0 of 1970 was a Thursday, weekday 3)."""
    hours = at // HOUR
    return 7 * (hours % 24) + (hours // 24 + 3) % 7


@dataclass(frozen=True, slots=True)
class Shape:
    """Profile at one time, per row, in the profile's unit; -1 where unknown.

    `day`: pooled over weekdays; `week`: of this weekday; `low`: the lowest pooled hour from one before to one after,
    so that a pattern that comes an hour early or late (daylight saving) is not a fall.
    """

    day: Singles
    week: Singles
    low: Singles
    quiet: Singles  # this hour on the quietest weekday: a holiday is not a fall either
    fresh: Flags  # this weekday's hour was never seen


def shape(slots: Slots, at: int, width: int) -> Shape:
    """The profile of the bin of `width` seconds that starts at `at`, on the line between the middles of the hours."""
    hour, weekday = at // HOUR % 24, slot_of(at) % 7
    before, here, after = (hours(slots, h) for h in ((hour - 1) % 24, hour, (hour + 1) % 24))
    pooled = [mean_known(block) for block in (before, here, after)]
    pooled[1] = np.where(pooled[1] >= 0, pooled[1], np.where(pooled[0] >= 0, pooled[0], pooled[2]))
    sides = [np.where(side >= 0, side, pooled[1]) for side in (pooled[0], pooled[2])]
    ahead = np.float32((at % HOUR + min(width, HOUR) / 2) / HOUR - 0.5)
    day = pooled[1] + abs(ahead) * (sides[int(ahead > 0)] - pooled[1])
    own = here[:, weekday]
    shift = day - pooled[1]
    week = np.where(own >= 0, np.maximum(own + shift, 0), day)
    quiet = np.maximum(np.where(here >= 0, here, np.float32(np.inf)).min(axis=1) + shift, 0)
    low = np.minimum(np.minimum(sides[0], sides[1]), pooled[1])
    return Shape(day, week, low, np.minimum(quiet, day), own < 0)


def hours(slots: Slots, hour: int) -> Singles:
    """The seven weekdays of an hour, as 32-bit numbers."""
    return slots[:, 7 * hour : 7 * hour + 7].astype(np.float32)


def mean_known(block: Singles) -> Singles:
    """Mean over the columns that are known, -1 where none is."""
    known = block >= 0
    count = known.sum(axis=1, dtype=np.float32)
    total = np.where(known, block, 0).sum(axis=1, dtype=np.float32)
    return np.where(count > 0, total / np.maximum(count, 1), np.float32(-1))
