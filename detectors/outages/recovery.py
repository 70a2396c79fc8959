"""The course of outages that are being followed: partial returns, further falls, the end. Vectors over those rows.

While a row is followed its `sums` and `runs` hold the course, see the numbers below. Its level is the mean of the bins
since its last step; a step is a level that a CUSUM of both signs finds to have moved by what is worth a revision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.types import DAY, Flags, Ints, Kind

from .evidence import Share, Singles, bounded, counting, fallen
from .outage_lifecycle import LITTLE as FAINT
from .outage_lifecycle import MATERIAL, Ongoing
from .series_state import Columns

# Columns of sums: evidence of a return, of a whole one; ratio now, since the last step; how far it has moved since.
BACK, WHOLE, SMOOTH, LEVEL, SHIFT = range(5)
# Columns of runs: bins since it seems back, since its drop was told, 1 while "recovering" was told, bins of the level,
# and bins since it has been moving.
BEING_BACK, STEADY, RETURNING, HELD, MOVING = range(5)
ENOUGH = np.float32(8)  # nats that a return must show against staying down
REST = np.float32(0.1)  # share of the deepest drop that may be missing still when an outage is over
LITTLE = np.float32(0.025)  # and of normal, however small the drop was
NEARLY = np.float32(-1)  # evidence that a return is whole with which it is told
DOUBT = np.float32(-3)  # evidence that the return is a partial one: what seemed back is not
PARTLY = np.float32(-5)  # of a ratio, that its return is begun anew: how likely a failure is is not well known
SURE = np.float32(12)  # nats that a step of the level must show
STEP = np.float32(8)
BEGUN = np.float32(0.4)  # of a step, what the bin in which it begins shows at the least
LONGEST = np.uint16(65_000)
LOOKED_AT = tuple(4**power for power in range(1, 8))  # bins after which a level is told anew when it has changed
MEAN_OF = np.float32(100)  # bins that a level is the mean of, at the most
DARK = np.float32(0.02)  # no level is known to stray less than one of this share of normal


@dataclass(frozen=True, slots=True)
class Course:
    """What this bin did to each followed row."""

    back: Flags  # whole again, and long enough
    returning: Flags  # seems to be back
    changed: Flags  # the drop differs from the one told
    moving: Ints  # bins that a step took to be found; 0 where there is none


def start(c: Columns, row: int, ratio: float) -> None:
    """Begin to follow a row at a share of normal."""
    c["hole"][row] = 0
    c["flaps"][row] = min(int(c["flaps"][row]) + 1, 8)
    c["sums"][row] = (0, 0, ratio, ratio, 0)
    c["runs"][row] = (0, 0, 0, 1, 0)


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


def skip(c: Columns, rows: Ints) -> None:
    """Nothing was measured in some rows: what seems back may have been so all the while, which confirms nothing."""
    c["hole"][rows] = np.minimum(c["hole"][rows], LONGEST) + (c["runs"][rows, BEING_BACK] > 0)


def since(c: Columns, row: int) -> int:
    """Bins since a row seems back, those among them without a measurement included."""
    return max(int(c["runs"][row, BEING_BACK]), 1) + int(c["hole"][row])


def confirm(c: Columns, least: int) -> Singles:
    """Bins for which a return must hold: doubled by each outage of late, so that flapping is one outage."""
    doubled: Singles = np.minimum(least * 2.0 ** np.maximum(c["flaps"].astype(np.float32) - 1, 0), 64)
    return doubled


def members(c: Columns, value: Singles, expected: Singles, told: Singles) -> Course:
    """Presence: that members are up is a fact, no noise.

    Back at four fifths, and half of the deepest fall, or when one alone is still away. `BACK` holds that deepest fall.
    `told`: the share of normal that was told last.
    """
    ratio = np.clip(value / np.maximum(expected, 1), 0, 2).astype(np.float32)
    c["sums"][:, LEVEL] = ratio
    deepest = np.maximum(1 - np.minimum(told, ratio), c["sums"][:, BACK])
    c["sums"][:, BACK] = deepest
    back = (ratio >= 1 - np.minimum(deepest / 2, np.float32(0.2))) | (expected - value <= np.float32(1))
    c["runs"][:, BEING_BACK] = np.where(back, _longer(c, BEING_BACK), 0)
    done = back & (c["runs"][:, BEING_BACK] >= confirm(c, 1))
    changed = ~back & (np.abs(ratio - told) >= np.float32(MATERIAL))
    return Course(done, back & ~done, changed, changed.astype(np.int64))


def levels(
    kind: Kind,
    c: Columns,
    value: Singles,
    size: Singles,
    mid: Singles,
    noise: Singles,
    inform: Singles,
    worst: Singles,
    told: Singles,
) -> Course:
    """Other kinds: a CUSUM of "whole again" against "still down", which "only partly back" can veto.

    Both change sign where the `rest` of the deepest drop so far, `worst`, is missing. A return that seems partial is
    not told, but that of a ratio may turn out whole, and began with its first bin then. `told`: the share of normal
    that was told last.
    """
    sums, runs = c["sums"], c["runs"]
    ratio = np.clip(value / mid, 0, 2).astype(np.float32)
    weight = weigh(inform)
    sums[:, SMOOTH] += weight * (ratio - sums[:, SMOOTH])
    partly = 1 - 2 * rest(worst)
    # A remainder well above the deepest level is no level to be held down by: whether it is whole decides alone.
    down = np.clip(told, np.float32(0.02), 1 - 3 * rest(worst))
    strays = _strays(kind, (sums[:, LEVEL] + ratio) / 2, size, mid, noise)
    worth = np.maximum(material(1 - sums[:, LEVEL]), 2 * np.sqrt(strays))
    step = _step(c, ratio, strays, worth)

    value, size, mid = bounded(kind, value, size, mid)

    def against(rho: Share) -> Singles:
        return np.clip(-fallen(kind, value, size, mid, noise, rho), -STEP, STEP)

    back = np.clip(sums[:, BACK] + against(down), 0, 4 * ENOUGH)
    whole = np.minimum(sums[:, WHOLE] + against(partly), 4 * ENOUGH)
    doubted, sure, done = _returning(kind, c, back, whole)
    # What seemed back and is not has the level of the bins since then, be they enough for a step or not.
    relapsed = (runs[:, RETURNING] > 0) & ~sure
    moved = np.where((doubted & step) | relapsed, runs[:, MOVING], 0).astype(np.int64)
    _settle(c, ratio, worth, moved > 0)
    return Course(done, sure & ~done, (moved > 0) | (doubted & _refined(c, told)), moved)


def _returning(kind: Kind, c: Columns, back: Singles, whole: Singles) -> tuple[Flags, Flags, Flags]:
    """Remember the evidence of a return, none where it begins anew: whether it is in doubt, can be told, is the end."""
    sums, runs = c["sums"], c["runs"]
    anew = (back <= 0) | (whole <= (PARTLY if kind == "ratio" else DOUBT))
    doubted = anew | (whole <= DOUBT)
    sums[:, BACK] = np.where(anew, 0, back)
    sums[:, WHOLE] = np.where(anew, 0, whole)
    runs[:, BEING_BACK] = np.where(anew, 0, _longer(c, BEING_BACK))
    sure = ~doubted & (back >= ENOUGH) & ((runs[:, RETURNING] > 0) | (whole >= NEARLY))
    return doubted, sure, sure & (whole >= NEARLY) & (runs[:, BEING_BACK] >= confirm(c, 2))


def _longer(c: Columns, column: int) -> NDArray[np.uint16]:
    """A run that is a bin longer."""
    longer: NDArray[np.uint16] = np.minimum(c["runs"][:, column], LONGEST) + np.uint16(1)
    return longer


def _strays(kind: Kind, ratio: Singles, size: Singles, mid: Singles, noise: Singles) -> Singles:
    """Variance of a bin of a lower level, in squares of the expected value."""
    level = np.clip(ratio, DARK, 1)
    return np.asarray(level**2 * (counting(kind, size, level * mid) + noise))


def _step(c: Columns, ratio: Singles, variance: Singles, worth: Singles) -> Flags:
    """Add a bin to the sum of how far it is from the level, beyond half of what is worth a step; Page 1954.

    A step has been found where the sum says so by `SURE` nats and its bins are that far on average.
    """
    going, total, first = _shifted(c, ratio - c["sums"][:, LEVEL], worth)
    c["sums"][:, SHIFT] = going * total
    c["runs"][:, MOVING] = moving = np.where(total > 0, np.where(first, 1, _longer(c, MOVING)), 0)
    found: Flags = (total >= SURE * variance / worth) & (2 * total >= worth * moving) & (total > 0)
    return found


def _shifted(c: Columns, away: Singles, worth: Singles) -> tuple[Singles, Singles, Flags]:
    """The sign of the sum with one more bin, the sum, and whether this bin is its first.

    A bin that undoes the sum begins one the other way. One that is so far away that those before show too little of
    the step to be a part of it begins it anew: they were noise.
    """
    before, run = np.abs(c["sums"][:, SHIFT]), c["runs"][:, MOVING]
    going = np.where(run > 0, np.sign(c["sums"][:, SHIFT]), np.sign(away))
    more = going * away - worth / 2
    turned = before + more <= 0
    anew = BEGUN * going * away > worth / 2 + before / np.maximum(run, 1)
    total = np.where(turned, -more - worth, more) + np.where(turned | anew, 0, before)
    return np.where(turned, -going, going), np.maximum(total, 0), turned | anew


def _settle(c: Columns, ratio: Singles, worth: Singles, moved: Flags) -> None:
    """Where a step was found the level is the mean of its bins, elsewhere a bin is added to the mean."""
    sums, runs = c["sums"], c["runs"]
    new = sums[:, LEVEL] + np.sign(sums[:, SHIFT]) * worth / 2 + sums[:, SHIFT] / np.maximum(runs[:, MOVING], 1)
    runs[:, HELD] = np.where(moved, runs[:, MOVING], _longer(c, HELD))
    mean = sums[:, LEVEL] + np.clip(ratio - sums[:, LEVEL], -worth, worth) / np.minimum(runs[:, HELD], MEAN_OF)
    sums[:, LEVEL] = np.clip(np.where(moved, new, mean), 0, 2)
    sums[:, SHIFT] = np.where(moved, 0, sums[:, SHIFT])
    runs[:, MOVING] = np.where(moved, 0, runs[:, MOVING])


def _refined(c: Columns, told: Singles) -> Flags:
    """Where the level is known better than when it was told: after 4, 16, 64 … bins."""
    held, level = c["runs"][:, HELD], c["sums"][:, LEVEL]
    refined: Flags = np.isin(held, LOOKED_AT) & (np.abs(level - told) >= material(1 - told) / 4)
    return refined


def material(drop: Singles) -> Singles:
    """`lifecycle.material` of many."""
    worth: Singles = np.clip(drop / 3, np.float32(FAINT), np.float32(MATERIAL))
    return worth


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
    weight, bins = float(weigh(np.float32(inform))), int(c["runs"][row, BEING_BACK])
    if (1 - weight) ** bins > 0.1:
        return 0
    short = 1 - float(c["sums"][row, SMOOTH]) - 2 * math.sqrt(weight / (2 - weight) / inform)
    return min(max(short, 0.0), float(rest(np.float32(worst))))
