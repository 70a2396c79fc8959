"""Presence: how often the members of a network and of a feed come and go, learnt from bins without a suspicion.

Derived in docs/presence.md#losses-in-a-bin-member_lossespy-member_churnpy-presencepy. Arrays hold an element per row.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.types import DAY, ClosedBin, Flags, Floats, Ints, Singles

from .column_rows import member_parts, rows_of
from .member_fades import DARK, DOUBTED
from .member_losses import FEWEST, SIZES, SPELL, FeedChurn, MemberBin, by_hour, own_rate, size_class, together
from .outage_lifecycle import NORMAL
from .series_state import MemberColumns, SeriesStore

FEW = 8  # members below which a few comings and goings say little about how steady a network is
HOURS = 2 * 3600
LENGTH = 8  # bins over which comings and goings are averaged at least, when bins are long
MEMORY = 3 * DAY  # how long a network's own losses are remembered
NOTABLE = 2.0  # nats from which a loss may be the first of an outage; as sums of other kinds
STEADY = 3000  # members and bins that must be seen before the feed's rate is another
LEAST_SITE = 0.03  # members lost along with one, of a large network, at least: a tenth of the usual
MOST = 10_000  # losses that the feed's tie is measured from, at most
FRESH = 0.95  # more than this share is never taken to be hidden


def learn(store: SeriesStore, seen: ClosedBin, width: int) -> None:
    """Learn the members expected up, at once upward and over a day downward, and how often they come and go."""
    for part, c in member_parts(store):
        alive = seen.alive[part] & seen.present[part]
        calm = alive & (store.phases.phase[part] == NORMAL)
        _learn_up(c, seen, part, alive, calm, max(width / DAY, 1e-6))
        _learn_turnover(c, seen, part, alive, min(width / HOURS, 1 / LENGTH))
        c.bins_learnt += alive


def _learn_up(c: MemberColumns, seen: ClosedBin, part: slice, alive: Flags, calm: Flags, fade: float) -> None:
    """Learn the members expected up of a part of the rows."""
    value, stays, unseen = seen.value[part], rows_of(~calm), rows_of(~alive)
    top = value + seen.lost[part]
    top -= seen.back[part]
    np.maximum(top, c.usual_up, out=top)
    np.maximum(top, value, out=top)
    level = value - top
    level *= fade
    level += top
    np.maximum(level, value, out=level)
    level[stays] = top[stays]
    level[unseen] = c.usual_up[unseen]
    c.usual_up[:] = level


def _learn_turnover(c: MemberColumns, seen: ClosedBin, part: slice, alive: Flags, gain: float) -> None:
    """Learn how often members of a part of the rows come and go, and how many there are."""
    size, unseen = seen.size[part], rows_of(~alive)
    moved = seen.lost[part] + seen.back[part]
    moved /= size + FEW
    moved -= c.turnover
    moved *= gain
    moved[unseen] = 0
    c.turnover += moved.astype(np.float32)
    named = size.astype(np.float32)
    named[unseen] = c.named[unseen]
    c.named[:] = named


def remember(store: SeriesStore, closed: MemberBin, weight: float, calm: Flags, width: int) -> None:
    """Learn the losses of the calm rows, and how many of them came together; their turnover, half an hour late.

    `weight`: of a loss of this bin. While members lost together may be the first of an outage, what they teach waits.
    """
    rows = closed.losing[calm[closed.losing]]
    if rows.size:
        _remember_losses(store.members, closed, rows, weight)
    for part, columns in member_parts(store):
        _remember(columns, closed.before[part].astype(np.float32), calm[part], width)


def _remember_losses(c: MemberColumns, closed: MemberBin, rows: Ints, weight: float) -> None:
    """Add the losses of these rows to their own; joint losses wait before they are learnt."""
    lost, up = closed.seen.lost[rows], closed.before[rows]
    own, joint = c.losses[rows] / np.maximum(c.member_bins[rows], 1), together(lost, up)
    evening = by_hour(c, closed, rows, joint, own)
    c.losses[rows] += (weight * lost).astype(np.float32)
    usually = lost * c.joint_losses[rows] / np.maximum(c.losses[rows], 1)
    pairs = (1 - evening) * joint - lost * own + evening * usually
    c.pending_joint[rows] += (weight * pairs).astype(np.float32)


def _remember(c: MemberColumns, up: Singles, calm: Flags, width: int) -> None:
    """Let what a part of the rows has lost fade, and learn what is on trial no more. `up`: members before the bin."""
    keep, doubted = np.full(len(up), np.float32(math.exp(-width / MEMORY))), rows_of(~calm)
    keep[doubted] = 1
    up[doubted] = 0
    c.member_bins += up
    for column in (c.member_bins, c.losses, c.joint_losses):
        column *= keep
    trial = on_trial(c, width)
    learnt = rows_of((c.pending_joint != 0) & calm & ~trial)
    c.joint_losses[learnt] += c.pending_joint[learnt]
    c.pending_joint[learnt] = 0
    moved = c.turnover - c.late_turnover
    moved *= np.float32(min(width / SPELL, 1.0))
    moved[rows_of(trial)] = 0
    c.late_turnover += moved


def note_hour(c: MemberColumns, closed: MemberBin, calm: Flags, width: int) -> None:
    """Note the share that rows lose in this bin, and, after their first day, that it may be an outage's; no darkness.

    `calm`: rows without a suspicion.
    """
    rows = closed.losing
    if not rows.size:
        return
    lost = closed.seen.lost[rows] * (closed.seen.value[rows] > DARK * c.usual_up[rows])
    share = np.where(lost >= FEWEST, lost / np.maximum(closed.before[rows], 1), 0)
    share += DOUBTED * ((share > 0) & ~calm[rows] & (c.bins_learnt[rows] * float(width) >= DAY))
    c.hour_loss[rows] = np.maximum(c.hour_loss[rows], share.astype(np.float32))


def on_trial(c: MemberColumns, width: int) -> Flags:
    """Return the rows whose members were lost together within the last half hour, more than is usual."""
    return np.asarray((c.group_evidence >= NOTABLE) & (c.group_age <= SPELL // width))


def feed_after(
    churn: FeedChurn, c: MemberColumns, closed: MemberBin, calm: Flags, width: int
) -> tuple[FeedChurn, float]:
    """Return the feed's own rates after this bin, from the calm rows: those with neither an outage nor a suspicion.

    And the weight of a loss of this bin in what is learnt: a shake of the whole feed says little of each.
    """
    seen, losing = closed.seen, closed.losing
    use = closed.measured & calm
    here = use[losing]
    lost = closed.lost
    new = np.minimum(lost, np.maximum(seen.size[losing] - c.named[losing], 0))
    total, members, unseen = float(lost[here].sum()), float(closed.likely[use].sum()), float(new[here].sum())
    weight = min((3 * (churn.rate * members) + 5) / max(total, 1), 1.0)
    if members <= 0:
        return churn, weight
    pace = min(width / HOURS, members / STEADY, 1.0)
    fresh = churn.fresh + min(1.0, total * 0.02) * ((unseen / total if total else 0.0) - churn.fresh)
    if not (use & (c.named > 0)).any():
        fresh = unseen / max(float(seen.size[use].sum()), 1)  # a feed that names its members at once hides none
    ties = _ties_after(churn, c, closed, use & (closed.before >= 2), weight)
    rate = churn.rate + pace * (total / members - churn.rate)
    return FeedChurn(max(rate, 1e-5), ties[0], min(max(fresh, 0.0), FRESH), *ties[1:]), weight


def _ties_after(
    churn: FeedChurn, c: MemberColumns, closed: MemberBin, two: Flags, weight: float
) -> tuple[float, float, Floats, Floats]:
    """Return ties and the losses that they are from, of all networks and of large ones, after the rows of `two`."""
    losing, lost = closed.losing, closed.lost
    own = own_rate(c.losses[losing], c.member_bins[losing], churn.rate)
    left = 1 - by_hour(c, closed, losing, closed.joint, own)
    pairs, weighed = weight * (left * closed.joint - lost * own), weight * left * lost
    tie, losses = _tie_after(churn.tie, churn.losses, closed.spread(pairs)[two].sum(), weighed[two[losing]].sum())
    size = np.where(two[losing], size_class(closed.before[losing]), -1) + 1
    sums = [
        np.bincount(size, weights=each, minlength=len(SIZES) + 1)[1:].astype(np.float64) for each in (pairs, weighed)
    ]
    large_ties, large_losses = _tie_after(churn.large_ties, churn.large_losses, sums[0], sums[1])
    return max(float(tie), 1e-4), float(losses), np.maximum(large_ties, LEAST_SITE / 10**SIZES), large_losses


def _tie_after(tie: Floats | float, losses: Floats | float, pairs: Floats, lost: Floats) -> tuple[Floats, Floats]:
    """Return ties and the losses that they are from, after the `pairs` and losses of some rows."""
    weight = np.minimum(1, MOST / 10 / np.maximum(lost, 1e-9))  # no single bin counts for more than a tenth of all
    trusted = np.minimum(losses + weight * lost, MOST)
    after = tie + weight * (pairs - lost * tie) / np.maximum(trusted, 1)
    return np.clip(after, 1e-5, 0.3), trusted
