"""The course of outages that are followed: partial returns, further falls, the end.

The level of an outage is the mean of the bins since its last step; a step is a level that a CUSUM of both signs finds
to have moved by what is worth a revision. Arrays hold an element per followed row. Derived in
docs/detection.md#course-and-end-recoverypy-decidepy-outage_lifecyclepy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.types import DAY, Flags, Ints, Share, Singles

from .level_kinds import PARTIAL, LevelKind
from .outage_lifecycle import LITTLE as FAINT
from .outage_lifecycle import MATERIAL
from .series_state import Bins, CourseColumns, PhaseColumns, SeriesStore

ENOUGH = np.float32(8)  # nats that a return must show against staying down
REST = np.float32(0.1)  # share of the deepest drop that may be missing still when an outage is over
LITTLE = np.float32(0.025)  # and of normal, however small the drop was
NEARLY = np.float32(-1)  # evidence that a return is whole with which it is announced
SURE = np.float32(12)  # nats that a step of the level must show
STEP = np.float32(8)
BEGUN = np.float32(0.4)  # of a step, what the bin in which it begins shows at the least
LONGEST = np.uint16(65_000)
LOOKED_AT = tuple(4**power for power in range(1, 8))  # bins after which a level is announced anew when it has changed
MEAN_OF = np.float32(100)  # bins that a level is the mean of, at the most
DARK = np.float32(0.02)  # no level strays less than that of this share of normal


@dataclass(frozen=True, slots=True)
class CourseStep:
    """What this bin did to each followed row."""

    back: Flags  # whole again, and long enough
    returning: Flags  # seems to be back
    changed: Flags  # the drop differs from the one announced
    moving: Ints  # bins that a step took to be found; 0 where there is none


@dataclass(frozen=True, slots=True)
class Followed:
    """A bin of followed rows. `max_drop`, `announced`: the deepest drop, and the share of normal announced last.

    `value`, `size`, `expected`, `noise`, `precision`: as in `ScoredBin` and `ClosedBin`.
    """

    value: Singles
    size: Singles
    expected: Singles
    noise: Singles
    precision: Singles
    max_drop: Singles
    announced: Singles


def start(store: SeriesStore, row: int, ratio: float) -> None:
    """Begin to follow a row at a share of normal."""
    store.begin_course(row, ratio)
    store.courses.flaps[row] = min(int(store.courses.flaps[row]) + 1, 8)


def forget_flaps(phases: PhaseColumns, at: int, width: int) -> None:
    """Count one outage less of each row at the end of a day; the bin of `width` seconds begins at `at` (Unix s)."""
    if at // DAY != (at + width) // DAY:
        phases.flaps -= phases.flaps > 0


def skip(c: CourseColumns, rows: Ints) -> None:
    """Count a bin without a measurement in rows that seem back: they may have been so all the while."""
    c.missing_since_back[rows] = np.minimum(c.missing_since_back[rows], LONGEST) + (c.bins_back[rows] > 0)


def since(c: CourseColumns, row: int) -> int:
    """Return the bins since a row seems back, those among them without a measurement included."""
    return max(int(c.bins_back[row]), 1) + int(c.missing_since_back[row])


def confirm(c: CourseColumns, least: int) -> Singles:
    """Return the bins for which a return must last: doubled by each outage of late, so that flapping is one outage."""
    doubled: Singles = np.minimum(least * 2.0 ** np.maximum(c.flaps.astype(np.float32) - 1, 0), 64)
    return doubled


def members(c: CourseColumns, value: Singles, expected: Singles, announced: Singles) -> CourseStep:
    """Return what a bin does to networks of members: they are back at four fifths and half of the deepest fall, or when
    a single member is still away.

    `value`, `expected`: members up. `announced`: the share of normal that was announced last.
    """
    ratio = np.clip(value / np.maximum(expected, 1), 0, 2).astype(np.float32)
    c.level_ratio[:] = ratio
    deepest = np.maximum(1 - np.minimum(announced, ratio), c.deepest_drop)
    c.deepest_drop[:] = deepest
    back = (ratio >= 1 - np.minimum(deepest / 2, np.float32(0.2))) | (expected - value <= np.float32(1))
    c.bins_back[:] = np.where(back, _longer(c.bins_back), 0)
    done = back & (c.bins_back >= confirm(c, 1))
    changed = ~back & (np.abs(ratio - announced) >= np.float32(MATERIAL))
    return CourseStep(done, back & ~done, changed, changed.astype(np.int64))


def levels(kind: LevelKind, c: CourseColumns, seen: Followed) -> CourseStep:
    """Return what a bin does to levels: a CUSUM of "whole again" against "still down"; "partly back" can veto it.

    Both change sign where the `rest` of the deepest drop is missing. A return that seems partial is not announced, but
    that of a ratio may turn out whole, and began with its first bin then.
    """
    value, size, expected, noise = seen.value, seen.size, seen.expected, seen.noise
    ratio = np.clip(value / expected, 0, 2).astype(np.float32)
    weight = weigh(seen.precision)
    c.smooth_ratio += weight * (ratio - c.smooth_ratio)
    partly = 1 - 2 * rest(seen.max_drop)
    # A remainder well above the deepest level is no level to be held down by: whether it is whole decides alone.
    down = np.clip(seen.announced, np.float32(0.02), 1 - 3 * rest(seen.max_drop))
    strays = _strays(kind, (c.level_ratio + ratio) / 2, size, expected, noise)
    worth = np.maximum(material(1 - c.level_ratio), 2 * np.sqrt(strays))
    step = _step(c, ratio, strays, worth)

    value, size, expected = kind.bounded(value, size, expected)

    def against(rho: Share) -> Singles:
        return np.clip(-kind.fallen(value, size, expected, noise, rho), -STEP, STEP)

    back = np.clip(c.return_evidence + against(down), 0, 4 * ENOUGH)
    whole = np.minimum(c.whole_evidence + against(partly), 4 * ENOUGH)
    doubted, sure, done = _returning(kind, c, back, whole)
    # What seemed back and is not has the level of the bins since then, be they enough for a step or not.
    relapsed = (c.return_announced > 0) & ~sure
    moved = np.where((doubted & step) | relapsed, c.shift_bins, 0).astype(np.int64)
    _settle(c, ratio, worth, moved > 0)
    return CourseStep(done, sure & ~done, (moved > 0) | (doubted & _refined(c, seen.announced)), moved)


def _returning(kind: LevelKind, c: CourseColumns, back: Singles, whole: Singles) -> tuple[Flags, Flags, Flags]:
    """Note the evidence of a return, none where it begins anew; return where it is in doubt, sure, and at its end."""
    anew = (back <= 0) | (whole <= kind.partial)
    doubted = anew | (whole <= PARTIAL)
    c.return_evidence[:] = np.where(anew, 0, back)
    c.whole_evidence[:] = np.where(anew, 0, whole)
    c.bins_back[:] = np.where(anew, 0, _longer(c.bins_back))
    sure = ~doubted & (back >= ENOUGH) & ((c.return_announced > 0) | (whole >= NEARLY))
    return doubted, sure, sure & (whole >= NEARLY) & (c.bins_back >= confirm(c, 2))


def _longer(run: Bins) -> NDArray[np.uint16]:
    """Return runs that are a bin longer."""
    longer: NDArray[np.uint16] = np.minimum(run, LONGEST) + np.uint16(1)
    return longer


def _strays(kind: LevelKind, ratio: Singles, size: Singles, expected: Singles, noise: Singles) -> Singles:
    """Return the variance of a bin of a lower level, in squares of the expected value."""
    level = np.clip(ratio, DARK, 1)
    return np.asarray(level**2 * (kind.counting(size, level * expected) + noise))


def _step(c: CourseColumns, ratio: Singles, variance: Singles, worth: Singles) -> Flags:
    """Add a bin to the sum of how far it is from the level, beyond half of what is worth a step; Page 1954.

    A step has been found where the sum says so by `SURE` nats and its bins are that far on average.
    """
    going, total, first = _shifted(c, ratio - c.level_ratio, worth)
    c.shift[:] = going * total
    c.shift_bins[:] = moving = np.where(total > 0, np.where(first, 1, _longer(c.shift_bins)), 0)
    found: Flags = (total >= SURE * variance / worth) & (2 * total >= worth * moving) & (total > 0)
    return found


def _shifted(c: CourseColumns, away: Singles, worth: Singles) -> tuple[Singles, Singles, Flags]:
    """Return the sign of the sum with one more bin, the sum, and whether this bin is its first.

    A bin that undoes the sum begins one the other way. One that is so far away that those before show too little of
    the step to be a part of it begins it anew: they were noise.
    """
    before, run = np.abs(c.shift), c.shift_bins
    going = np.where(run > 0, np.sign(c.shift), np.sign(away))
    more = going * away - worth / 2
    turned = before + more <= 0
    anew = BEGUN * going * away > worth / 2 + before / np.maximum(run, 1)
    total = np.where(turned, -more - worth, more) + np.where(turned | anew, 0, before)
    return np.where(turned, -going, going), np.maximum(total, 0), turned | anew


def _settle(c: CourseColumns, ratio: Singles, worth: Singles, moved: Flags) -> None:
    """Set the level to the mean of the bins of a step where one was found; add the bin to the mean elsewhere."""
    new = c.level_ratio + np.sign(c.shift) * worth / 2 + c.shift / np.maximum(c.shift_bins, 1)
    c.level_bins[:] = np.where(moved, c.shift_bins, _longer(c.level_bins))
    mean = c.level_ratio + np.clip(ratio - c.level_ratio, -worth, worth) / np.minimum(c.level_bins, MEAN_OF)
    c.level_ratio[:] = np.clip(np.where(moved, new, mean), 0, 2)
    c.shift[:] = np.where(moved, 0, c.shift)
    c.shift_bins[:] = np.where(moved, 0, c.shift_bins)


def _refined(c: CourseColumns, announced: Singles) -> Flags:
    """Return where the level is better measured than when it was announced: after 4, 16, 64 … bins."""
    refined: Flags = np.isin(c.level_bins, LOOKED_AT) & (
        np.abs(c.level_ratio - announced) >= material(1 - announced) / 4
    )
    return refined


def material(drop: Singles) -> Singles:
    """Return the change of each drop that is worth a revision (shares of normal), as `outage_lifecycle.material`."""
    worth: Singles = np.clip(drop / 3, np.float32(FAINT), np.float32(MATERIAL))
    return worth


def rest(max_drop: Share) -> Share:
    """Return the share of normal that may be missing when an outage is over: little of a small drop, a tenth of all."""
    least: Share = np.maximum(REST * max_drop, LITTLE)
    return least


def weigh(precision: Share) -> Share:
    """Return the weight of a bin in the smooth ratio: noise moves it by a quarter of what is worth a revision."""
    information = precision * np.float32((MATERIAL / 4) ** 2)
    weight: Share = np.clip(2 * information / (1 + information), np.float32(0.02), np.float32(1))
    return weight


def shortfall(c: CourseColumns, row: int, max_drop: float, precision: float) -> float:
    """Return the share of normal that a return has left out beyond two standard deviations; 0 while that is unsure."""
    weight, bins = float(weigh(np.float32(precision))), int(c.bins_back[row])
    if (1 - weight) ** bins > 0.1:
        return 0
    short = 1 - float(c.smooth_ratio[row]) - 2 * math.sqrt(weight / (2 - weight) / precision)
    return min(max(short, 0.0), float(rest(np.float32(max_drop))))
