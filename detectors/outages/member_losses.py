"""Presence: evidence from members that are lost at the same time, held while they stay away."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from detectors.types import ClosedBin, Flags, Floats, Ints

from .evidence import RHOS
from .series_state import Columns

FEWEST = 3  # members that a network must have and lose: less is the members' own business
SPELL = 1800  # members of one outage are lost within about this time: losses further apart do not add up
WITNESSES = 50  # members abroad that tell a country's outage from a fault of the feed
SHAKEN = 0.3  # share of the feed's members above whose losses this bin's tie counts more than the usual one
OFTEN, GONE, TOGETHER, LATE = range(4)  # columns of `fit`: members × bins, losses, those in pairs; noise, later


@dataclass(frozen=True, slots=True)
class Feed:
    """What the whole feed showed: `rate` of losses per member and bin, `tie` between members of a network (how often
    another is lost with one, beyond chance) from `heard` losses, `fresh` the share of the lost that had never been seen
    before (the stream does not say who was up at its start).
    """

    rate: float
    tie: float
    fresh: float
    heard: float

    @classmethod
    def of(cls, scalars: Mapping[str, float]) -> Feed:
        """What is known of a feed; before its first bin, what feeds are like."""
        if "heard" not in scalars:
            return cls(0.003, 0.03, 0.5, 40.0)
        return cls(scalars["rate"], scalars["tie"], scalars["fresh"], scalars["heard"])


@dataclass(frozen=True, slots=True)
class Normal:
    """What a normal bin does to each of some rows: `chance` that a member is lost, `tie` between its members."""

    chance: Floats
    tie: Floats


def log_rising(start: Floats, count: Floats) -> Floats:
    """Logarithm of start (start + 1) … (start + count − 1), by Stirling's series of the gamma function."""
    return _log_gamma(start + count) - _log_gamma(start)


def _log_gamma(x: Floats) -> Floats:
    """Stirling with two terms, shifted by 6 so that the error stays below 1e-6."""
    shift = np.log(x * (x + 1) * (x + 2) * (x + 3) * (x + 4) * (x + 5))
    y = x + 6
    return (y - 0.5) * np.log(y) - y + 0.5 * math.log(2 * math.pi) + 1 / (12 * y) - 1 / (360 * y**3) - shift


def evidence(lost: Floats, stayed: Floats, normal: Normal) -> Floats:
    """Log-likelihood ratio per row and rho: members fell together to rho, against a beta-binomial."""
    weight = 1 / normal.tie - 1
    first, second = normal.chance * weight, (1 - normal.chance) * weight
    null = log_rising(first, lost) + log_rising(second, stayed) - log_rising(weight, lost + stayed)
    parts = [lost * math.log(1 - rho) + stayed * math.log(rho) for rho in RHOS]
    return np.stack(parts, axis=1) - null[:, None]


def hidden(named: Floats, fresh: float, chance: Floats) -> Floats:
    """What the members nobody has heard of add to the evidence, per row and rho: they all stayed up.

    When each member has been named with chance 1 − fresh, those that were not are negative binomial given `named`.
    """
    parts = [np.log((1 - fresh * (1 - chance)) / (1 - fresh * float(rho))) for rho in RHOS]
    return np.asarray((named + 1)[:, None] * np.minimum(np.stack(parts, axis=1), 0))


def before(seen: ClosedBin) -> Floats:
    """Members up at the start of the bin, with those that its losses revealed."""
    return seen.value + seen.lost - seen.back


def likely(c: Columns, seen: ClosedBin, feed: Feed) -> Floats:
    """Members likely to have been up at the start of the bin, those nobody has heard of among them."""
    return before(seen) + (c["anchor"] + 1) * feed.fresh / (1 - feed.fresh)


