"""Presence: how often the members of a network and of a feed come and go, learnt from bins without a suspicion."""

from __future__ import annotations

import math

import numpy as np

from detectors.types import DAY, ClosedBin, Flags

from .member_losses import GONE, LATE, OFTEN, SPELL, Feed, before, likely, own_rate, together
from .series_state import Columns

FEW = 8  # members below which a few comings and goings say little about how steady a network is
HOURS = 2 * 3600
LENGTH = 8  # bins over which comings and goings are averaged at least, when bins are long
MEMORY = 3 * DAY  # how long a network's own losses are remembered
STEADY = 3000  # members and bins that must be seen before the feed's rate is another
HEARD = 10_000  # losses by which the feed's tie is known, at most
FRESH = 0.95  # more than this share is never taken to be hidden


def learn(c: Columns, seen: ClosedBin, width: int) -> None:
    """Members expected up: at once upward, over a day downward; how often they come and go."""
    alive = seen.alive & seen.present
    was = before(seen)
    calm = alive & (c["phase"] == 0)
    top = np.maximum(np.maximum(c["level"], was), seen.value)
    fade = max(width / DAY, 1e-6)
    level = np.where(calm, np.maximum(top + fade * (seen.value - top), seen.value), top)
    c["level"][alive] = level[alive]
    moved = (seen.lost + seen.back) / (seen.size + FEW)
    pace = min(width / HOURS, 1 / LENGTH)
    c["noise"][alive] += (pace * (moved - c["noise"]))[alive].astype(np.float32)
    c["anchor"][alive] = seen.size[alive]
    c["seen"][alive] += 1


def remember(c: Columns, seen: ClosedBin, feed: Feed, calm: Flags, width: int) -> None:
    """Own losses of the rows flagged, and how many of them came together; their noise, half an hour late."""
    fit, up, share = c["fit"], before(seen), own_weight(c, seen, feed, calm)
    own = fit[:, GONE] / np.maximum(fit[:, OFTEN], 1)
    new = np.stack((up, share * seen.lost, share * (together(seen, up) - seen.lost * own)), axis=1)
    fit[calm, :LATE] *= np.float32(math.exp(-width / MEMORY))
    fit[calm, :LATE] += new[calm].astype(np.float32)
    fit[:, LATE] += np.float32(min(width / SPELL, 1.0)) * (c["noise"] - fit[:, LATE])


def own_weight(c: Columns, seen: ClosedBin, feed: Feed, calm: Flags) -> float:
    """What a loss of this bin counts in what networks are like: a shake of the whole feed says little of each."""
    common = feed.rate * float(likely(c, seen, feed)[calm].sum())
    return min((3 * common + 5) / max(float(seen.lost[calm].sum()), 1), 1.0)


def feed_after(feed: Feed, c: Columns, seen: ClosedBin, calm: Flags, width: int) -> Feed:
    """The feed's own rates after this bin, from the rows flagged: those with neither an outage nor a suspicion."""
    use = seen.alive & seen.present & calm
    named = c["anchor"][use]
    lost, up = seen.lost[use], likely(c, seen, feed)[use]
    new = np.minimum(lost, np.maximum(seen.size[use] - named, 0))
    total, members, unseen = float(lost.sum()), float(up.sum()), float(new.sum())
    if members <= 0:
        return feed
    pace = min(width / HOURS, members / STEADY, 1.0)
    fresh = feed.fresh + min(1.0, total * 0.02) * ((unseen / total if total else 0.0) - feed.fresh)
    if not named.any():
        fresh = unseen / max(float(seen.size[use].sum()), 1)  # a feed that names its members at once hides none
    two = use & (before(seen) >= 2)
    weight = own_weight(c, seen, feed, use)
    several = weight * float(seen.lost[two].sum())
    pairs = weight * float(
        (together(seen, likely(c, seen, feed)) - seen.lost * own_rate(c["fit"], feed.rate))[two].sum()
    )
    heard = min(feed.heard + several, HEARD)
    tie = feed.tie + (pairs - several * feed.tie) / max(heard, 1)
    rate = feed.rate + pace * (total / members - feed.rate)
    return Feed(max(rate, 1e-5), min(max(tie, 1e-4), 0.3), min(max(fresh, 0.0), FRESH), heard)
