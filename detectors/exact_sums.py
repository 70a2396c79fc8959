"""Sums that are the same to the last bit in whatever order, and in whatever parts, they are added up.

Each number is cut into limbs: a multiple of 2^36, a whole number below that, and a multiple of 2^-36. Each limb is
added up without any rounding, as long as a sum has at most 131,072 addends. What is left out is below 10^-11; a number
above 2^72 counts as 2^72.
"""

from __future__ import annotations

import numpy as np

from .types import Floats, Ints

LIMBS = 3
STEP = 2.0**36
MOST = STEP * STEP


def by_group(group: Ints, column: Floats, groups: int) -> Floats:
    """Return the limbs (LIMBS × groups) of the sums of each group's elements: numbers of at least 0."""
    found = np.zeros((LIMBS, groups))
    capped = np.minimum(column, MOST)
    high, middle = np.floor(capped / STEP), np.floor(capped)
    for at, limb in enumerate((high, middle - high * STEP, np.rint((capped - middle) * STEP))):
        if limb.any():
            found[at] = np.bincount(group, weights=limb, minlength=groups)
    return found


def whole(limbs: Floats) -> Floats:
    """Return the sums, given their limbs on the last axis but one."""
    high, middle, low = (limbs[..., at, :] for at in range(LIMBS))
    return np.asarray((low / STEP + middle) + high * STEP)
