"""Cumulative sums of evidence, one per depth of fall, and the discount for noise that does not average out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.types import Flags, Ints, Rule

from .baseline import WEEKEND, Expected, Pace, memory
from .evidence import RHOS, Singles, at_least, at_most, bounded, fallen
from .series_state import Columns

NEARLY_GONE = np.float32(0.1)
SURPLUS = np.float32(1.05)  # no bin speaks against a fall more than this and three sigma do
FAINT = 2  # nats
LONGEST = np.uint16(65_000)  # bins that a run counts up to
EVEN = np.float32(1)  # no share of trials above what is expected speaks for a fall
LAST = len(RHOS) - 1  # the sum of a total loss
DEEP = 0.3  # on the first day only falls to this share or below count


def advance(
    rule: Rule, pace: Pace, c: Columns, e: Expected, value: Singles, size: Singles, seen: Flags, cap: float
) -> tuple[Singles, Singles]:
    """Add a bin where `seen`; return what each row's evidence is worth, and which sum says so. Page 1954.

    A run of n bins is discounted by the variance of its mean: correlation of neighbours, and wander that stays. A bin
    adds at most `cap` to what it is worth unless nearly all is gone; one that speaks against a fall leaves no more.
    Sums below `FAINT` nats are worth nothing yet.
    """
    value, size, low = bounded(rule.kind, value, size, e.low)
    sway = 3 * low * e.sigma
    value = np.minimum(value, SURPLUS * low + sway)
    before = c["sums"].T.copy()
    usable = seen & ~e.young
    for index, rho in enumerate(RHOS):
        counted = seen if rho <= DEEP else usable
        # Above the middle of rho and 1 a bin speaks against the fall: where there is no sum there will be none.
        fell = value < (EVEN if rule.kind == "ratio" else (1 + rho) / 2) * low
        wanted = (before[index] > 0) | (fell & counted)
        rows = _some(wanted)
        x, n, m = value[rows], size[rows], (_full(rule, e, low) if index == LAST else low)[rows]
        # A bin beyond what is tested counts as much as the test expects: one outlier is undone by one normal bin.
        step = fallen(rule.kind, np.maximum(x, rho * m - sway[rows]), n, m, e.noise[rows], rho)
        step *= (wanted & counted)[rows]
        _add(c["sums"].T[index], c["runs"].T[index], rows, step)
    _holes(c)
    top = c["sums"].T.max(axis=0)
    return _weigh(rule, pace, c, e, value <= NEARLY_GONE * low, before, np.flatnonzero(top >= FAINT), cap)


def _full(rule: Rule, e: Expected, low: Singles) -> Singles:
    """What darkness is measured against: a first weekend may be quiet, but it is never dark."""
    if e.unseen is None:
        return low
    full = np.where(e.unseen, low / WEEKEND, low)
    return at_most(full, 1) if rule.kind == "ratio" else full


def _some(wanted: Flags) -> Ints | slice:
    """Which rows to compute: all of them where gathering the wanted ones would cost more."""
    rows = np.flatnonzero(wanted)
    return slice(None) if 4 * rows.size > wanted.size else rows


def _add(sums: Singles, runs: NDArray[np.uint16], rows: Ints | slice, step: Singles) -> None:
    """Add a step to a sum of some rows, and a bin to its run."""
    step += sums[rows]
    sums[rows] = total = at_least(step, 0)
    length = np.minimum(runs[rows], LONGEST)
    length += 1
    length *= total > 0
    runs[rows] = length


def _holes(c: Columns) -> None:
    """Remember how many bins were missing just before a sum left zero."""
    if c["gap"].any():
        starts = (c["runs"] == 1).any(axis=1)
        c["hole"][:] = np.where(starts, c["gap"], c["hole"])
    elif c["hole"].any():
        c["hole"][(c["runs"] == 1).any(axis=1)] = 0


def _weigh(
    rule: Rule, pace: Pace, c: Columns, e: Expected, gone: Flags, olds: Singles, rows: Ints, cap: float
) -> tuple[Singles, Singles]:
    """Discount the sums of a few rows, and find the largest."""
    worth, winner = np.zeros((2, len(gone)), np.float32)
    if not rows.size:
        return worth, winner
    echo, stays = memory(rule, pace, c, e, rows)
    now, old = c["sums"].T.take(rows, axis=1), olds.take(rows, axis=1)
    discount = _discount(c["runs"].T.take(rows, axis=1), echo, stays)
    full = now / discount
    most = old / discount * (now > old) + np.where(gone[rows], np.float32(np.inf), np.float32(cap))
    worth[rows], winner[rows] = np.minimum(full, most).max(axis=0), full.argmax(axis=0)
    return worth, winner


def _discount(length: Singles, echo: Singles, stays: Singles) -> Singles:
    """Variance of a run's mean against that of independent bins."""
    bins = length.astype(np.float32)
    more = at_least(bins - 1, 0)
    total: Singles = 1 + 2 * echo * more / (1 + more * (1 - echo)) + bins * stays
    return total
