"""Presence: how often the members of a network and of a feed come and go, learnt from bins without a suspicion.

Derived in docs/detection.md#presence-member_lossespy-member_churnpy-presencepy. Arrays hold an element per row.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.types import DAY, ClosedBin, Flags, Floats

from .member_losses import SIZES, SPELL, FeedChurn, before, likely, own_rate, size_class, together
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
    was = before(seen)
    calm = alive & (phases.phase == 0)
    top = np.maximum(np.maximum(c.usual_up, was), seen.value)
    fade = max(width / DAY, 1e-6)
    level = np.where(calm, np.maximum(top + fade * (seen.value - top), seen.value), top)
    c.usual_up[alive] = level[alive]
    moved = (seen.lost + seen.back) / (seen.size + FEW)
    pace = min(width / HOURS, 1 / LENGTH)
    c.turnover[alive] += (pace * (moved - c.turnover))[alive].astype(np.float32)
    c.named[alive] = seen.size[alive]
    c.bins_learnt[alive] += 1


def remember(c: MemberColumns, seen: ClosedBin, churn: FeedChurn, calm: Flags, width: int) -> None:
    """Learn the losses of the calm rows, and how many of them came together; their turnover, half an hour late.

    While members lost together may be the first of an outage, what they teach waits.
    """
    up, share = before(seen), own_weight(likely(c, seen, churn), seen, churn, calm)
    own, trial = c.losses / np.maximum(c.member_bins, 1), on_trial(c, width)
    new = (up, share * seen.lost, share * (together(seen, up) - seen.lost * own))
    for column, numbers in zip((c.member_bins, c.losses, c.pending_joint), new, strict=True):
        np.add(column, numbers.astype(np.float32), out=column, where=calm)
    for column in (c.member_bins, c.losses, c.joint_losses):
        np.multiply(column, np.float32(math.exp(-width / MEMORY)), out=column, where=calm)
    learnt = calm & ~trial
    c.joint_losses[learnt] += c.pending_joint[learnt]
    c.pending_joint[learnt] = 0
    c.late_turnover += np.float32(min(width / SPELL, 1.0)) * (c.turnover - c.late_turnover) * ~trial


def on_trial(c: MemberColumns, width: int) -> Flags:
    """Return the rows whose members were lost together within the last half hour, more than is usual."""
    return np.asarray((c.group_evidence >= NOTABLE) & (c.group_age * float(width) <= SPELL))


def own_weight(up: Floats, seen: ClosedBin, churn: FeedChurn, calm: Flags) -> float:
    """Return the weight of a loss of this bin in what is learnt: a shake of the whole feed says little of each."""
    common = churn.rate * float(up[calm].sum())
    return min((3 * common + 5) / max(float(seen.lost[calm].sum()), 1), 1.0)


def feed_after(churn: FeedChurn, c: MemberColumns, seen: ClosedBin, calm: Flags, width: int) -> FeedChurn:
    """Return the feed's own rates after this bin, from the calm rows: those with neither an outage nor a suspicion."""
    use = seen.alive & seen.present & calm
    named = c.named[use]
    likely_up = likely(c, seen, churn)
    lost, up = seen.lost[use], likely_up[use]
    new = np.minimum(lost, np.maximum(seen.size[use] - named, 0))
    total, members, unseen = float(lost.sum()), float(up.sum()), float(new.sum())
    if members <= 0:
        return churn
    pace = min(width / HOURS, members / STEADY, 1.0)
    fresh = churn.fresh + min(1.0, total * 0.02) * ((unseen / total if total else 0.0) - churn.fresh)
    if not named.any():
        fresh = unseen / max(float(seen.size[use].sum()), 1)  # a feed that names its members at once hides none
    two = use & (before(seen) >= 2)
    weight = own_weight(likely_up, seen, churn, use)
    alone = seen.lost * own_rate(c.losses, c.member_bins, churn.rate)
    pairs = weight * (together(seen, likely_up) - alone)
    tie, losses = _tie_after(churn.tie, churn.losses, pairs[two].sum(), weight * seen.lost[two].sum())
    size = np.where(two, size_class(before(seen)), -1) + 1
    sums = [
        np.bincount(size, weights=each, minlength=len(SIZES) + 1)[1:].astype(np.float64)
        for each in (pairs, weight * seen.lost)
    ]
    large_ties, large_losses = _tie_after(churn.large_ties, churn.large_losses, sums[0], sums[1])
    large_ties = np.maximum(large_ties, LEAST_SITE / 10**SIZES)
    rate = churn.rate + pace * (total / members - churn.rate)
    return FeedChurn(
        max(rate, 1e-5), max(float(tie), 1e-4), min(max(fresh, 0.0), FRESH), float(losses), large_ties, large_losses
    )


def _tie_after(tie: Floats | float, losses: Floats | float, pairs: Floats, lost: Floats) -> tuple[Floats, Floats]:
    """Return ties and the losses that they are from, after the `pairs` and losses of some rows."""
    weight = np.minimum(1, MOST / 10 / np.maximum(lost, 1e-9))  # no single bin counts for more than a tenth of all
    trusted = np.minimum(losses + weight * lost, MOST)
    after = tie + weight * (pairs - lost * tie) / np.maximum(trusted, 1)
    return np.clip(after, 1e-5, 0.3), trusted
