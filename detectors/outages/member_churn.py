"""Presence: how often the members of a network and of a feed come and go, learnt from bins without a suspicion.

Derived in docs/detection.md#presence-member_lossespy-member_churnpy-presencepy. Arrays hold an element per row.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.types import DAY, ClosedBin, Flags, Floats

from .member_losses import SIZES, SPELL, FeedChurn, MemberBin, before, own_rate, size_class, together
from .series_state import MemberColumns, PhaseColumns

FEW = 8  # members below which a few comings and goings say little about how steady a network is
HOURS = 2 * 3600
LENGTH = 8  # bins over which comings and goings are averaged at least, when bins are long
MEMORY = 3 * DAY  # how long a network's own losses are remembered
NOTABLE = 2.0  # nats from which a loss may be the first of an outage; as sums of other kinds
STEADY = 3000  # members and bins that must be seen before the feed's rate is another
LEAST_SITE = 0.03  # members lost along with one, of a large network, at least: a tenth of the usual
MOST = 10_000  # losses that the feed's tie is measured from, at most
FRESH = 0.95  # more than this share is never taken to be hidden


def learn(c: MemberColumns, phases: PhaseColumns, seen: ClosedBin, width: int) -> None:
    """Learn the members expected up, at once upward and over a day downward, and how often they come and go."""
    alive = seen.alive & seen.present
    calm = alive & (phases.phase == 0)
    top = np.maximum(c.usual_up, before(seen))
    np.maximum(top, seen.value, out=top)
    fade, stays = max(width / DAY, 1e-6), np.flatnonzero(~calm)
    level = seen.value - top
    level *= fade
    level += top
    np.maximum(level, seen.value, out=level)
    level[stays] = top[stays]
    np.copyto(c.usual_up, level, where=alive, casting="same_kind")
    moved = seen.lost + seen.back
    moved /= seen.size + FEW
    moved -= c.turnover
    moved *= min(width / HOURS, 1 / LENGTH)
    np.add(c.turnover, moved.astype(np.float32), out=c.turnover, where=alive)
    np.copyto(c.named, seen.size, where=alive, casting="same_kind")
    c.bins_learnt += alive


def remember(c: MemberColumns, closed: MemberBin, weight: float, calm: Flags, width: int) -> None:
    """Learn the losses of the calm rows, and how many of them came together; their turnover, half an hour late.

    `weight`: of a loss of this bin. While members lost together may be the first of an outage, what they teach waits.
    """
    rows = closed.losing[calm[closed.losing]]
    lost, up = closed.seen.lost[rows], closed.before[rows]
    own = c.losses[rows] / np.maximum(c.member_bins[rows], 1)
    c.member_bins += closed.before.astype(np.float32) * calm
    c.losses[rows] += (weight * lost).astype(np.float32)
    c.pending_joint[rows] += (weight * (together(lost, up) - lost * own)).astype(np.float32)
    keep = np.where(calm, np.float32(math.exp(-width / MEMORY)), np.float32(1))
    for column in (c.member_bins, c.losses, c.joint_losses):
        column *= keep
    trial = on_trial(c, width)
    learnt = np.flatnonzero((c.pending_joint != 0) & calm & ~trial)
    c.joint_losses[learnt] += c.pending_joint[learnt]
    c.pending_joint[learnt] = 0
    c.late_turnover += np.float32(min(width / SPELL, 1.0)) * (c.turnover - c.late_turnover) * ~trial


def on_trial(c: MemberColumns, width: int) -> Flags:
    """Return the rows whose members were lost together within the last half hour, more than is usual."""
    return np.asarray((c.group_evidence >= NOTABLE) & (c.group_age * float(width) <= SPELL))


def feed_after(
    churn: FeedChurn, c: MemberColumns, closed: MemberBin, calm: Flags, width: int
) -> tuple[FeedChurn, float]:
    """Return the feed's own rates after this bin, from the calm rows: those with neither an outage nor a suspicion.

    And the weight of a loss of this bin in what is learnt: a shake of the whole feed says little of each.
    """
    seen, losing = closed.seen, closed.losing
    use = closed.measured & calm
    here = use[losing]
    lost, named = closed.lost, c.named[use]
    new = np.minimum(lost, np.maximum(seen.size[losing] - c.named[losing], 0))
    total, members, unseen = float(lost[here].sum()), float(closed.likely[use].sum()), float(new[here].sum())
    weight = min((3 * (churn.rate * members) + 5) / max(total, 1), 1.0)
    if members <= 0:
        return churn, weight
    pace = min(width / HOURS, members / STEADY, 1.0)
    fresh = churn.fresh + min(1.0, total * 0.02) * ((unseen / total if total else 0.0) - churn.fresh)
    if not named.any():
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
    pairs, weighed = weight * (closed.joint - lost * own), weight * lost
    tie, losses = _tie_after(churn.tie, churn.losses, closed.spread(pairs)[two].sum(), weight * lost[two[losing]].sum())
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
