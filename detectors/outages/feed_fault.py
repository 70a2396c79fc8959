"""When most series of a feed fall in the same bin the feed is at fault, not the networks.

Derived in docs/detection.md#feed-faults-feed_faultpy-fault_trialpy. Arrays hold an element per row.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from detectors.types import Flags, Ints, Singles

LEAST = 10  # scored series below which a common fall says nothing about the feed
SHARE = 0.5
SURE = 4.0  # standard deviations by which the countries other than the worst hit must have fallen together
STILL = 0.5  # of all that, for a fault to go on
PACE = 0.75  # standard deviations a bin that a shallow common fall must exceed to gather
GATHERED = 4.5  # standard deviations gathered over bins, that stand for `SURE`
MOST = 6.0  # standard deviations gathered at most, so that a fault is soon over
AWAY = 0.3  # of a network's members: so many are missing where the feed, not the members, may be at fault


class CommonFall(NamedTuple):
    """How many series of a feed fall in the same bin.

    `fell`, `scored`: series. `sigmas`: Stouffer's sum of how far they lie below what is expected, without the country
    that is hit worst.
    """

    fell: int
    scored: int
    sigmas: float

    @property
    def nats(self) -> float:
        """The evidence (nats) that the feed fell in common, as a normal sum of that many sigmas has it."""
        return max(self.sigmas, 0.0) ** 2 / 2


def common_fall(falling: Flags, scored: Flags, group: Ints, short: Singles) -> CommonFall:
    """Return what `suspect` looks at, for an explanation."""
    down = falling & scored
    rows = _beside_worst(down, scored, group)
    sigmas = _total(down, rows, short) / math.sqrt(max(int(rows.sum()), 1))
    return CommonFall(int(down.sum()), int(scored.sum()), sigmas)


def gather(before: float, fall: CommonFall) -> float:
    """Return what a common fall has gathered with this bin (standard deviations beyond `PACE`); Page 1954."""
    return min(max(before + fall.sigmas - PACE, 0.0), MOST) if fall.scored >= LEAST else 0.0


def suspect(
    falling: Flags, scored: Flags, group: Ints, short: Singles, going: bool = False, gathered: float = 0.0
) -> bool:
    """Return whether this bin looks like a fault: half the series fall, and not those of one country alone.

    `short`: standard deviations that each lies below what is expected. What falls beside the country that is hit worst
    must be half of the series there, too, and more than noise: by Stouffer's sum, of this bin or as `gathered` over
    bins. A fault `going` on needs half.
    """
    ease, count = STILL if going else 1.0, int(scored.sum())
    down, located = falling & scored, scored & (group > 0)
    if count < LEAST or int(down.sum()) < ease * SHARE * count:
        return False
    sure = 0.0 if gathered >= GATHERED else ease * SURE
    if not located.any():
        return _together(down, scored, short, ease, sure)
    totals = np.bincount(group[located])
    hit = np.bincount(group[located & down], minlength=len(totals))
    countries = int((totals > 0).sum())
    many = int((hit >= ease * SHARE * np.maximum(totals, 1)).sum()) >= max(2, countries / 2)
    return countries >= 2 and many and _together(down, _beside_worst(down, scored, group), short, ease, sure)


def _beside_worst(down: Flags, scored: Flags, group: Ints) -> Flags:
    """Return the scored rows outside the country with the most rows down; all of them where none has a country."""
    located = scored & (group > 0)
    if not located.any():
        return scored
    return np.asarray(located & (group != int(np.bincount(group[located & down], minlength=1).argmax())))


def shaken(up: Singles, usual: Singles, scored: Flags, group: Ints, going: bool = False) -> bool:
    """Return whether this bin of a feed of members looks like a fault: `up` of the `usual` number in each network."""
    falling, short = missing_members(up, usual)
    return suspect(falling, scored, group, short, going)


def missing_members(up: Singles, usual: Singles) -> tuple[Flags, Singles]:
    """Return the networks that lack so many members that the feed may be at fault, and by how many sigmas each does."""
    missing = 1 - up / np.maximum(usual, 1)
    return missing >= AWAY, missing * np.sqrt(usual)


def _together(down: Flags, rows: Flags, short: Singles, ease: float, sure: float) -> bool:
    """Return whether enough of these rows are down, and so far that it is no chance."""
    count = int(rows.sum())
    enough = int((down & rows).sum()) >= ease * SHARE * count
    return enough and _total(down, rows, short) >= sure * math.sqrt(count)


def _total(down: Flags, rows: Flags, short: Singles) -> float:
    """Return the sum of the standard deviations of these rows, no outlier counted for more than six."""
    return float(np.where(down, np.clip(short, 0, 6), np.clip(short, -3, 0))[rows].sum())
