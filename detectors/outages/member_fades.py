"""Presence: members that leave at the same hours of each day, by a timetable or each evening, are no news.

Derived in docs/presence.md#members-that-leave-each-evening-member_fadespy. Arrays hold an element per row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.types import DAY, Flags, Floats, Ints, Singles

from .column_rows import rows_of
from .local_days import HOUR
from .season import Slots
from .series_state import MemberColumns

HOURS = 24  # slots of a network's profile that hold the share lost in each hour of the day (UTC)
MEMORY = 7  # days over which that share is a mean, at most
PART = 0.25  # of a loss in an outage, a usual loss below which it is none of the evening's
SHAPE = 4  # days from which on a day is known to stray by half of the mean, and no less
WIDEST = DAY // 4  # seconds of a bin beyond which the hours of a day say nothing
DOUBTED = 2  # is added to a loss that may be an outage's; in slots its negative is
DARK = 0.1  # share of the members expected below which no evening explains a loss


class Fades(NamedTuple):
    """The part of a row's profile that holds the hour of a bin, and those beside it; `width` of the bin in s."""

    slots: Slots
    start: int
    width: int

    def usual(self, rows: Ints, c: MemberColumns, up: Floats, rate: Floats) -> tuple[Floats, Floats]:
        """Return the share that usually leaves in a bin of this hour, or of one beside, and its tie (rows).

        Only what is more than chance makes of twice the usual `rate`; none on the first day, and none where nearly all
        are gone. `up`: members at the end of the bin (rows).
        """
        share = self._largest(rows)
        days = c.bins_learnt[rows] * (self.width / DAY)
        beyond = share - 2 * rate - 2 * np.sqrt(rate / np.maximum(c.usual_up[rows], 1))
        beyond *= (beyond > 0) & (days >= 1) & (up > DARK * c.usual_up[rows])
        return np.where(beyond > 0, share, 0), beyond / np.clip(days, 1, SHAPE)

    def _largest(self, rows: Ints) -> Floats:
        """Return the largest share that was lost in a bin of this hour, or of one beside, on average over days."""
        if self.width > WIDEST or not rows.size:
            return np.zeros(len(rows))
        step, hour = -(-self.width // HOUR), self.start // HOUR
        beside = [self.slots[rows, (hour + k * step) % HOURS] for k in (-1, 0, 1)]
        return np.asarray(np.maximum(np.max(beside, axis=0).astype(np.float64), 0))


def end_hour(c: MemberColumns, slots: Slots, start: int, width: int, calm: Flags) -> range:
    """Learn the largest loss of the hour in which the bin at `start` (s) lies, if it is over; return the slots changed.

    `calm`: rows without an outage. All are on their first day: what may be an outage may be the evening as well.
    """
    if width > WIDEST or start // HOUR == (start + width) // HOUR:
        return range(0)
    hour = start // HOUR % HOURS
    days = np.ceil(c.bins_learnt * (width / DAY))
    rows = rows_of((c.bins_learnt > 0) & (calm | (c.hour_loss >= DOUBTED) | (days <= 1)))
    slots[rows, hour] = _after(slots[rows, hour].astype(np.float32), c.hour_loss[rows], days[rows])
    c.hour_loss[:] = 0
    return range(hour, hour + 1)


def _after(before: Singles, loss: Singles, days: Floats) -> Floats:
    """Return what slots hold after such a loss, which a doubt adds `DOUBTED` to.

    What an outage lost at an hour without a usual loss is believed when the next day does so again. An hour that was
    never learnt believes all.
    """
    doubted = loss >= DOUBTED
    lost, learnt = loss - DOUBTED * doubted, before >= 0
    mean = before + (lost - before) / np.clip(days, 1, MEMORY)
    new = doubted & learnt & (before < PART * lost)
    return np.asarray(np.where(learnt, np.where(new, -DOUBTED - lost, mean), lost))
