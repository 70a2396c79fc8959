"""Presence: evidence from members that are lost at the same time, kept while they stay away.

Derived in docs/presence.md#losses-in-a-bin-member_lossespy-member_churnpy-presencepy. Arrays hold an element per row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from detectors.types import ClosedBin, Flags, Floats, Ints, Singles

from .column_rows import AT_A_TIME, rows_of, taken
from .evidence import RHOS
from .feed_fault import shows_faults
from .log_gamma import log_gamma
from .member_fades import Fades
from .outage_lifecycle import FOLLOWED
from .series_state import Bins, MemberColumns, SeriesStore

FEWEST = 3  # members that a network must have and lose: less is the members' own business
SPELL = 1800  # members of one outage are lost within about this time: losses further apart do not add up
WITNESSES = 50  # members abroad that tell a country's outage from a fault of the feed
SIZES = np.array([1.5, 2.5, 3.5])  # classes of large networks: the powers of ten of their middles
SITE = 0.3  # members lost along with one, of a large network, before any is seen (two days of RIPE Atlas: 0.1 to 0.9)
SPREAD = 4.0  # weight of the beta law of the share that a fall takes around each 1 - rho: nearly flat over [0, 1]
LEAST = 1 - float(RHOS[0])  # share of the members whose loss within SPELL is an outage's, at least
LONGEST = np.uint16(65_000)  # bins that a run counts up to
FAINTEST = 0.05  # nats below which evidence is gone, and members below which their loss is
BLOCK = 4096  # rows that caches hold with all that is computed from them
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

    def _of_large(self) -> Floats:
        """Return the ties of networks of SIZES; what is not learnt is no less than the smaller ones show.

        As many members of a site are lost with one, however large the network.
        """
        ties = self.large_ties.copy()
        assumed = np.minimum(10**SIZES / np.maximum(self.large_losses, 1), 1)
        for k in range(1, len(SIZES)):
            ties[k] += assumed[k] * max(ties[k - 1] * 10 ** (SIZES[k - 1] - SIZES[k]) - SITE / 10 ** SIZES[k], 0)
        return ties

    def tie_of(self, members: Floats) -> Floats:
        """Return the tie of networks of so many members (rows): between sizes along a power law."""
        large = self._of_large()
        sizes, ties = np.array([1, *SIZES, 6]), np.array([self.tie, *large, large[-1] / 10**2.5])
        found = np.exp(np.interp(np.log10(np.maximum(members, 1)), sizes, np.log(ties)))
        return np.asarray(np.minimum(found, self.tie))


@dataclass(frozen=True, slots=True)
class NormalLosses:
    """What a normal bin does to each row: `chance` that a member is lost, `tie` between its members."""

    chance: Floats
    tie: Floats


FALL_LOST = SPREAD * (1 - np.asarray(RHOS, np.float64))  # of the beta law of a fall's share
FALL_STAYED = SPREAD - FALL_LOST
FALL_SCALE = log_gamma(FALL_LOST) + log_gamma(FALL_STAYED) - log_gamma(np.array([SPREAD]))


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
    parts -= FALL_SCALE[:, None] + (gammas[16] + null)
    return np.asarray(parts.T)


def shallow(recent: Floats, members: Floats, tie: Floats) -> Floats:
    """Return the nats by which so few losses of late speak against a fall that takes the least share, or 0 (rows).

    Members that are tied weigh as fewer independent ones, in a fall as in a normal bin: past 1 / `tie`, more members
    make neither likelier.
    """
    short = np.maximum(LEAST - recent / np.maximum(members, 1), 0)
    return np.asarray(members / (1 + tie * np.maximum(members - 1, 0)) * short * short / (2 * LEAST * (1 - LEAST)))


def hidden(named: Floats, fresh: float, chance: Floats, fallen: Floats) -> Floats:
    """Return what members that were never named add to the evidence (rows × RHOS, nats): they all stayed up.

    When each member has been named with chance 1 − fresh, those that were not are negative binomial given `named`.
    `chance`, `fallen` (rows × RHOS): the share lost if this bin is normal, and if it is a fall.
    """
    parts = np.log((1 - fresh * (1 - chance))[:, None] / (1 - fresh * (1 - fallen)))
    return np.asarray((named + 1)[:, None] * np.minimum(parts, 0))


@dataclass(frozen=True, slots=True)
class MemberBin:
    """A closed bin of a feed of members, with what follows from it. An element per row, or per row of `losing`.

    `before`: members up at its start, with those that its losses revealed; `likely`: with those never named as well.
    `losing`: the rows that were measured and lost members; `lost`: how many; `joint`: each counted as in `together`.
    `in_one_country`: all rows have the same code, so that nobody is abroad. `shows_faults`: a fault of the feed would
    be seen. `fades`: what usually leaves at this hour of the day, where that is looked at.
    """

    seen: ClosedBin
    measured: Flags
    before: Floats
    likely: Floats
    losing: Ints
    lost: Floats
    joint: Floats
    in_one_country: bool
    shows_faults: bool
    fades: Fades | None = None

    @classmethod
    def of(cls, c: MemberColumns, seen: ClosedBin, churn: FeedChurn, fades: Fades | None = None) -> MemberBin:
        """Return what follows from a bin."""
        measured, up = seen.alive & seen.present, before(seen)
        likely = up + (c.named + 1) * churn.fresh / (1 - churn.fresh)
        losing = rows_of(measured & (seen.lost > 0))
        lost, alike = seen.lost[losing], bool((seen.group == seen.group[:1]).all())
        faults = shows_faults(measured & (np.maximum(up, c.usual_up) >= FEWEST), seen.group)
        return cls(seen, measured, up, likely, losing, lost, together(lost, likely[losing]), alike, faults, fades)

    def spread(self, numbers: Floats) -> Floats:
        """Return numbers of the losing rows as those of all rows: 0 where none was lost."""
        every = np.zeros(len(self.measured))
        every[self.losing] = numbers
        return every


def before(seen: ClosedBin) -> Floats:
    """Return the members up at the start of the bin, with those that its losses revealed (rows)."""
    return seen.value + seen.lost - seen.back


def together(lost: Floats, up: Floats) -> Floats:
    """Return the losses, each counted by the share of its network's other members that were lost with it (rows)."""
    share = np.maximum(lost - 1, 0) / np.maximum(up - 1, 1)
    return np.asarray(lost * np.minimum(share, 1))


