"""Presence: members that leave over hours, in each half hour too few to be an outage of their own.

Derived in docs/presence.md#members-that-leave-over-hours-member_drainspy. Arrays hold an element per row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.types import DAY, Flags, Floats, Ints, Singles

from .column_rows import member_parts, rows_of
from .evidence import RHOS, largest
from .member_fades import DARK
from .member_losses import FEWEST, WITNESSES, FeedChurn, MemberBin, NormalLosses, evidence, strongest, usual
from .member_losses import LEAST as AT_ONCE
from .member_weekends import floor
from .members_away import longest
from .outage_lifecycle import FOLLOWED
from .series_state import MemberColumns, SeriesStore

SPAN = 3 * 3600  # seconds over which members leave: the level before them is the mean of so long
LENGTH = 4  # bins that this mean takes at least, when bins are long
LEAST = 0.1  # share of that level below which members that leave are no outage
MEMORY = 3 * DAY  # how long the usual drops of a network are remembered, or LEARNT bins
LEARNT = 24  # bins, or a day, before drops are judged: one evening must have been seen
USUAL = 0.01  # root mean square of the drops of a network that has shown none yet
PRIOR = 3600  # seconds of history that this counts for
STEADIEST = 1e-4  # root mean square of the drops of any network, at least
CLIP = 3.0  # times the usual drop, beyond which a drop teaches no more
UNMOVED = 2.0  # nats from which the level before does not follow the members that leave
HEAVY = 5.0  # variance of a squared drop, in squares of its mean (of an exponential law)


class Drains(NamedTuple):
    """Rows whose members have left over hours: the evidence of it (nats) and the index of its rho."""

    rows: Ints
    nats: Floats
    rho_index: Ints


def advance(store: SeriesStore, closed: MemberBin, churn: FeedChurn, width: int) -> Drains:
    """Return which members have left over hours.

    Take this bin into the level before, and into the usual drops of rows without a suspicion.
    """
    c, phase = store.members, store.phases.phase
    free = closed.measured & (phase < FOLLOWED)
    _leave_out(c, closed)
    drop = np.empty(store.rows, np.float32)
    for part, columns in member_parts(store):
        _drops(columns, closed.seen.value[part], closed.seen.size[part], drop[part])
    rows = rows_of((drop >= LEAST) & free)
    rows = rows[c.bins_learnt[rows] >= _learnt(width)]
    sums = _weighed(c, rows, drop, closed, churn, width) if rows.size else np.zeros((0, len(RHOS)))
    nats = np.maximum(strongest(sums), 0) * (c.recent_up[rows] - closed.seen.value[rows] >= FEWEST)
    unmoved = np.zeros(store.rows, np.bool_)
    unmoved[rows] = (nats >= UNMOVED) & (c.drain_bins[rows] < longest(width))
    for part, columns in member_parts(store):
        measured, moves, now = closed.measured[part], ~unmoved[part], phase[part]
        young = columns.bins_learnt < _learnt(width)  # whose first evening must be seen, as an outage too
        _learn(columns, drop[part], measured & (young | moves & (now == 0)), width)
        ongoing = measured & (now >= 2) & ~young
        _follow(columns, closed.seen.value[part], drop[part], measured & moves, ongoing, width)
    return Drains(rows, nats, largest(sums.T))


def _leave_out(c: MemberColumns, closed: MemberBin) -> None:
    """Take from the level before what a bin loses beyond an outage's least: the losses of half an hour judge that."""
    rows = closed.losing
    if not rows.size:
        return
    net = closed.seen.lost[rows] - closed.seen.back[rows]
    c.recent_up[rows] -= np.maximum(net - AT_ONCE * c.usual_up[rows], 0).astype(np.float32)


def _drops(c: MemberColumns, up: Floats, size: Floats, drop: Singles) -> None:
    """Set the share of the members expected up that has left since the level before, but for a weekend (rows)."""
    left = c.recent_up - up
    resting = rows_of(c.rest_share < np.inf)
    if resting.size:
        left[resting] = np.minimum(left[resting], floor(c, resting, size[resting]) - up[resting])
    left.clip(0, np.inf, out=left)
    left /= c.usual_up.clip(1, np.inf)
    drop[:] = left


