"""Presence: members that were lost together weigh more the longer they stay away.

Derived in docs/presence.md#members-that-stay-away-members_awaypy. Arrays hold an element per row, `BUCKETS` an element
per bucket of age. A group is the members that a network lost together and that have not all come back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from detectors.types import DAY, ClosedBin, Flags, Floats, Ints, Singles

from .column_rows import AT_A_TIME, rows_of, taken
from .log_gamma import log_gamma
from .member_churn import FEW, NOTABLE
from .member_losses import FEWEST, SPELL, MemberBin, blocks, strongest
from .outage_lifecycle import FOLLOWED, NORMAL
from .series_state import Bins, MemberColumns, SeriesStore

BUCKETS = 8  # of age, each twice as long as the one before: returns are quick at first (to 11 hours)
FIRST_BUCKET = 300  # seconds away below which age makes no difference
MEMORY = 7 * DAY  # how long the feed's returns are remembered: a week has all its days
FEW_RETURNS = 20  # members and bins of prior without a return: a hazard is believed once it was seen (hand-set)
TIE = 0.3  # correlation of returns before any is seen (0.19 to 0.38 on seven days of RIPE Atlas, 599 groups)
LOOSE = 0.02  # tie of members that come back each for itself, where the feed's is of sites and of networks that differ
FEW_TIES = 20  # members whose returns that prior weighs as much as (hand-set)
STAY = 19.0  # of 20 that an outage took stay away, in a beta law (hand-set; broad)
TWO = math.log(2)  # of two alternatives, either as likely
BRIEF = 600  # seconds within which networks that are cut off for a moment reconnect (40 of 50 groups on two Atlas days)
NEARLY = (
    0.8  # share of a group that must stay away for its loss to count in full: an outage is over when so many are back
)
TABLE = 65_536  # numbers whose factorials are kept, half a megabyte: of more members they are computed
ALIEN = 0.25  # usual returns a member lost together, up to which a group's own returns stand out from them
PART = 0.25  # share of a network whose loss together tells whether the feed has such moments


@dataclass(frozen=True, slots=True)
class FeedReturns:
    """How members lost together come back in the whole feed, forgotten over a week.

    `away`, `back`: members × bins away and returns by age (BUCKETS), a group weighing as much as its independent
    members. `excess` over `chance`: the correlation of returns. `brief`, `lasting`: networks cut off for a moment, or
    for longer.
    """

    away: Floats
    back: Floats
    excess: float
    chance: float
    brief: float
    lasting: float

    @classmethod
    def of(cls, scalars: Mapping[str, float]) -> FeedReturns:
        """Return what a feed showed, from its stored numbers; nothing before its first bin."""
        away, back = ([scalars.get(f"{name}{b}", 0.0) for b in range(BUCKETS)] for name in ("away", "back"))
        rest = (scalars.get(f"returns_{name}", 0.0) for name in ("excess", "chance", "brief", "lasting"))
        return cls(np.array(away), np.array(back), *rest)

    def scalars(self) -> dict[str, float]:
        """Return the numbers as they are stored."""
        ages = {f"away{b}": float(self.away[b]) for b in range(BUCKETS)}
        ages |= {f"back{b}": float(self.back[b]) for b in range(BUCKETS)}
        rest = {"excess": self.excess, "chance": self.chance, "brief": self.brief, "lasting": self.lasting}
        return ages | {f"returns_{name}": number for name, number in rest.items()}

    def faded(self, width: int) -> FeedReturns:
        """Return what is left of it after a bin of `width` seconds in which no members are away."""
        fade = math.exp(-width / MEMORY)
        ages = (fade * self.away, fade * self.back)
        return FeedReturns(*ages, fade * self.excess, fade * self.chance, fade * self.brief, fade * self.lasting)

    @property
    def tie(self) -> float:
        """Correlation of the returns of a group."""
        return min(max((TIE * FEW_TIES + self.excess) / (FEW_TIES + self.chance), 0.05), 0.8)

    @property
    def momentary(self) -> bool:
        """Whether a network that is cut off is more often back within a moment than not."""
        return self.brief > self.lasting + 1

    def hazard(self, width: int) -> Floats:
        """Return the sum of the hazards of a return until each age in bins, up to a day."""
        return np.concatenate(([0.0], np.cumsum(self.rates()[buckets(width)[:-1]])))

    def rates(self) -> Floats:
        """Return the hazard of a return in a bin by age (BUCKETS)."""
        return np.asarray(-np.log1p(-np.minimum(self.back / (self.away + FEW_RETURNS), 0.99)))


def longest(width: int) -> int:
    """Return the bins after which a group is its network's new normal: a day, in which the members expected up fall."""
    return max(DAY // width, 2)


@cache
def buckets(width: int) -> Ints:
    """Return the bucket of each age in bins, up to the longest."""
    doublings = np.log2((np.arange(longest(width) + 1) + 1.0) * width / FIRST_BUCKET)
    return np.asarray(np.clip(doublings, 0, BUCKETS - 1).astype(np.int64))


def advance(store: SeriesStore, closed: MemberBin, gained: Floats, feed: FeedReturns, width: int) -> FeedReturns:
    """Let the groups of all rows grow older by a bin, begin, gain members or end; return what the feed showed.

    `gained`: evidence of this bin's losses (nats, rows), 0 where they are usual.
    """
    c, phase = store.members, store.phases.phase
    followed = phase >= FOLLOWED
    free = closed.measured & ~followed
    there = rows_of(free & (c.away > 0))
    feed = _return(c, there, closed, phase[there] == NORMAL, feed, width) if there.size else feed.faded(width)
    losing = closed.losing[~followed[closed.losing]]
    summed = np.maximum(strongest(taken(store.falls.evidence, losing)), 0)
    begin = _begins(c, losing, gained[losing], summed, phase[losing] == NORMAL, feed, width)
    over = np.zeros(len(c.away), np.bool_)
    over[losing[begin]] = True
    there = there[c.away[there] > 0]
    over[there[(c.away[there] < 0.5) | (c.group_age[there] >= longest(width))]] = True
    _forget(c, closed.measured, width)
    _remember(c, rows_of(over & (phase == NORMAL) & (c.group_evidence >= NOTABLE)), feed, width)
    _clear(c, rows_of(over | followed))
    _lose(c, losing, begin, closed.seen, gained, summed, width)
    return feed


def _return(c: MemberColumns, rows: Ints, closed: MemberBin, calm: Flags, feed: FeedReturns, width: int) -> FeedReturns:
    """Take the members that came back from their groups, but for those that always do; teach feed and networks."""
    age, fade, moment, rates = c.group_age[rows], math.exp(-width / MEMORY), -(-BRIEF // width), feed.rates()
    at = buckets(width)[age]
    shown = [
        _take_back(c, rows[part], closed, at[part], age[part], calm[part], feed.tie, rates)
        for part in blocks(len(rows), AT_A_TIME)
    ]
    exposed, at_back, weighed_back = (np.concatenate(column) for column in zip(*shown, strict=True))
    sums = np.bincount(at, exposed, BUCKETS), np.bincount(at_back, weighed_back, BUCKETS)
    feed = replace(feed, away=fade * (feed.away + sums[0]), back=fade * (feed.back + sums[1]))
    return _teach(c, rows[calm & (age < moment)], closed, feed, fade, moment, width)


def _take_back(
    c: MemberColumns, rows: Ints, closed: MemberBin, at: Ints, age: Bins, calm: Flags, tie: float, rates: Floats
) -> tuple[Floats, Ints, Floats]:
    """Take the members that came back from the groups of these rows, of an `age` in bins and its bucket (`at`).

    Return the members × bins away of each, and the bucket and returns of those with returns, as independent ones.
    """
    away, seen, value = c.away[rows].astype(np.float64), closed.seen, closed.seen.value[rows]
    back = rows_of(seen.back[rows] > 0)
    with_back, away_back = rows[back], away[back]
    returned = _returned(c, with_back, closed, away_back)
    left = seen.size[rows]
    left -= value
    left -= seen.lost[rows]  # down before the bin and after it
    left.clip(0, np.inf, out=left)
    down = np.maximum(c.usual_up[with_back] - value[back], 0)
    np.minimum(left, away, out=left)
    left[back] = np.minimum(np.minimum(away_back - returned, down), left[back])
    c.away[rows], c.group_age[rows] = left, age + 1
    weighed = calm / (1 + tie * (away - 1).clip(0, np.inf))
    exposed, weighed_back, faint = weighed * away, weighed[back] * returned, c.group_evidence[rows] < NOTABLE
    expected = exposed * rates.take(at)
    expected[rows_of(~faint)] = 0
    c.expected_back[rows] += expected.astype(np.float32)
    usual = faint[back]
    c.returned[with_back[usual]] += weighed_back[usual].astype(np.float32)
    return exposed, at[back], weighed_back


def _returned(c: MemberColumns, rows: Ints, closed: MemberBin, away: Floats) -> Floats:
    """Return how many of the members that came back were of the groups (rows): in proportion to all that were away.

    Of a group on trial, no more than come back beyond those that always do, as often as members go, and a standard
    deviation of these.
    """
    seen = closed.seen
    back = seen.back[rows]
    share = back * away / np.maximum(seen.size[rows] - closed.before[rows], away)
    usual = usual_returns(c, rows, seen)
    unusual = np.minimum(share, np.maximum(back - usual + np.sqrt(usual), 0))
    return np.minimum(np.where(c.group_evidence[rows] >= NOTABLE, unusual, share), away)


def usual_returns(c: MemberColumns, rows: Ints, seen: ClosedBin) -> Floats:
    """Return the members that come back in a usual bin (rows): as many as go."""
    return np.asarray(c.late_turnover[rows] / 2 * (seen.size[rows] + FEW))


def _teach(
    c: MemberColumns, rows: Ints, closed: MemberBin, feed: FeedReturns, fade: float, moment: int, width: int
) -> FeedReturns:
    """Teach the feed how much the returns of a group are tied, and whether networks are cut off for moments only.

    Each group is judged once, a moment after its loss, with the groups over by then: of later ages only groups that
    are slow to return would be left. Where many others come and go meanwhile, nobody can tell whose the returns are.
    `rows`: calm, with groups of this age in bins at the most.
    """
    age, away = c.group_age[rows], c.away[rows]
    due = (age == moment) | (away < 0.5)
    rows, away, whole = rows[due], away[due], c.lost_together[rows[due]].astype(np.float64)
    judged = (c.group_evidence[rows] >= NOTABLE) & (whole >= FEWEST) & (whole >= PART * c.usual_up[rows])
    brief = float((judged & (away <= whole / 2)).sum())
    usual = usual_returns(c, rows, closed.seen)
    at_once = (whole >= 2) & (c.group_span[rows] == 1) & (moment * usual <= ALIEN * whole)
    total, share = whole[at_once], 1 - _still_away(c, rows[at_once], feed.hazard(width)[moment], 0)
    variance = total * share * (1 - share)
    excess = ((total - away[at_once] - total * share) ** 2 - variance) / (total - 1)
    return replace(
        feed,
        excess=fade * (feed.excess + float(excess.sum())),
        chance=fade * (feed.chance + float(variance.sum())),
        brief=fade * (feed.brief + brief),
        lasting=fade * (feed.lasting + float(judged.sum()) - brief),
    )


def _still_away(c: MemberColumns, rows: Ints, hazard: Floats | float, doubt: float = 0.5) -> Floats:
    """Return the chance that a member lost with its group is still away; `hazard` of a return, summed since then.

    A network's pace of returns is a gamma law of shape 1 around the feed's, less so many standard deviations of what is
    known of it.
    """
    shape, rate = 1 + c.returned[rows].astype(np.float64), 1 + c.expected_back[rows].astype(np.float64)
    shape -= doubt * np.sqrt(shape - 1)
    return np.asarray(np.clip((rate / (rate + hazard)) ** shape, 1e-4, 1 - 1e-4))


def _begins(
    c: MemberColumns, rows: Ints, gained: Floats, summed: Floats, calm: Flags, feed: FeedReturns, width: int
) -> Flags:
    """Return which of the rows that lose members begin a new group; others join the one there or are passed over.

    What all losses of late are worth must exceed what the group is, for as long as it is away.
    """
    if not rows.size:
        return np.zeros(0, np.bool_)
    older, notable = c.group_age[rows] * float(width) > SPELL, c.group_evidence[rows] >= NOTABLE
    larger, tried = calm & ~notable, rows_of(older & (summed > c.group_evidence[rows]))
    larger[tried] |= summed[tried] > _worth(c, rows[tried], feed.tie, feed.hazard(width))
    return np.asarray((c.away[rows] <= 0) | (~notable & (gained >= NOTABLE)) | (larger & older))


def _forget(c: MemberColumns, measured: Flags, width: int) -> None:
    keep = np.where(measured, np.float32(math.exp(-width / MEMORY)), np.float32(1))
    for column in (c.returned, c.expected_back):
        column *= keep


def _remember(c: MemberColumns, rows: Ints, feed: FeedReturns, width: int) -> None:
    """Add a group that is over to what its network's returns are known from: none on trial is its own witness."""
    if not rows.size:
        return
    whole, away, hazard = c.lost_together[rows].astype(np.float64), c.away[rows].astype(np.float64), feed.hazard(width)
    weight = 1 / (1 + feed.tie * np.maximum(whole - 1, 0))
    c.returned[rows] += (weight * (whole - away)).astype(np.float32)
    exposed = (whole + away) / 2 * hazard[np.minimum(c.group_age[rows], len(hazard) - 1)]
    c.expected_back[rows] += (weight * exposed).astype(np.float32)


def _clear(c: MemberColumns, rows: Ints) -> None:
    if not rows.size:
        return
    for column in (c.away, c.lost_together, c.group_evidence, c.group_age, c.group_span):
        column[rows] = 0


def _lose(
    c: MemberColumns, rows: Ints, begin: Flags, seen: ClosedBin, gained: Floats, summed: Floats, width: int
) -> None:
    """Add the members lost in this bin to the groups that they begin or join."""
    if not rows.size:
        return
    joins = begin | (c.group_age[rows] * float(width) <= SPELL)
    rows, summed = rows[joins], summed[joins]
    for column in (c.away, c.lost_together):
        column[rows] += seen.lost[rows].astype(np.float32)
    fell = rows[(gained[rows] >= NOTABLE) | (c.group_evidence[rows] < NOTABLE)]
    c.group_span[fell] = c.group_age[fell] + 1
    c.group_evidence[rows] = np.maximum(c.group_evidence[rows] + gained[rows], summed)


def worth(c: MemberColumns, feed: FeedReturns, width: int) -> tuple[Ints, Floats]:
    """Return the rows with a group that is away, and the evidence of it (nats).

    What the loss of those still away was worth, and the likelihood of staying away in an outage over that of
    reconnecting, which those that have returned speak against.
    """
    rows = rows_of((c.group_evidence >= NOTABLE) & (c.away >= FEWEST))
    if not rows.size:
        return rows, np.zeros(0)
    hazard = feed.hazard(width)
    return rows, np.concatenate([_worth(c, rows[part], feed.tie, hazard) for part in blocks(len(rows))])


def _worth(c: MemberColumns, rows: Ints, tie: float, hazard: Floats) -> Floats:
    age, away, whole = c.group_age[rows], c.away[rows], c.lost_together[rows].astype(np.float64)
    loss = c.group_evidence[rows] * np.minimum(away / (NEARLY * c.lost_together[rows]), 1)
    share = _still_away(c, rows, hazard[np.minimum(age, len(hazard) - 1)])
    back = np.rint(whole - away)
    return np.asarray(np.maximum(loss + stayed(whole - back, back, share, tie, loss) * (age > 0), 0))


def stayed(away: Floats, back: Floats, share: Floats, tie: float, loss: Singles) -> Floats:
    """Return the log-likelihood ratio (rows) of "all, or about 95 % of them, stay away" against "they reconnect".

    They may reconnect in groups or each for itself, whichever fits; `share`: of them still away on average. Where the
    second alone outweighs what the `loss` was worth (nats), the first is not looked at: the ratio is too large then,
    and leaves no evidence all the same.
    """
    most, none = _stay(away, back), rows_of(back == 0)
    most[none] = np.logaddexp(most[none], 0.0)
    most -= TWO
    reconnect = _loose(away, back, share)
    open_ = rows_of(loss + (most - reconnect) >= 0)
    tied = _beta_binomial(away[open_], back[open_], *_beta(share[open_], tie))
    reconnect[open_] = np.maximum(tied, reconnect[open_])
    gain = most - reconnect
    gain[none] = np.maximum(gain[none], 0)
    returning = rows_of((gain > 0) & (back > 0))
    if returning.size:  # members that come back never speak for an outage
        whole = (away + back)[returning]
        alone = stayed(whole, 0 * whole, share[returning], tie, loss[returning])
        gain[returning] = np.minimum(gain[returning], alone)
    return gain


def _beta(share: Floats, tie: float) -> tuple[Floats, Floats]:
    """Return the parameters of the beta law of a mean `share` in which two members are tied so much."""
    return share * (1 / tie - 1), (1 - share) * (1 / tie - 1)


def _stay(away: Floats, back: Floats) -> Floats:
    """Return the log-likelihood of so many away and back when `STAY` of 20 stay, in a beta law (whole numbers)."""
    of_stay, of_both = int(STAY) - 1, int(STAY)  # Γ(n) is (n − 1)!
    over = log_factorial(away + of_stay) + log_factorial(back) + log_factorial(np.array([of_both]))
    return np.asarray(over - (log_factorial(away + back + of_both) + log_factorial(np.array([of_stay, 0])).sum()))


def _loose(away: Floats, back: Floats, share: Floats) -> Floats:
    """Return the log-likelihood of so many away and back in a beta law of `LOOSE` (whole numbers)."""
    first, second = _beta(share, LOOSE)
    gammas = log_gamma(np.stack((first + away, second + back, first, second)))
    weight = round(1 / LOOSE) - 2  # Γ(n) is (n − 1)!
    both = log_factorial(np.array([weight])) - log_factorial(away + back + weight)
    return np.asarray(gammas[0] + gammas[1] + both - (gammas[2] + gammas[3]))


def log_factorial(numbers: Floats | Ints) -> Floats:
    """Return the logarithms of the factorials of whole numbers: of small ones from a table, which is sooner."""
    if numbers.max(initial=0) >= TABLE:
        return log_gamma(np.asarray(numbers + 1.0, np.float64))
    return np.asarray(log_factorials()[numbers.astype(np.int64)])


@cache
def log_factorials() -> Floats:
    """Return the logarithms of the factorials of the numbers below `TABLE`."""
    return log_gamma(np.arange(1.0, TABLE + 1))


def _beta_binomial(away: Floats, back: Floats, first: Floats, second: Floats) -> Floats:
    """Return the log-likelihood of so many away and back when the chance of each is beta distributed."""
    both = first + second
    stacked = log_gamma(np.stack((first + away, second + back, both, both + away + back, first, second)))
    return np.asarray(stacked[:3].sum(axis=0) - stacked[3:].sum(axis=0))