def usual(
    c: MemberColumns, rows: Ints, closed: MemberBin, churn: FeedChurn, shake: NormalLosses | None = None
) -> NormalLosses:
    """Return what is normal in this bin for these rows: from their own past, the feed's, and what others lose now.

    The row's own rate and tie are drawn towards the feed's: gamma priors of shape 1, for the tie less in a large
    network. Half a standard deviation is added to the tie, since networks differ. `shake`: what
    others lose, where that is assumed.
    """
    member_bins, losses, joint, late = (
        numbers[rows].astype(np.float64) for numbers in (c.member_bins, c.losses, c.joint_losses, c.late_turnover)
    )
    site = churn.tie_of(closed.before[rows])
    shake = shake or others(rows, closed, churn, site)
    pairs = site / churn.tie + np.maximum(joint, 0)
    tie = (pairs + np.sqrt(pairs) / 2) / (1 / churn.tie + losses)
    own = own_rate(losses, member_bins, churn.rate)
    chance, tie = np.maximum(np.maximum(shake.chance, late / 2), own), np.maximum(tie, shake.tie)
    if closed.fades:
        usually, scatter = closed.fades.usual(rows, c, closed.seen.value[rows], own)
        chance, tie = np.maximum(chance, usually), np.maximum(tie, scatter)
    return NormalLosses(np.clip(chance, 1e-4, 0.9), np.clip(tie, 1e-4, 0.9))