def usual(c: Columns, rows: Ints, seen: ClosedBin, feed: Feed) -> Normal:
    """What is normal in this bin, from the row's own past, from the feed's, and from what the others lose now.

    The row's own rate and tie are drawn towards the feed's: gamma priors of shape 1. Half a standard deviation is
    added to the tie, since networks differ.
    """
    past, shake = c["fit"][rows].astype(np.float64), others(c, rows, seen, feed)
    pairs = 1 + np.maximum(past[:, TOGETHER], 0)
    tie = (pairs + np.sqrt(pairs) / 2) / (1 / feed.tie + past[:, GONE])
    chance = np.maximum(np.maximum(shake.chance, past[:, LATE]), own_rate(past, feed.rate))
    return Normal(np.clip(chance, 1e-4, 0.9), np.clip(np.maximum(tie, shake.tie), 1e-4, 0.9))


def others(c: Columns, rows: Ints, seen: ClosedBin, feed: Feed) -> Normal:
    """What the networks of other countries lose in this bin; without enough of them, all other networks.

    Their tie is what they lose together beyond what chance puts together in a bin that loses as many.
    """
    alive, up = seen.alive & seen.present, likely(c, seen, feed)
    each = np.where(alive, np.stack((seen.lost, up, together(seen, up))), 0)
    whole, own = each.sum(axis=1)[:, None], each[:, rows]
    home = np.stack([np.bincount(seen.group, weights=one) for one in each])[:, seen.group[rows]]
    abroad = (seen.group[rows] > 0) & (whole[1] - home[1] >= WITNESSES)
    lost, there, pairs = np.maximum(whole - np.where(abroad, home, own), 0)
    chance = lost / (there + 20)
    return Normal(chance, (pairs - lost * (feed.tie + chance)) / (lost + SHAKEN * there + 20) + feed.tie)


def own_rate(past: Floats, rate: float) -> Floats:
    """Losses per member and bin of each row, from its own past, drawn towards a rate by a gamma prior of shape 1."""
    return np.asarray((1 + past[:, GONE]) / (1 / rate + past[:, OFTEN]))


def score(c: Columns, seen: ClosedBin, feed: Feed, width: int) -> None:
    """Add this bin's evidence to what the last half hour left."""
    sums, runs, was = c["sums"], c["runs"], before(seen)
    open_ = seen.alive & seen.present & (c["phase"] < 2)
    relax(c, seen, was, open_)
    sums[open_] *= np.float32(math.exp(-width / SPELL))
    rows = np.flatnonzero(open_ & (seen.lost > 0))
    if rows.size:
        sums[rows] = np.maximum(sums[rows] + weigh(c, rows, seen, feed), 0)
    runs[:] = np.where((sums > 0) & open_[:, None], np.minimum(runs, 65_000) + 1, np.where(sums > 0, runs, 0))


def weigh(c: Columns, rows: Ints, seen: ClosedBin, feed: Feed) -> Floats:
    """Evidence of this bin's losses, per row and rho."""
    normal = usual(c, rows, seen, feed)
    lost, stayed = seen.lost[rows], np.maximum(before(seen)[rows] - seen.lost[rows], 0)
    named = np.maximum(seen.size[rows], c["anchor"][rows])
    weight = 1 / normal.tie - 1
    after = (normal.chance * weight + lost) / (weight + lost + stayed)
    return evidence(lost, stayed, normal) + hidden(named, feed.fresh, after)


def relax(c: Columns, seen: ClosedBin, was: Floats, open_: Flags) -> None:
    """Members that come back take their part of the evidence with them."""
    missing = np.maximum(c["level"] - was, seen.back)
    left = 1 - seen.back / np.maximum(missing, 1)
    c["sums"][open_] *= left[open_, None].astype(np.float32)
    c["sums"][c["sums"] < 0.05] = 0


def together(seen: ClosedBin, up: Floats) -> Floats:
    """Losses, each counted by the share of its network's other members that were lost with it."""
    share = np.maximum(seen.lost - 1, 0) / np.maximum(up - 1, 1)
    return np.asarray(seen.lost * np.minimum(share, 1))
