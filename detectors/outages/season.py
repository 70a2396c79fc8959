"""What an hour of the week usually holds: a profile per row, pooled over weekdays and with the hours beside it.

Derived in docs/detection.md#baseline-baselinepy-seasonpy-learningpy.

A row has 168 slots, ordered by hour of day first: slot `7 * hour + weekday`, so that the seven weekdays of one hour
lie side by side. A slot without a value yet holds -1, and one of which a value is noted, but not believed yet, less
than 0 as well. `Slots` are rows × 168, `Bits` the bits of such numbers, and
`Singles` an element per row unless a function says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.types import DAY, FRIDAYS, Flags, Ints, Singles

from .local_days import HOUR, SUNDAY, Days, LocalDays, by_local_day, is_workday

SLOTS = 168
LOOKED = 12  # hours of a weekday that tell whether it is a day of rest, and half of those with a bin must be known
WEEKEND = np.float32(0.7)  # the first weekend of a series may be as quiet as this
NEXT = np.float32(0.95)  # and its Sunday as this share of its Saturday
WORKDAY = np.float32(0.85)  # the first workday of a series begun on a weekend, as this share of what it has seen
THIRDS = np.float32(2 / 3)  # of what an hour differs from the mean of those beside it, what the mean of all takes away
SIGN = np.uint16(0x8000)
NOTHING = np.uint16(0xBC00)  # bits of -1
UNKNOWN = np.uint16(0xFFFF)  # bits that are larger than all that are known
EXPONENT = np.float32(2.0**112)  # what the exponents of 16-bit and 32-bit numbers differ by
NORMAL = np.float32(2.0**-14)  # the least 16-bit number with all its digits
Slots = NDArray[np.float16]
Bits = NDArray[np.uint16]


def slot_of(at: int) -> int:
    """Return the slot of a time in Unix seconds (day 0 of 1970 was a Thursday, weekday 3)."""
    hours = at // HOUR
    return 7 * (hours % 24) + (hours // 24 + 3) % 7


@dataclass(frozen=True, slots=True)
class Around:
    """Profile of an hour of the week and the hours beside it, per row, in the profile's unit; -1 where unknown.

    `before`, `here`, `after`: pooled over weekdays; `own`: of this weekday, `fresh` where that was never seen and is
    taken from `here`; `quiet`: of the day of rest, or where none is known of the quietest weekday; `low`: the least
    that a bin of more than an hour may hold when its pattern comes an hour early or late, None for others; `farther`:
    two hours before and after, None for bins of an hour and more; `pooled`: the hours beside by their number since
    1970, -1 where unknown, always in the profile's unit; `rests`: `quiet` is of one day, and not the lowest of several,
    which is so by chance too; `unseen`: rows that have not seen this day of the weekend, None where there are none;
    `first`: to what share of its level a first weekend or workday may lower a row, None where it is none for any.
    """

    before: Singles
    here: Singles
    after: Singles
    own: Singles
    quiet: Singles
    low: Singles | None
    farther: tuple[Singles, Singles] | None
    fresh: Flags
    pooled: dict[int, Singles]
    rests: Flags
    unseen: Flags | None = None
    first: Singles | None = None


@dataclass(frozen=True, slots=True)
class ProfileShape:
    """Profile at one time, per row, in the unit of what it was made from.

    `day`: pooled over weekdays, -1 where unknown; `week`: of this weekday; `low`: the lowest from an hour before to an
    hour after, so that a pattern that comes an hour early or late (daylight saving) is not a fall; `quiet`: of the
    quietest weekday, so that a holiday is not a fall; `fresh`: this weekday's hour was never seen; `rests`: as above.
    """

    day: Singles
    week: Singles
    low: Singles
    quiet: Singles
    fresh: Flags
    rests: Flags


def around(
    slots: Slots,
    at: int,
    width: int,
    rest: Days,
    pooled: Mapping[int, Singles] | None = None,
    days: LocalDays | None = None,
) -> Around:
    """Return the profile around the hour of a time (Unix s), or around the bin of more than an hour that begins there.

    `width`: of the bin (s). `rest`: 1 + the local weekday of rest, 0 where there is none. `pooled`: hours that have
    been pooled already. `days`: the local days, None where they are those of UTC.
    """
    bits, weekday, beside = slots.T.view(np.uint16), slot_of(at) % 7, max(width, HOUR)
    block, hours = hour_of(bits, at), _pooled(bits, at, width, pooled or {})
    here, before, after = (hours.pop(at // HOUR), *(hours[(at + side) // HOUR].copy() for side in (-beside, beside)))
    for side in (before, after):
        _fill(here, np.flatnonzero(here < 0), side)
    for side in (before, after):
        _fill(side, np.flatnonzero(side < 0), here)
    own, fresh = widen(block[weekday]), block[weekday] >= SIGN
    _fill(own, np.flatnonzero(fresh), here)
    rests = rest > 0 if days is None else (rest > 0) & days.are_single()
    quiet = widen(_resting(block, rest, days))
    np.minimum(quiet, here.clip(0, np.inf), out=quiet)
    low = _an_hour_away(bits, at, width, before, here, after) if width > HOUR else None
    farther = _farther(hours, at, before, after) if width < HOUR else None
    return Around(before, here, after, own, quiet, low, farther, fresh, hours, rests)


def _pooled(bits: Bits, at: int, width: int, pooled: Mapping[int, Singles]) -> dict[int, Singles]:
    """Return the hour of a time and those beside it pooled, by number since 1970; of narrow bins two on each side."""
    beside, reach = max(width, HOUR), 2 if width < HOUR else 1
    times = [at + steps * beside for steps in range(-reach, reach + 1)]
    return {
        time // HOUR: pooled[time // HOUR] if time // HOUR in pooled else pool(hour_of(bits, time)) for time in times
    }


def _farther(hours: Mapping[int, Singles], at: int, before: Singles, after: Singles) -> tuple[Singles, Singles]:
    """Return two hours before and after, what is not known of them as the hour between."""
    earlier, later = (hours[(at + side) // HOUR].copy() for side in (-2 * HOUR, 2 * HOUR))
    for side, between in ((earlier, before), (later, after)):
        _fill(side, np.flatnonzero(side < 0), between)
    return earlier, later


def first_days(near: Around, slots: Slots, at: int, width: int, days: LocalDays) -> Around:
    """Return a profile that tells which rows are in a first weekend, and how low it or a first workday may be.

    `slots`, `at`, `width`, `days`: as of `around`.
    """
    if not near.fresh.any():
        return near
    bits, unseen = slots.T.view(np.uint16), unseen_weekend(near.fresh, days)
    workday = near.fresh & days.may_be_workday() & ~_has_worked(bits, at, width, days)
    if unseen is None and not workday.any():
        return near
    first = np.where(workday, WORKDAY, np.float32(1))
    if unseen is not None:
        np.minimum(first, _first_weekend(bits, near.fresh, days), out=first, where=unseen)
    return replace(near, unseen=unseen, first=first)


def _has_worked(bits: Bits, at: int, width: int, days: LocalDays) -> Flags:
    """Return which rows have seen this hour on a workday; of rows without a country nobody knows the weekend."""
    seen = _local(hour_of(bits, at), at // HOUR % 24, width, days.middle()) < SIGN
    fridays = days.group >= FRIDAYS
    worked: Flags = days.group == 0
    for day, hour in enumerate(seen):
        worked |= hour & is_workday(day, fridays)
    return worked


def _first_weekend(bits: Bits, fresh: Flags, days: LocalDays) -> Singles:
    """Return to how much of its level a day of the weekend never seen before may fall.

    On a Sunday the row has just seen a Saturday, and tells.
    """
    quiet = np.full(bits.shape[1], WEEKEND)
    rows = np.flatnonzero(fresh & days.is_sunday())
    if not rows.size:
        return quiet
    hours = bits[:, rows].reshape(24, 7, rows.size)
    usual, middle = np.stack([pool(hour) for hour in hours]), days.middle()[rows]
    day = np.stack([_local(block, hour, HOUR, middle)[SUNDAY - 1] for hour, block in enumerate(hours)])
    both = (day < SIGN) & (usual > 0)
    share = np.where(both, widen(day), 0).sum(axis=0) / np.where(both, usual, 0).sum(axis=0).clip(1e-6, np.inf)
    quiet[rows] = np.where(2 * both.sum(axis=0) > (usual > 0).sum(axis=0), (NEXT * share).clip(WEEKEND, 1), WEEKEND)
    return quiet


def _local(block: Bits, hour: int, width: int, middle: Ints | int) -> Bits:
    """Return an hour of UTC (7 × rows) by local weekday, as of its middle, or of that of a bin that is wider.

    `middle`: seconds by which local time is ahead (rows).
    """
    ahead = (hour * HOUR + max(width, HOUR) // 2 + np.asarray(middle)) // DAY
    return by_local_day(block, ahead)


def hour_of(bits: Bits, at: int) -> Bits:
    """The hour of the day of a time, on all weekdays."""
    first = 7 * (at // HOUR % 24)
    return bits[first : first + 7]


def _an_hour_away(bits: Bits, at: int, width: int, before: Singles, here: Singles, after: Singles) -> Singles:
    """Return the lowest that a bin of more than an hour may hold when its pattern comes an hour early or late.

    The means lie on the parabola through this bin and those beside it; the cubic through one bin more bounds its error.
    """
    part = np.float32(HOUR / width)
    slope, bend = np.abs(after - before), after + before - 2 * here
    error = part * (1 - part * part) / 6 * _third_difference(bits, at, width, before, here, after)
    lowest: Singles = np.minimum(here - part / 2 * (slope - part * bend) - error, here)
    return lowest.clip(0, np.inf)


def _third_difference(bits: Bits, at: int, width: int, before: Singles, here: Singles, after: Singles) -> Singles:
    """Return the larger third difference of the bins around this one, 0 where they are not all known."""
    first, last = (pool(hour_of(bits, at + steps * width)) for steps in (-2, 2))
    middle = 3 * (here - after), 3 * (before - here)
    larger = np.maximum(np.abs(last - before + middle[0]), np.abs(after - first + middle[1]))
    larger[np.flatnonzero((first < 0) | (last < 0))] = 0
    return larger


def _fill(part: Singles, rows: Ints, other: Singles) -> None:
    """Take some rows from another hour."""
    part[rows] = other[rows]


def _resting(bits: Bits, rest: Days, days: LocalDays | None) -> Bits:
    """The hour of the day of rest, or of the quietest weekday; what is not known is larger than all that is."""
    lowest, rests = np.full(bits.shape[1], UNKNOWN), rest > 0
    possible = [rest] if days is None else days.of_utc(rest)
    for weekday, hour in enumerate(bits, 1):
        others = rests.copy()
        for day in possible:
            others &= day != weekday
        shut = others.astype(np.uint16)
        shut *= UNKNOWN
        np.minimum(lowest, hour | shut, out=lowest)
    return lowest


def relative(near: Around, norm: Singles) -> Around:
    """Make a profile shares of its mean `norm` (rows), in place, and return it; rows without a profile become 1."""
    unknown = np.flatnonzero(~((norm > 0) & (near.here >= 0)))
    scale = norm.copy()
    scale[unknown] = 1
    np.divide(1, scale, out=scale)
    lows = () if near.low is None else (near.low,)
    for part in (near.before, near.here, near.after, near.own, near.quiet, *lows, *(near.farther or ())):
        part *= scale
        part[unknown] = 1
    near.fresh[unknown] = False
    return near


def smoother(near: Around, rows: Ints | slice, bend: Singles) -> Around:
    """Return a profile in which some rows have the mean of three hours where they bend by chance (rows), by so much."""
    off = THIRDS * bend
    if not isinstance(rows, slice):
        gathered, off = off, np.zeros(len(near.here), np.float32)
        off[rows] = gathered
    return replace(near, here=near.here - off, own=near.own - off, quiet=near.quiet - off)


def shape(near: Around, at: int, width: int) -> ProfileShape:
    """Return the profile of the bin of `width` s that starts at `at`, on the line between the middles of the hours."""
    ahead = _ahead_of_middle(at, width)
    low = _lowest_an_hour_off(near, ahead) if near.low is None else near.low
    if not ahead:
        return ProfileShape(near.here, near.own, low, near.quiet, near.fresh, near.rests)
    shift = np.float32(abs(ahead)) * ((near.after if ahead > 0 else near.before) - near.here)
    day = near.here + shift
    week = np.maximum(near.own + shift, day.clip(-np.inf, 0))
    quiet = np.minimum((near.quiet + shift).clip(0, np.inf), day)
    return ProfileShape(day, week, low, quiet, near.fresh, near.rests)


def _lowest_an_hour_off(near: Around, ahead: float) -> Singles:
    """Return the lowest of the line from an hour before a bin to an hour after it, `ahead` hours from its own hour."""
    if not ahead or near.farther is None:
        low = np.minimum(near.before, near.after)
        return np.asarray(np.minimum(low, near.here, out=low))
    toward, away, beyond = near.after, near.before, near.farther[1]
    if ahead < 0:
        toward, away, beyond = near.before, near.after, near.farther[0]
    past, short = beyond - toward, near.here - away
    for line, start in ((past, toward), (short, away)):
        line *= np.float32(abs(ahead))
        line += start
    low = np.minimum(near.here, toward)
    np.minimum(low, past, out=low)
    return np.asarray(np.minimum(low, short, out=low))


def _ahead_of_middle(at: int, width: int) -> float:
    """How far a bin is from the mean place of the bins of its slot, in hours, or in bins if these are wider."""
    if width <= HOUR:
        return (at % HOUR + width / 2) / HOUR - 0.5
    # The bins of a slot begin at every multiple of this within the hour.
    every = min(math.gcd(width, DAY), HOUR)
    return (at % HOUR - (HOUR - every) / 2) / width if every < HOUR else 0.0


def unseen_weekend(fresh: Flags, days: LocalDays) -> Flags | None:
    """Return which rows have not seen this day of the weekend; None where all have, or it is not one for any.

    `fresh`: rows that have not seen this hour of this weekday.
    """
    unseen = fresh & days.may_be_weekend() if fresh.any() else fresh
    return unseen if unseen.any() else None


def widen(bits: Bits) -> Singles:
    """Return the 32-bit numbers of the bits of 16-bit numbers that are not negative (any shape); 2**32 where unknown.

    Moving the bits is several times faster than the processor's conversion.
    """
    wide = bits.astype(np.uint32)
    wide <<= 13
    value: Singles = wide.view(np.float32)
    value *= EXPONENT
    return value


def narrow(numbers: Singles) -> Bits:
    """Return the bits of the nearest 16-bit numbers, ties to even: numbers from 0 to 65,504 (any shape)."""
    wide = (numbers / EXPONENT).view(np.uint32)
    wide += ((wide >> 13) & 1) + 0xFFF
    wide >>= 13
    bits = wide.astype(np.uint16)
    odd = np.flatnonzero(~(numbers >= NORMAL))
    bits[odd] = numbers[odd].astype(np.float16).view(np.uint16)
    return bits


def noted(bits: Bits) -> Bits:
    """Return the bits of 16-bit numbers that are not negative as those of hours that count as unknown (any shape)."""
    negative: Bits = np.maximum(bits, np.uint16(1)) | SIGN
    negative += negative == NOTHING
    return negative


def is_noted(bits: Bits) -> Flags:
    """Return which hours are `noted`, given the bits of slots (any shape)."""
    return np.asarray((bits >= SIGN) & (bits != NOTHING))


def pool(bits: Bits) -> Singles:
    """Return the mean over the weekdays with a value, -1 where none has one, given the bits of an hour (7 × rows)."""
    signed = bits.view(np.int16)
    valued = (signed >= 0).view(np.uint8).sum(axis=0, dtype=np.uint8)
    # A row of zeros, for with a number this takes ten times as long.
    wide = np.maximum(signed, np.zeros(signed.shape[1], np.int16)).astype(np.uint32)
    wide <<= 13
    # Whether the exponents are put right before or after the sum, it rounds the same.
    mean: Singles = wide.view(np.float32).sum(axis=0)
    mean *= EXPONENT
    none = valued == 0
    mean /= valued + none
    mean[np.flatnonzero(none)] = -1
    return mean


def quietest(slots: Slots, width: int, variance: Singles, middle: Ints | int = 0) -> Days:
    """Return 1 + the number of the local weekday that lies lowest, where chance does not explain that; else 0 (rows).

    `width`: of a bin (s); those of more than an hour leave hours without one. `variance`: of the mean of a weekday's
    hours by chance, relative to the mean of all. `middle`: seconds by which local time is ahead (rows).
    """
    bits, every = slots.T.view(np.uint16), 24 // LOOKED if width <= HOUR else 1
    total, hours = np.zeros((2, 7, len(slots)), np.float32)
    level, looked = np.zeros((2, len(slots)), np.float32)
    for hour in range(0, 24, every):
        block = _local(bits[7 * hour : 7 * hour + 7], hour, width, middle)
        usual = pool(block)
        total += np.where(block < SIGN, widen(block) - usual, 0)
        hours += block < SIGN
        level += usual.clip(0, np.inf)
        looked += (usual >= 0) | (width <= HOUR)
    effect = np.where(2 * hours >= looked, total / np.maximum(hours, 1), 0)
    surely = -3 * np.sqrt(variance) * level / np.maximum(looked, 1)
    return np.where(effect.min(axis=0) < surely, effect.argmin(axis=0) + 1, 0).astype(np.uint8)