def by_hour(c: MemberColumns, closed: MemberBin, rows: Ints, joint: Floats, own: Floats) -> Floats:
    """Return the part of what these losing rows lost that usually leaves at this hour, and tells nothing of their tie.

    It is what is lost together (`joint`) beyond the `own` rate, up to what the hour explains on average.
    """
    if not closed.fades or not rows.size:
        return np.zeros(len(rows))
    share = joint / closed.seen.lost[rows]
    usually, scatter = closed.fades.usual(rows, c, closed.seen.value[rows], own)
    explained = np.minimum(share, usually + (1 - usually) * scatter)
    return np.asarray(np.maximum(explained - own, 0) / np.maximum(share, 1e-9))


def others(rows: Ints, closed: MemberBin, churn: FeedChurn, site: Floats) -> NormalLosses:
    """Return what networks of other countries than these losing rows lose in this bin; without enough, all others.

    Their tie is what they lose together beyond what chance puts together in a bin that loses as many. `site`: the usual
    tie of networks of the rows' sizes.
    """
    likely, joint = closed.likely.copy(), closed.spread(closed.joint)
    likely[rows_of(~closed.measured)] = 0
    whole = np.array([[numbers.sum()] for numbers in (closed.lost, likely, joint)])
    besides = np.stack((closed.seen.lost[rows], likely[rows], joint[rows]))
    if not closed.in_one_country:
        group_of = closed.seen.group[rows]
        home = _by_group(closed, likely)[:, group_of]
        besides = np.where((group_of > 0) & (whole[1] - home[1] >= WITNESSES), home, besides)
    lost, there, pairs = np.maximum(whole - besides, 0)
    chance = lost / (there + 20)
    tie = (pairs - lost * (churn.tie + chance)) / (lost + SHAKEN * there + 20)
    return NormalLosses(chance, tie + site)


def _by_group(closed: MemberBin, up: Floats) -> Floats:
    """Return losses, members up (rows) and joint losses as sums of groups (3 × groups)."""
    sums, group = np.bincount(closed.seen.group, up), closed.seen.group[closed.losing]
    lost, joint = (np.bincount(group, numbers, len(sums)) for numbers in (closed.lost, closed.joint))
    return np.stack((lost, sums, joint))


def own_rate(losses: Floats | Singles, member_bins: Floats | Singles, rate: float) -> Floats:
    """Return the losses per member and bin of each row, drawn towards a rate by a gamma prior of shape 1."""
    return np.asarray((1 + losses) / (1 / rate + member_bins))


def score(store: SeriesStore, closed: MemberBin, churn: FeedChurn, width: int) -> Floats:
    """Add this bin's evidence to what the last half hour left, and return it where it speaks for a fall (nats, rows).

    Bins are `width` seconds wide.
    """
    sums, runs, gained = store.falls.evidence, store.falls.bins, np.zeros(len(closed.before))
    free = closed.measured & (store.phases.phase < FOLLOWED)
    touched = free & any_evidence(sums)
    there, fade = rows_of(touched), np.float32(math.exp(-width / SPELL))
    _fade_losses(store.members, closed, fade)
    for part in blocks(there.size, AT_A_TIME):
        _fade_sums(sums, there[part], store.members, closed, fade)
    rows = closed.losing[free[closed.losing]]
    if rows.size:
        normal = usual(store.members, rows, closed, churn)
        _add_losses(store.members, rows, closed, normal)
        found = weigh(store.members, rows, closed, churn, normal)
        sums.T[:, rows], gained[rows] = np.maximum(taken(sums, rows) + found, 0).T, np.maximum(strongest(found), 0)
    touched[rows] = True
    changed = rows_of(touched)
    for part in blocks(changed.size, AT_A_TIME):
        _count_bins(sums, runs, changed[part])
    return gained


def _fade_sums(sums: Singles, rows: Ints, c: MemberColumns, closed: MemberBin, fade: np.float32) -> None:
    """Let the evidence of these rows fade, and without the part that members bring back with them."""
    if not rows.size:
        return
    share = _left(rows, c, closed)
    for column in sums.T:
        left = column.take(rows)
        left *= share
        left *= fade
        left *= left >= FAINTEST
        column[rows] = left


