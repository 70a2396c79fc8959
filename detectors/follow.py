"""The course of outages that are being followed: partial returns, further falls, the end. Vectors over those rows.

While a row is followed its `sums` hold the course, see the numbers below, and `runs[0]` the bins since it seems back,
`runs[1]` those since its drop last changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .columns import Columns
from .evidence import Share, Singles, bounded, fallen
from .lifecycle import MATERIAL, Ongoing
from .observed import DAY, Flags, Kind

# Columns of sums: evidence of a return, of a whole one, ratio now, ratio told, 1 while "recovering" was told last.
BACK, WHOLE, SMOOTH, TOLD, RETURNING = range(5)
ENOUGH = np.float32(5)  # nats that a return must show against staying down
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
    """Presence: that members are up is a fact, no noise. Back at four fifths."""
    ratio = np.clip(value / np.maximum(expected, 1), 0, 2).astype(np.float32)
    c["sums"][:, SMOOTH] = ratio
    back = ratio >= np.float32(0.8)
    c["runs"][:, 0] = np.where(back, np.minimum(c["runs"][:, 0], 65_000) + 1, 0)
    done = back & (c["runs"][:, 0] >= confirm(c, 1))
    return Course(done, back & ~done, _changed(c, ~back), ratio)


def levels(
    kind: Kind, c: Columns, value: Singles, size: Singles, mid: Singles, noise: Singles, inform: Singles
) -> Course:
    """Other kinds: a CUSUM of "whole again" against "still down", which "only partly back" can veto."""
    sums, runs = c["sums"], c["runs"]
    ratio = np.clip(value / mid, 0, 2).astype(np.float32)
    weight = np.clip(inform * np.float32(0.0025), np.float32(0.02), np.float32(1))
    sums[:, SMOOTH] += weight * (ratio - sums[:, SMOOTH])
    depth = 1 - np.minimum(sums[:, TOLD], 1)
    down = np.clip(1 - depth, np.float32(0.02), np.float32(0.95))
    partly = 1 - np.clip(depth / 2, np.float32(0.05), np.float32(0.2))

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


def _changed(c: Columns, down: Flags) -> Flags:
    """Rows that are down by another share than was told."""
    moved: Flags = np.abs(c["sums"][:, SMOOTH] - c["sums"][:, TOLD]) >= np.float32(MATERIAL)
    return down & moved
