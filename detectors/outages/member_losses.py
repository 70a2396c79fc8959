"""Presence: evidence from members that are lost at the same time, kept while they stay away.

Derived in docs/detection.md#presence-member_lossespy-member_churnpy-presencepy. Arrays hold an element per row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from detectors.types import ClosedBin, Floats, Ints, Singles

from .evidence import RHOS
from .series_state import MemberColumns, SeriesStore

FEWEST = 3  # members that a network must have and lose: less is the members' own business
SPELL = 1800  # members of one outage are lost within about this time: losses further apart do not add up
WITNESSES = 50  # members abroad that tell a country's outage from a fault of the feed
SIZES = np.array([1.5, 2.5, 3.5])  # classes of large networks: the powers of ten of their middles
SITE = 0.3  # members lost along with one, of a large network, before any is seen (two days of RIPE Atlas: 0.1 to 0.9)
SPREAD = 4.0  # weight of the beta law of the share that a fall takes around each 1 - rho: nearly flat over [0, 1]
LEAST = 1 - float(RHOS[0])  # share of the members whose loss in one bin is an outage's, at least
FAINTEST = 0.05  # nats below which evidence is gone
SHAKEN = 0.3  # share of the feed's members above whose losses this bin's tie counts more than the usual one


def size_class(members: Floats) -> Ints:
    """Return which of SIZES networks are near (rows), −1 for those of fewer than ten members."""
    return np.asarray(np.log10(np.maximum(members, 1)).astype(np.int64).clip(0, len(SIZES)) - 1)


@dataclass(frozen=True, slots=True)
class FeedChurn:
    """What the whole feed showed: `rate` of losses per member and bin, `tie` between members of a network (how often
    another is lost with the first, beyond chance) from `losses`, `fresh` the share of the lost that had never been seen
    before (the stream does not say who was up at its start). `large_ties`: those of networks of SIZES, from
    `large_losses`; at first as if with a member went those of its site, whose number does not grow with the network.
    """

    rate: float
    tie: float
    fresh: float
    losses: float
    large_ties: Floats
    large_losses: Floats

    @classmethod
    def of(cls, scalars: Mapping[str, float]) -> FeedChurn:
        """Return what a feed showed, from its stored numbers; before its first bin, what feeds are like."""
        if "heard" not in scalars:
            return cls(0.003, 0.03, 0.5, 40.0, SITE / 10**SIZES, 10**SIZES)
        ties = [scalars.get(f"tie{k}", SITE / 10**size) for k, size in enumerate(SIZES)]
        large = np.array(ties), np.array([scalars.get(f"heard{k}", 10**size) for k, size in enumerate(SIZES)])
        return cls(scalars["rate"], scalars["tie"], scalars["fresh"], scalars["heard"], *large)

    def scalars(self) -> dict[str, float]:
        """Return the numbers as they are stored."""
        numbers = {"rate": self.rate, "tie": self.tie, "fresh": self.fresh, "heard": self.losses}
        numbers |= {f"tie{k}": float(tie) for k, tie in enumerate(self.large_ties)}
        return numbers | {f"heard{k}": float(losses) for k, losses in enumerate(self.large_losses)}

    def tie_of(self, members: Floats) -> Floats:
        """Return the tie of networks of so many members (rows): between sizes along a power law."""
        sizes, ties = np.array([1, *SIZES, 6]), np.array([self.tie, *self.large_ties, self.large_ties[-1] / 10**2.5])
        found = np.exp(np.interp(np.log10(np.maximum(members, 1)), sizes, np.log(ties)))
        return np.asarray(np.minimum(found, self.tie))


@dataclass(frozen=True, slots=True)
class NormalLosses:
    """What a normal bin does to each row: `chance` that a member is lost, `tie` between its members."""

    chance: Floats
    tie: Floats


def log_gamma(x: Floats) -> Floats:
    """Return the logarithm of the gamma function: Stirling with two terms, shifted by 6 for an error below 1e-6."""
    shift = np.log(x * (x + 1) * (x + 2) * (x + 3) * (x + 4) * (x + 5))
    y = x + 6
    return (y - 0.5) * np.log(y) - y + 0.5 * math.log(2 * math.pi) + 1 / (12 * y) - 1 / (360 * y**3) - shift


FALL_LOST = SPREAD * (1 - np.asarray(RHOS, np.float64))  # of the beta law of a fall's share
FALL_STAYED = SPREAD - FALL_LOST
FALL_SCALE = log_gamma(FALL_LOST) + log_gamma(FALL_STAYED) - log_gamma(np.asarray(SPREAD))


def evidence(lost: Floats, stayed: Floats, normal: NormalLosses) -> Floats:
    """Return the log-likelihood ratios (rows × RHOS, nats): members fell together to about rho, against a normal bin.

    The share lost is beta distributed under both laws, that of a fall the broader: so a larger share lost is never
    weaker evidence, in a network of any size. `lost`, `stayed`: members (rows).
    """
    weight = 1 / normal.tie - 1
    first, second, members = normal.chance * weight, (1 - normal.chance) * weight, lost + stayed
    before_after = np.stack((first, second, weight + members, first + lost, second + stayed, weight))
    fallen = np.concatenate((FALL_LOST[:, None] + lost, FALL_STAYED[:, None] + stayed, SPREAD + members[None]))
    gammas = log_gamma(np.concatenate((before_after, fallen)))
    null, parts = gammas[3:6].sum(axis=0) - gammas[:3].sum(axis=0), gammas[6:11] + gammas[11:16]
    parts -= FALL_SCALE[:, None] + (gammas[16] + null + shallow(lost, members))
    return np.asarray(parts.T)


def shallow(lost: Floats, members: Floats) -> Floats:
    """Return the nats by which so few losses speak against a fall that takes the least share, or 0 (rows)."""
    short = np.maximum(LEAST - lost / np.maximum(members, 1), 0)
    return np.asarray(members * short * short / (2 * LEAST * (1 - LEAST)))


def hidden(named: Floats, fresh: float, chance: Floats, fallen: Floats) -> Floats:
    """Return what members that were never named add to the evidence (rows × RHOS, nats): they all stayed up.

    When each member has been named with chance 1 − fresh, those that were not are negative binomial given `named`.
    `chance`, `fallen` (rows × RHOS): the share lost if this bin is normal, and if it is a fall.
    """
    parts = np.log((1 - fresh * (1 - chance))[:, None] / (1 - fresh * (1 - fallen)))
    return np.asarray((named + 1)[:, None] * np.minimum(parts, 0))


def before(seen: ClosedBin) -> Floats:
    """Return the members up at the start of the bin, with those that its losses revealed (rows)."""
    return seen.value + seen.lost - seen.back


def likely(c: MemberColumns, seen: ClosedBin, churn: FeedChurn) -> Floats:
    """Return the members likely to have been up at the start of the bin, with those never named (rows)."""
    return before(seen) + (c.named + 1) * churn.fresh / (1 - churn.fresh)


def usual(c: MemberColumns, rows: Ints, seen: ClosedBin, churn: FeedChurn) -> NormalLosses:
    """Return what is normal in this bin for these rows: from their own past, the feed's, and what others lose now.

    The row's own rate and tie are drawn towards the feed's: gamma priors of shape 1, for the tie less in a large
    network. Half a standard deviation is added to the tie, since networks differ.
    """
    member_bins, losses, joint, late = (
        numbers[rows].astype(np.float64) for numbers in (c.member_bins, c.losses, c.joint_losses, c.late_turnover)
    )
    shake = others(c, rows, seen, churn)
    pairs = churn.tie_of(before(seen)[rows]) / churn.tie + np.maximum(joint, 0)
    tie = (pairs + np.sqrt(pairs) / 2) / (1 / churn.tie + losses)
    chance = np.maximum(np.maximum(shake.chance, late / 2), own_rate(losses, member_bins, churn.rate))
    return NormalLosses(np.clip(chance, 1e-4, 0.9), np.clip(np.maximum(tie, shake.tie), 1e-4, 0.9))


def others(c: MemberColumns, rows: Ints, seen: ClosedBin, churn: FeedChurn) -> NormalLosses:
    """Return what the networks of other countries lose in this bin; without enough of them, all other networks.

    Their tie is what they lose together beyond what chance puts together in a bin that loses as many.
    """
    alive, up = seen.alive & seen.present, likely(c, seen, churn)
    each = np.where(alive, np.stack((seen.lost, up, together(seen, up))), 0)
    whole, own = each.sum(axis=1)[:, None], each[:, rows]
    home = np.stack([np.bincount(seen.group, weights=numbers) for numbers in each])[:, seen.group[rows]]
    abroad = (seen.group[rows] > 0) & (whole[1] - home[1] >= WITNESSES)
    lost, there, pairs = np.maximum(whole - np.where(abroad, home, own), 0)
    chance = lost / (there + 20)
    tie = (pairs - lost * (churn.tie + chance)) / (lost + SHAKEN * there + 20)
    return NormalLosses(chance, tie + churn.tie_of(before(seen)[rows]))


def own_rate(losses: Floats | Singles, member_bins: Floats | Singles, rate: float) -> Floats:
    """Return the losses per member and bin of each row, drawn towards a rate by a gamma prior of shape 1."""
    return np.asarray((1 + losses) / (1 / rate + member_bins))


def score(store: SeriesStore, seen: ClosedBin, churn: FeedChurn, width: int) -> Floats:
    """Add this bin's evidence to what the last half hour left, and return it where it speaks for a fall (nats, rows).

    Bins are `width` seconds wide.
    """
    sums, runs, gained = store.falls.evidence, store.falls.bins, np.zeros(len(seen.value))
    open_ = seen.alive & seen.present & (store.phases.phase < 2)
    there = np.flatnonzero(open_ & sums.T.any(axis=0))
    if there.size:
        left = relaxed(sums[there], there, store.members, seen) * np.float32(math.exp(-width / SPELL))
        sums[there] = np.where(left < FAINTEST, 0, left)
    touched = open_ & (seen.lost > 0)
    rows = np.flatnonzero(touched)
    if rows.size:
        found = weigh(store.members, rows, seen, churn)
        sums[rows], gained[rows] = np.maximum(sums[rows] + found, 0), np.maximum(found.max(axis=1), 0)
    touched[there] = True
    changed = np.flatnonzero(touched)
    runs[changed] = np.where(sums[changed] > 0, np.minimum(runs[changed], 65_000) + 1, 0)
    return gained


def weigh(c: MemberColumns, rows: Ints, seen: ClosedBin, churn: FeedChurn) -> Floats:
    """Return the evidence of this bin's losses in these rows (rows × RHOS, nats)."""
    normal = usual(c, rows, seen, churn)
    lost, up = seen.lost[rows], before(seen)[rows]
    lost = np.maximum(lost, normal.chance * up)  # fewer losses than are usual are as good as the usual ones
    stayed = np.maximum(up - lost, 0)
    named = np.maximum(seen.size[rows], c.named[rows])
    weight = (1 / normal.tie - 1)[:, None]
    members = (lost + stayed)[:, None]
    after = (normal.chance[:, None] * weight + lost[:, None]) / (weight + members)
    fallen = (FALL_LOST + lost[:, None]) / (SPREAD + members)
    return evidence(lost, stayed, normal) + hidden(named, churn.fresh, after[:, 0], fallen)


def relaxed(nats: Singles, rows: Ints, c: MemberColumns, seen: ClosedBin) -> Singles:
    """Return the evidence of some rows (rows × RHOS) without the part that members bring back with them."""
    back = seen.back[rows]
    missing = np.maximum(c.usual_up[rows] - before(seen)[rows], back)
    return nats * (1 - back / np.maximum(missing, 1))[:, None].astype(np.float32)


def together(seen: ClosedBin, up: Floats) -> Floats:
    """Return the losses, each counted by the share of its network's other members that were lost with it (rows)."""
    share = np.maximum(seen.lost - 1, 0) / np.maximum(up - 1, 1)
    return np.asarray(seen.lost * np.minimum(share, 1))
