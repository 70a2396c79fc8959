"""Presence: evidence from members that are lost at the same time, held while they stay away."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .columns import Columns
from .evidence import RHOS
from .observed import DAY, Flags, Floats, Ints, Observed

FEWEST = 3  # members that a network must have and lose: less is the members' own business
FEW = 8  # members below which a few comings and goings say little about how steady a network is
HOURS = 2 * 3600
SPELL = 1800  # members of one outage are lost within about this time: losses further apart do not add up


@dataclass(frozen=True, slots=True)
class Feed:
    """What the whole feed showed: `rate` of losses per member and bin, `tie` between members of a network, `fresh`
    the share of the lost that had never been seen before (the stream does not say who was up at its start).
    """

    rate: float
    tie: float
    fresh: float


def log_rising(start: Floats, count: Floats) -> Floats:
    """Logarithm of start (start + 1) … (start + count − 1), by Stirling's series of the gamma function."""
    return _log_gamma(start + count) - _log_gamma(start)


def _log_gamma(x: Floats) -> Floats:
    """Stirling with two terms, shifted by 6 so that the error stays below 1e-6."""
    shift = np.log(x * (x + 1) * (x + 2) * (x + 3) * (x + 4) * (x + 5))
    y = x + 6
    return (y - 0.5) * np.log(y) - y + 0.5 * math.log(2 * math.pi) + 1 / (12 * y) - 1 / (360 * y**3) - shift


def evidence(lost: Floats, stayed: Floats, chance: Floats, tie: float) -> Floats:
    """Log-likelihood ratio per row and rho: members fell together to rho, against a beta-binomial of `chance`."""
    weight = 1 / tie - 1
    first, second = chance * weight, (1 - chance) * weight
    normal = (
        log_rising(first, lost) + log_rising(second, stayed) - log_rising(np.full_like(lost, weight), lost + stayed)
    )
    parts = [lost * math.log(1 - rho) + stayed * math.log(rho) for rho in RHOS]
    return np.stack(parts, axis=1) - normal[:, None]


def chances(c: Columns, rows: Ints, seen: Observed, feed: Feed) -> tuple[Floats, Floats]:
    """Chance that a member is lost in this bin for reasons of its own or of the whole feed, and unseen members up."""
    before = seen.value + seen.lost - seen.back
    alive = seen.alive & seen.present
    lost, up = float(seen.lost[alive].sum()), float(before[alive].sum())
    others = (lost - seen.lost[rows]) / (up - before[rows] + 20)
    chance = np.maximum(np.maximum(others, c["noise"][rows]), feed.rate)
    unseen = (c["anchor"][rows] + 1) * min(feed.fresh / (1 - feed.fresh), 20)
    return np.clip(chance, 1e-4, 0.9), unseen


def score(c: Columns, seen: Observed, feed: Feed, width: int) -> Ints:
    """Add this bin's evidence to what the last half hour left; rows whose sums grew."""
    sums, runs = c["sums"], c["runs"]
    before = seen.value + seen.lost - seen.back
    open_ = seen.alive & seen.present & (c["phase"] < 2)
    relax(c, seen, before, open_)
    c["sums"][open_] *= np.float32(math.exp(-width / SPELL))
    rows = np.flatnonzero(open_ & (seen.lost > 0))
    if rows.size:
        chance, unseen = chances(c, rows, seen, feed)
        stayed = np.maximum(before[rows] - seen.lost[rows], 0) + unseen
        sums[rows] = np.maximum(sums[rows] + evidence(seen.lost[rows], stayed, chance, feed.tie), 0)
    runs[:] = np.where((sums > 0) & open_[:, None], np.minimum(runs, 65_000) + 1, np.where(sums > 0, runs, 0))
    return rows


def relax(c: Columns, seen: Observed, before: Floats, open_: Flags) -> None:
    """Members that come back take their part of the evidence with them."""
    missing = np.maximum(c["level"] - before, seen.back)
    left = 1 - seen.back / np.maximum(missing, 1)
    c["sums"][open_] *= left[open_, None].astype(np.float32)
    c["sums"][c["sums"] < 0.05] = 0


def learn(c: Columns, seen: Observed, width: int) -> None:
    """Members expected up: at once upward, over a day downward; how often members come and go, over two hours."""
    alive = seen.alive & seen.present
    before = seen.value + seen.lost - seen.back
    normal = alive & (c["phase"] == 0)
    top = np.maximum(np.maximum(c["level"], before), seen.value)
    fade = max(width / DAY, 1e-6)
    level = np.where(normal, np.maximum(top + fade * (seen.value - top), seen.value), top)
    c["level"][alive] = level[alive]
    moved = (seen.lost + seen.back) / (seen.size + FEW)
    pace = min(width / HOURS, 1.0)
    c["noise"][alive] += (pace * (moved - c["noise"]))[alive].astype(np.float32)
    c["anchor"][alive] = seen.size[alive]
    c["seen"][alive] += 1


def feed_after(feed: Feed, c: Columns, seen: Observed, known_before: Floats, width: int) -> Feed:
    """The feed's own rates after this bin, from rows with no outage."""
    use = seen.alive & seen.present & (c["phase"] == 0)
    lost, before = seen.lost[use], (seen.value + seen.lost - seen.back)[use]
    new = np.minimum(lost, np.maximum(seen.size[use] - known_before[use], 0))
    total, up = float(lost.sum()), float(before.sum())
    if up <= 0:
        return feed
    pairs, chances_ = float((lost * (lost - 1)).sum()), float((lost * np.maximum(before - 1, 0)).sum())
    pace = min(width / HOURS, 1.0)
    unseen = float(new.sum())
    fresh = feed.fresh + min(1.0, total * 0.02) * ((unseen / total if total else 0.0) - feed.fresh)
    if not known_before.any():
        fresh = unseen / max(float(seen.size[use].sum()), 1)  # a feed that names its members at once hides none
    tie = feed.tie + min(0.2, chances_ * 0.0005) * ((pairs / chances_ if chances_ else 0.0) - feed.tie)
    return Feed(feed.rate + pace * (total / up - feed.rate), min(max(tie, 0.03), 0.3), min(max(fresh, 0.0), 0.95))