def _weighed(c: MemberColumns, rows: Ints, drop: Singles, closed: MemberBin, churn: FeedChurn, width: int) -> Floats:
    """Return the evidence of the drops of these rows (rows × RHOS, nats), against their usual ones.

    Those are beta distributed with a deviation as large as their mean, and as members are lost together.
    """
    windows = np.minimum(c.bins_learnt[rows] * float(width), _memory(width)) / max(SPAN, LENGTH * width)
    square = np.where(c.drop_square[rows] > 0, c.drop_square[rows], USUAL**2)
    usually = np.sqrt(square * (1 + 2 * np.sqrt(HEAVY / windows)))
    calm = NormalLosses(np.zeros(len(rows)), np.zeros(len(rows)))
    tie = np.maximum(usual(c, rows, closed, churn, calm).tie, usually)
    common = in_common(c.recent_up.astype(np.float64), rows, closed)
    common *= closed.shows_faults | (closed.seen.value[rows] > DARK * c.usual_up[rows])
    mean = np.clip(usually + common, STEADIEST, 0.9)
    members = c.usual_up[rows].astype(np.float64)
    missing = members * drop[rows]
    return evidence(missing, members - missing, NormalLosses(mean, np.minimum(tie, 0.9)))


def in_common(level: Floats, rows: Ints, closed: MemberBin) -> Floats:
    """Return the share that the networks of other countries lack likewise; without enough of them, all others.

    It is what they have less than `level` (of all rows, NaN where unknown), and less two standard deviations of so
    many.
    """
    members, left_out = level.copy(), rows_of(~closed.measured | ~(level >= 0))
    members[left_out] = 0
    each, group = np.stack((members - closed.seen.value, members)), closed.seen.group
    each[0, left_out] = 0
    whole, besides = each.sum(axis=1)[:, None], each[:, rows]
    if not closed.in_one_country:
        home = np.stack([np.bincount(group, numbers) for numbers in each])[:, group[rows]]
        besides = np.where((group[rows] > 0) & (whole[1] - home[1] >= WITNESSES), home, besides)
    left, there = np.maximum(whole - besides, 0)
    return np.asarray(np.maximum(left - 2 * np.sqrt(left), 0) / np.maximum(there, WITNESSES))


def _learnt(width: int) -> int:
    """Return the bins before drops are judged."""
    return max(LEARNT, DAY // width)


def _memory(width: int) -> int:
    return max(MEMORY, LEARNT * width)


def _learn(c: MemberColumns, drop: Singles, calm: Flags, width: int) -> None:
    """Take the drops of calm rows into their usual ones; at first with the weight of what has been seen."""
    square, stays = c.drop_square.copy(), rows_of(~calm)
    square[rows_of(~(square > 0))] = np.float32(USUAL**2)
    gain = c.bins_learnt + np.float32(1 + PRIOR / width)
    np.divide(1, gain, out=gain)
    gain.clip(np.float32(width / _memory(width)), np.inf, out=gain)
    most = np.float32(CLIP**2) * square
    most[rows_of(c.bins_learnt < _learnt(width))] = 1
    step = drop * drop
    np.minimum(step, most, out=step)
    step -= square
    gain *= step
    square += gain
    square.clip(np.float32(STEADIEST**2), np.inf, out=square)
    square[stays] = c.drop_square[stays]
    c.drop_square[:] = square


def _follow(c: MemberColumns, up: Floats, drop: Singles, moves: Flags, ongoing: Flags, width: int) -> None:
    """Let the level before follow where it `moves`; an outage that is followed begins it anew."""
    anew, stays = rows_of(ongoing | (c.recent_up < 1)), rows_of(~moves)
    missed = up - c.recent_up
    begun = missed[anew]
    missed *= min(width / SPAN, 1 / LENGTH)
    missed[anew] = begun
    missed[stays] = 0
    c.recent_up += missed.astype(np.float32)
    leaving = (drop * drop > c.drop_square) & ~ongoing
    c.drain_bins += 1
    c.drain_bins *= leaving
