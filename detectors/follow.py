"""The course of outages that are being followed: partial returns, further falls, the end. Vectors over those rows.

While a row is followed its `sums` hold the course, see the numbers below, and `runs[0]` the bins since it seems back,
`runs[1]` those since its drop last changed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from .columns import Columns
from .evidence import Share, Singles, bounded, fallen
from .lifecycle import MATERIAL, Ongoing
from .observed import DAY, Flags, Kind

# Columns of sums: evidence of a return, of a whole one, ratio now, ratio told, 1 while "recovering" was told last.
BACK, WHOLE, SMOOTH, TOLD, RETURNING = range(5)
ENOUGH = np.float32(8)  # nats that a return must show against staying down
REST = np.float32(0.1)  # share of the deepest drop that may be missing still when an outage is over
LITTLE = np.float32(0.025)  # and of normal, however small the drop was
DOUBT = np.float32(-3)  # evidence that the return is a partial one
STEP = np.float32(8)


@dataclass(frozen=True, slots=True)
class Course:
    """What this bin did to each followed row."""

    back: Flags  # whole again, and long enough
    returning: Flags  # seems to be back
    changed: Flags  # the drop differs from the one told
    ratio: Singles


def start(c: Columns, row: int, ratio: float) -> None:
    """Begin to follow a row at a share of normal."""
    c["flaps"][row] = min(int(c["flaps"][row]) + 1, 8)
    c["sums"][row] = (0, 0, ratio, ratio, 0)
    c["runs"][row] = 0


def release(now: Ongoing, held: bool) -> Ongoing:
    """The doubt about the feed is over, the row is still down."""
    return now if held else replace(now, held="")


def stop(c: Columns, rows: int | list[int]) -> None:
    """The row is normal again: no evidence left."""
    c["sums"][rows] = 0
    c["runs"][rows] = 0
    c["phase"][rows] = 0


def forget(c: Columns, at: int, width: int) -> None:
    """Every day one outage less counts against a row that comes and goes."""
    if at // DAY != (at + width) // DAY:
        c["flaps"] -= c["flaps"] > 0


def confirm(c: Columns, least: int) -> Singles:
    """Bins for which a return must hold: doubled by each outage of late, so that flapping is one outage."""
    doubled: Singles = np.minimum(least * 2.0 ** np.maximum(c["flaps"].astype(np.float32) - 1, 0), 64)
    return doubled


def members(c: Columns, value: Singles, expected: Singles) -> Course:
    """Presence: that members are up is a fact, no noise.

    Back at four fifths, and half of the deepest fall, or when one alone is still away. `BACK` holds that deepest fall.
    """
    ratio = np.clip(value / np.maximum(expected, 1), 0, 2).astype(np.float32)
    c["sums"][:, SMOOTH] = ratio
    deepest = np.maximum(1 - np.minimum(c["sums"][:, TOLD], ratio), c["sums"][:, BACK])
    c["sums"][:, BACK] = deepest
    back = (ratio >= 1 - np.minimum(deepest / 2, np.float32(0.2))) | (expected - value <= np.float32(1))
    c["runs"][:, 0] = np.where(back, np.minimum(c["runs"][:, 0], 65_000) + 1, 0)
    done = back & (c["runs"][:, 0] >= confirm(c, 1))
    return Course(done, back & ~done, _changed(c, ~back), ratio)


def levels(
    kind: Kind,
    c: Columns,
    value: Singles,
    size: Singles,
    mid: Singles,
    noise: Singles,
    inform: Singles,
    worst: Singles,
) -> Course:
    """Other kinds: a CUSUM of "whole again" against "still down", which "only partly back" can veto.

    Both change sign where the `rest` of the deepest drop so far, `worst`, is missing.
    """
    sums, runs = c["sums"], c["runs"]
    ratio = np.clip(value / mid, 0, 2).astype(np.float32)
    weight = weigh(inform)
    sums[:, SMOOTH] += weight * (ratio - sums[:, SMOOTH])
    partly = 1 - 2 * rest(worst)
    down = np.clip(sums[:, TOLD], np.float32(0.02), partly)

    value, size, mid = bounded(kind, value, size, mid)

    def against(rho: Share) -> Singles:
        return np.clip(-fallen(kind, value, size, mid, noise, rho), -STEP, STEP)

    back = np.clip(sums[:, BACK] + against(down), 0, 4 * ENOUGH)
    whole = np.minimum(sums[:, WHOLE] + against(partly), 4 * ENOUGH)
    again = (back <= 0) | (whole <= DOUBT)
    sums[:, BACK] = np.where(again, 0, back)
    sums[:, WHOLE] = np.where(again, 0, whole)
    runs[:, 0] = np.where(again, 0, np.minimum(runs[:, 0], 65_000) + 1)
    sure = ~again & (back >= ENOUGH)
    done = sure & (whole >= -1) & (runs[:, 0] >= confirm(c, 2))
    return Course(done, sure & ~done, _changed(c, again & (weight > 0)), ratio)


def rest(worst: Share) -> Share:
    """Share of normal that may be missing when an outage is over: little of a small drop, a tenth of a total loss."""
    least: Share = np.maximum(REST * worst, LITTLE)
    return least


def weigh(inform: Share) -> Share:
    """Weight of a bin in the smooth ratio, so that noise moves it by a quarter of what is worth a revision."""
    known = inform * np.float32((MATERIAL / 4) ** 2)
    weight: Share = np.clip(2 * known / (1 + known), np.float32(0.02), np.float32(1))
    return weight


def missing(c: Columns, row: int, worst: float, inform: float) -> float:
    """Share of normal that a return has left out beyond two standard deviations; none while it is not well known."""
    weight, bins = float(weigh(np.float32(inform))), int(c["runs"][row, 0])
    if (1 - weight) ** bins > 0.1:
        return 0
    short = 1 - float(c["sums"][row, SMOOTH]) - 2 * math.sqrt(weight / (2 - weight) / inform)
    return min(max(short, 0.0), float(rest(np.float32(worst))))


def _changed(c: Columns, down: Flags) -> Flags:
    """Rows that are down by another share than was told."""
    moved: Flags = np.abs(c["sums"][:, SMOOTH] - c["sums"][:, TOLD]) >= np.float32(MATERIAL)
    return down & moved
