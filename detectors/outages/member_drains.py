"""Presence: members that leave over hours, in each half hour too few to be an outage of their own.

Derived in docs/detection.md#members-that-leave-over-hours-member_drainspy. Arrays hold an element per row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.types import DAY, Flags, Floats, Ints, Singles

from .evidence import largest
from .member_losses import FEWEST, WITNESSES, FeedChurn, MemberBin, NormalLosses, evidence, strongest, usual
from .member_losses import LEAST as AT_ONCE
from .members_away import longest
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
    free = closed.measured & (phase < 2)
    _leave_out(c, closed)
    drop = _drops(c, closed.seen.value)
    rows = np.flatnonzero((drop >= LEAST) & free & (c.bins_learnt >= _learnt(width)))
    sums = _weighed(c, rows, drop, closed, churn, width)
    nats = np.maximum(strongest(sums), 0) * (c.recent_up[rows] - closed.seen.value[rows] >= FEWEST)
    unmoved = np.zeros(store.rows, np.bool_)
    unmoved[rows] = (nats >= UNMOVED) & (c.drain_bins[rows] < longest(width))
    _learn(c, drop, free & (phase == 0) & ~unmoved, width)
    _follow(c, closed, drop, unmoved, closed.measured & (phase >= 2), width)
    return Drains(rows, nats, largest(sums.T))


def _leave_out(c: MemberColumns, closed: MemberBin) -> None:
    """Take from the level before what a bin loses beyond an outage's least: the losses of half an hour judge that."""
    rows = closed.losing
    net = closed.seen.lost[rows] - closed.seen.back[rows]
    c.recent_up[rows] -= np.maximum(net - AT_ONCE * c.usual_up[rows], 0).astype(np.float32)


def _drops(c: MemberColumns, up: Floats) -> Singles:
    """Return the share of the members expected up that has left since the level before (rows)."""
    left = np.maximum(c.recent_up - up, 0)
    return np.asarray(left / np.maximum(c.usual_up, 1), np.float32)


def _weighed(c: MemberColumns, rows: Ints, drop: Singles, closed: MemberBin, churn: FeedChurn, width: int) -> Floats:
    """Return the evidence of the drops of these rows (rows × RHOS, nats), against their usual ones.

    Those are beta distributed with a deviation as large as their mean, and as members are lost together.
    """
    windows = np.minimum(c.bins_learnt[rows] * float(width), _memory(width)) / max(SPAN, LENGTH * width)
    square = np.where(c.drop_square[rows] > 0, c.drop_square[rows], USUAL**2)
    usually = np.sqrt(square * (1 + 2 * np.sqrt(HEAVY / windows)))
    calm = NormalLosses(np.zeros(len(rows)), np.zeros(len(rows)))
    tie = np.maximum(usual(c, rows, closed, churn, calm).tie, usually)
    mean = np.clip(usually + _common(c, rows, closed), STEADIEST, 0.9)
    members = c.usual_up[rows].astype(np.float64)
    missing = members * drop[rows]
    return evidence(missing, members - missing, NormalLosses(mean, np.minimum(tie, 0.9)))


def _common(c: MemberColumns, rows: Ints, closed: MemberBin) -> Floats:
    """Return the share that the networks of other countries lost likewise; without enough of them, all others.

    It is what left less what came, and less two standard deviations of so many.
    """
    if not rows.size:
        return np.zeros(0)
    members = np.where(closed.measured, c.recent_up, 0).astype(np.float64)
    each, group = np.stack((members - np.where(closed.measured, closed.seen.value, 0), members)), closed.seen.group
    home = np.stack([np.bincount(group, numbers) for numbers in each])[:, group[rows]]
    whole = each.sum(axis=1)[:, None]
    abroad = (group[rows] > 0) & (whole[1] - home[1] >= WITNESSES)
    left, there = np.maximum(whole - np.where(abroad, home, each[:, rows]), 0)
    return np.asarray(np.maximum(left - 2 * np.sqrt(left), 0) / np.maximum(there, WITNESSES))


def _learnt(width: int) -> int:
    """Return the bins before drops are judged."""
    return max(LEARNT, DAY // width)


def _memory(width: int) -> int:
    return max(MEMORY, LEARNT * width)


def _learn(c: MemberColumns, drop: Singles, calm: Flags, width: int) -> None:
    """Take the drops of calm rows into their usual ones; at first with the weight of what has been seen."""
    square = np.where(c.drop_square > 0, c.drop_square, np.float32(USUAL**2))
    gain = np.maximum(np.float32(width / _memory(width)), 1 / (c.bins_learnt + np.float32(1 + PRIOR / width)))
    most = np.where(c.bins_learnt < _learnt(width), np.float32(1), np.float32(CLIP**2) * square)
    square += gain * (np.minimum(drop * drop, most) - square) * calm
    np.maximum(square, np.float32(STEADIEST**2), out=c.drop_square, where=calm)


def _follow(c: MemberColumns, closed: MemberBin, drop: Singles, unmoved: Flags, ongoing: Flags, width: int) -> None:
    """Let the level before follow, but where it is unmoved; an outage that is followed begins it anew."""
    up = closed.seen.value
    pace = np.where(ongoing | (c.recent_up < 1), 1, min(width / SPAN, 1 / LENGTH)) * (closed.measured & ~unmoved)
    c.recent_up += (pace * (up - c.recent_up)).astype(np.float32)
    leaving = (drop * drop > c.drop_square) & ~ongoing
    c.drain_bins[:] = np.where(leaving, c.drain_bins + 1, 0)
