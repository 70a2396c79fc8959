"""When most series of a feed fall in the same bin the feed is at fault, not the networks.

Derived in docs/detection.md#feed-faults-feed_faultpy. Arrays hold an element per row.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.types import Flags, Ints, Singles

LEAST = 10  # scored series below which a common fall says nothing about the feed
SHARE = 0.5
SURE = 4.0  # standard deviations by which the countries other than the worst hit must have fallen together
STILL = 0.5  # of all that, for a fault to go on
AWAY = 0.3  # of a network's members: so many are missing where the feed, not the members, may be at fault


def suspect(falling: Flags, scored: Flags, group: Ints, short: Singles, going: bool = False) -> bool:
    """Return whether this bin looks like a fault: half the series fall, and not those of one country alone.

    `short`: standard deviations that each lies below what is expected. What falls beside the country that is hit worst
    must be half of the series there, too, and more than noise: by Stouffer's sum. A fault `going` on needs half.
    """
    ease, count = STILL if going else 1.0, int(scored.sum())
    down, located = falling & scored, scored & (group > 0)
    if count < LEAST or int(down.sum()) < ease * SHARE * count:
        return False
    if not located.any():
        return _together(down, scored, short, ease)
    totals = np.bincount(group[located])
    hit = np.bincount(group[located & down], minlength=len(totals))
    countries = int((totals > 0).sum())
    many = int((hit >= ease * SHARE * np.maximum(totals, 1)).sum()) >= max(2, countries / 2)
    return countries >= 2 and many and _together(down, located & (group != int(hit.argmax())), short, ease)


def shaken(up: Singles, usual: Singles, scored: Flags, group: Ints, going: bool = False) -> bool:
    """Return whether this bin of a feed of members looks like a fault: `up` of the `usual` number in each network."""
    missing = 1 - up / np.maximum(usual, 1)
    return suspect(missing >= AWAY, scored, group, missing * np.sqrt(usual), going)


def _together(down: Flags, rows: Flags, short: Singles, ease: float) -> bool:
    """Return whether enough of these rows are down, and so far that it is no chance."""
    count = int(rows.sum())
    score = np.where(down, np.clip(short, 0, 6), np.clip(short, -3, 0))[rows]
    enough = int((down & rows).sum()) >= ease * SHARE * count
    return enough and float(score.sum()) >= ease * SURE * math.sqrt(count)
