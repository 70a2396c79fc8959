"""Cumulative sums of evidence, one per depth of fall, and the discount for noise that does not average out."""

from __future__ import annotations

import numpy as np

from .baseline import Expected
from .columns import Columns
from .evidence import RHOS, Singles, bounded, fallen
from .observed import Flags, Ints, Rule

NEARLY_GONE = np.float32(0.1)
SURPLUS = np.float32(1.05)  # no bin speaks against a fall more than this and three sigma do
FAINT = 2  # nats
LONGEST = np.uint16(65_000)  # bins that a run counts up to
DEEP = 0.3  # on the first day only falls to this share or below count


def advance(
    rule: Rule, c: Columns, e: Expected, value: Singles, size: Singles, seen: Flags, cap: float
) -> tuple[Singles, Singles]:
    """Add a bin where `seen`; return what each row's evidence is worth, and which sum says so. Page 1954.

    A run of n bins is discounted by the variance of its mean: correlation of neighbours, and wander that stays. A bin
    adds at most `cap` to what it is worth unless nearly all is gone; one that speaks against a fall leaves no more.
    Sums below `FAINT` nats are worth nothing yet.
    """
    value, size, low = bounded(rule.kind, value, size, e.low)
    sway = 3 * low / np.sqrt(e.inform)
    value = np.minimum(value, SURPLUS * low + sway)
    gone, begins = value <= NEARLY_GONE * low, bool(c["gap"].any() or c["hole"].any())
    usable, blind = seen & ~e.young, np.flatnonzero(~seen)
    shallow = np.flatnonzero(~usable)
    steps, olds = [], []
    top = np.zeros(len(value), np.float32)
    starts = np.zeros(len(value), np.bool_)
    for index, rho in enumerate(RHOS):
        # A bin beyond what is tested counts as much as the test expects: one outlier is undone by one normal bin.
        held = np.maximum(value, rho * low - sway)
        step = fallen(rule.kind, held, size, low, e.noise, rho).astype(np.float32, copy=False)
        step[shallow if rho > DEEP else blind] = 0
        old, run = c["sums"][:, index].copy(), c["runs"][:, index]
        total = np.maximum(old + step, 0)
        begun = total > 0
        if begins:
            starts |= begun & (run == 0)
        c["sums"][:, index] = total
        c["runs"][:, index] = (np.minimum(run, LONGEST) + 1) * begun
        top = np.maximum(top, total)
        steps.append(step)
        olds.append(old)
    if begins:
        c["hole"][:] = np.where(starts, c["gap"], c["hole"])
    return _weigh(c, e, gone, steps, olds, np.flatnonzero(top >= FAINT), cap)


def _weigh(
    c: Columns, e: Expected, gone: Flags, steps: list[Singles], olds: list[Singles], rows: Ints, cap: float
) -> tuple[Singles, Singles]:
    """Discount the sums of a few rows, and find the largest."""
    worth, winner = np.zeros((2, len(gone)), np.float32)
    if not rows.size:
        return worth, winner
    best, top, first = np.zeros((3, rows.size), np.float32)
    for index in range(len(RHOS)):
        discount = _discount(c["runs"][rows, index], e.echo[rows], e.wander[rows] * e.inform[rows])
        full = c["sums"][rows, index] / discount
        before = np.where(steps[index][rows] > 0, olds[index][rows] / discount, 0)
        first = np.where(full > top, np.float32(index), first)
        top = np.maximum(top, full)
        best = np.maximum(best, np.where(gone[rows], full, np.minimum(full, before + np.float32(cap))))
    worth[rows], winner[rows] = best, first
    return worth, winner


def _discount(length: Singles, echo: Singles, stays: Singles) -> Singles:
    """Variance of a run's mean against that of independent bins."""
    more = np.maximum(length.astype(np.float32) - 1, 0)
    total: Singles = 1 + 2 * echo * more / (1 + more * (1 - echo)) + length * stays
    return total
