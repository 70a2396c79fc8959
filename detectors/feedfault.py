"""When most series of a feed fall in the same bin it is the feed that is at fault, not the networks."""

from __future__ import annotations

import numpy as np

from .observed import Flags, Ints

LEAST = 10  # scored series below which a common fall says nothing about the feed
SHARE = 0.5


def suspect(falling: Flags, scored: Flags, group: Ints) -> bool:
    """Whether this bin looks like a fault: half the series fall, and not those of one country alone."""
    count = int(scored.sum())
    if count < LEAST or int((falling & scored).sum()) < SHARE * count:
        return False
    known = scored & (group > 0)
    if not known.any():
        return True
    totals = np.bincount(group[known])
    hit = np.bincount(group[known & falling], minlength=len(totals))
    countries = int((totals > 0).sum())
    return countries >= 2 and int((hit >= SHARE * np.maximum(totals, 1)).sum()) >= max(2, countries / 2)
