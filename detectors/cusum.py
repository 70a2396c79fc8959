"""Cumulative sums of evidence, one per depth of fall, and the discount for noise that does not average out."""

from __future__ import annotations

import numpy as np

from .baseline import Expected
from .columns import Columns
from .evidence import RHOS, Singles, fallen
from .observed import Flags, Rule

NEARLY_GONE = np.float32(0.1)
DEEP = 0.3  # on the first day only falls to this share or below count


def advance(
    rule: Rule, c: Columns, e: Expected, value: Singles, size: Singles, seen: Flags, cap: float
) -> tuple[Singles, Singles]:
    """Add a bin where `seen`; return the largest discounted sum, and which it is. Page 1954.

    A run of n bins is discounted by the variance of its mean: correlation of neighbours, and wander that stays. A bin
    adds at most `cap` to what it is worth unless nearly all is gone; one that speaks against a fall leaves no more.
    """
    sway = 3 * e.low / np.sqrt(e.inform)
    gone = value <= NEARLY_GONE * e.low
    best = np.zeros(len(value), np.float32)
    top = np.zeros(len(value), np.float32)
    winner = np.zeros(len(value), np.float32)
    for index, rho in enumerate(RHOS):
        # A bin beyond what is tested counts as much as the test expects: one outlier is undone by one normal bin.
        held = np.clip(value, rho * e.low - sway, (2 - rho) * e.low + sway)
        step = fallen(rule.kind, np.maximum(held, 0), size, e.low, e.noise, rho)
        usable = seen & ~e.young if rho > DEEP else seen
        old, run = c["sums"][:, index].copy(), c["runs"][:, index]
        total = np.where(usable, np.maximum(old + step, 0), old)
        length = np.where(total > 0, np.minimum(run, 65_000) + 1, 0)
        c["hole"][:] = np.where((run == 0) & (length == 1), c["gap"], c["hole"])
        c["sums"][:, index], c["runs"][:, index] = total, length
        discount = _discount(e, length)
        full = total / discount
        winner = np.where(full > top, np.float32(index), winner)
        top = np.maximum(top, full)
        best = np.maximum(best, np.where(gone, full, np.minimum(full, np.where(step > 0, old / discount, 0) + cap)))
    return best, winner


def _discount(e: Expected, length: Singles) -> Singles:
    """Variance of a run's mean against that of independent bins."""
    more = np.maximum(length - 1, 0).astype(np.float32)
    return 1 + 2 * e.echo * more / (1 + more * (1 - e.echo)) + length * e.wander * e.inform
