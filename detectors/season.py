"""What an hour of the week usually holds: a profile per row, pooled over weekdays and with the hours beside it.

A row has 168 slots, ordered by hour of day first: slot `7 * hour + weekday`, so that the seven weekdays of one hour
lie side by side. A slot that is not known yet holds -1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .evidence import Singles
from .observed import Flags

SLOTS = 168
HOUR = 3600
SIGN = np.uint16(0x8000)
EXPONENT = np.float32(2.0**112)  # what the exponents of 16-bit and 32-bit numbers differ by
FAR = np.float32(np.inf)
Slots = NDArray[np.float16]


def slot_of(at: int) -> int:
    """The slot of a time in Unix seconds (day 0 of 1970 was a Thursday, weekday 3)."""
    hours = at // HOUR
    return 7 * (hours % 24) + (hours // 24 + 3) % 7


@dataclass(frozen=True, slots=True)
class Around:
    """Profile of an hour of the week and the hours beside it, per row, in the profile's unit; -1 where unknown.

    `before`, `here`, `after`: pooled over weekdays; `own`: of this weekday; `quiet`: of the quietest weekday.
    """

    before: Singles
    here: Singles
    after: Singles
    own: Singles
    quiet: Singles


@dataclass(frozen=True, slots=True)
class Shape:
    """Profile at one time, per row, in the profile's unit.

    `day`: pooled over weekdays, -1 where unknown; `week`: of this weekday; `low`: the lowest pooled hour from one
    before to one after, so that a pattern that comes an hour early or late (daylight saving) is not a fall; `quiet`:
    of the quietest weekday, so that a holiday is not a fall; `fresh`: this weekday's hour was never seen.
    """

    day: Singles
    week: Singles
    low: Singles
    quiet: Singles
    fresh: Flags


def around(slots: Slots, at: int) -> Around:
    """Pool the profile around the hour of a time."""
    hour, weekday = at // HOUR % 24, slot_of(at) % 7
    blocks = [widen(slots[:, 7 * h : 7 * h + 7]) for h in ((hour - 1) % 24, hour, (hour + 1) % 24)]
    before, here, after = (pool(value, known) for value, known in blocks)
    value, known = blocks[1]
    here = np.where(here >= 0, here, np.where(before >= 0, before, after))
    own = np.where(known[weekday], value[weekday], np.float32(-1))
    quiet = np.where(known, value, FAR).min(axis=0)
    sides = (np.where(side >= 0, side, here) for side in (before, after))
    return Around(next(sides), here, next(sides), own, np.minimum(quiet, np.maximum(here, 0)))


def shape(near: Around, at: int, width: int) -> Shape:
    """The profile of the bin of `width` seconds that starts at `at`, on the line between the middles of the hours."""
    ahead = (at % HOUR + min(width, HOUR) / 2) / HOUR - 0.5
    shift = np.float32(abs(ahead)) * ((near.after if ahead > 0 else near.before) - near.here)
    fresh = near.own < 0
    day = near.here + shift
    week = np.where(fresh, day, np.maximum(near.own + shift, 0))
    quiet = np.minimum(np.maximum(near.quiet + shift, 0), day)
    return Shape(day, week, np.minimum(np.minimum(near.before, near.after), near.here), quiet, fresh)


def widen(block: Slots) -> tuple[Singles, Flags]:
    """The seven weekdays of an hour as 32-bit numbers, weekdays first, and which are known.

    Halves that are not negative widen by moving their bits: several times faster than the processor's conversion.
    """
    halves = np.ascontiguousarray(block.view(np.uint16).T)
    known = halves < SIGN
    bits = (halves * known).astype(np.uint32)
    bits <<= 13
    return bits.view(np.float32) * EXPONENT, known


def pool(value: Singles, known: Flags) -> Singles:
    """Mean over the weekdays that are known, -1 where none is."""
    count = known.sum(axis=0, dtype=np.float32)
    return np.where(count > 0, value.sum(axis=0) / np.maximum(count, 1), np.float32(-1))