def _count_bins(sums: Singles, runs: Bins, rows: Ints) -> None:
    """Count a bin in the sums of these rows; those of zero have none."""
    if not rows.size:
        return
    for column, run in zip(sums.T, runs.T, strict=True):
        bins = run.take(rows)
        np.minimum(bins, LONGEST, out=bins)
        bins += 1
        bins *= column.take(rows) > 0
        run[rows] = bins


def _fade_losses(c: MemberColumns, closed: MemberBin, fade: np.float32) -> None:
    """Let the losses of late fade as evidence does, and without the part that members bring back with them."""
    c.recent_losses *= fade * (c.recent_losses > FAINTEST)
    rows = rows_of((closed.seen.back > 0) & (c.recent_losses > 0))
    if rows.size:
        c.recent_losses[rows] *= _left(rows, c, closed)


def _add_losses(c: MemberColumns, rows: Ints, closed: MemberBin, normal: NormalLosses) -> None:
    """Add what these rows lost in this bin beyond the usual to their losses of late."""
    beyond = closed.seen.lost[rows] - normal.chance * closed.before[rows]
    c.recent_losses[rows] += np.maximum(beyond, 0).astype(np.float32)


def any_evidence(sums: Singles) -> Flags:
    """Return which rows have evidence for any of RHOS (rows × RHOS), by columns: NumPy is slow along short rows."""
    found = sums[:, 0] != 0
    for column in sums.T[1:]:
        found |= column != 0
    return np.asarray(found)


def strongest(nats: Singles) -> Singles:
    """Return the largest of the numbers of each row (rows × RHOS), column by column."""
    found = nats[:, 0].copy()
    for column in nats.T[1:]:
        np.maximum(found, column, out=found)
    return found


def weigh(
    c: MemberColumns, rows: Ints, closed: MemberBin, churn: FeedChurn, normal: NormalLosses | None = None
) -> Floats:
    """Return the evidence of this bin's losses in these rows (rows × RHOS, nats), against `normal` or what is usual."""
    seen, normal = closed.seen, normal or usual(c, rows, closed, churn)
    named = np.maximum(seen.size[rows], c.named[rows])
    recent = c.recent_losses[rows].astype(np.float64)
    columns = seen.lost[rows], recent, closed.before[rows], named, normal.chance, normal.tie
    return np.concatenate([_weighed(churn.fresh, *(column[part] for column in columns)) for part in blocks(len(rows))])


def blocks(rows: int, size: int = BLOCK) -> Iterator[slice]:
    """Return so many rows in blocks, which caches hold; no rows are a block as well."""
    return (slice(begin, begin + size) for begin in range(0, max(rows, 1), size))


def _weighed(
    fresh: float, lost: Floats, recent: Floats, up: Floats, named: Floats, chance: Floats, tie: Floats
) -> Floats:
    normal = NormalLosses(chance, tie)
    lost = np.maximum(lost, normal.chance * up)  # fewer losses than are usual are as good as the usual ones
    recent, stayed = np.maximum(lost, recent + normal.chance * up), np.maximum(up - lost, 0)
    weight = (1 / normal.tie - 1)[:, None]
    members = (lost + stayed)[:, None]
    after = (normal.chance[:, None] * weight + lost[:, None]) / (weight + members)
    fallen = (FALL_LOST + lost[:, None]) / (SPREAD + members)
    against = shallow(recent, lost + stayed, normal.tie)[:, None]
    return evidence(lost, stayed, normal) - against + hidden(named, fresh, after[:, 0], fallen)


def relaxed(nats: Singles, rows: Ints, c: MemberColumns, closed: MemberBin) -> Singles:
    """Return the evidence of some rows (rows × RHOS) without the part that members bring back with them."""
    return nats * _left(rows, c, closed)[:, None]


def _left(rows: Ints, c: MemberColumns, closed: MemberBin) -> Singles:
    """Return the share of the members missing from these rows that have not come back in this bin."""
    back = closed.seen.back[rows]
    missing = np.maximum(c.usual_up[rows] - closed.before[rows], back)
    return np.asarray(1 - back / np.maximum(missing, 1), np.float32)
