"""What several feeds show of one entity together, though none of them shows an outage by itself.

A doubt is worth as much as it is rare: how often each feed is in doubt is learnt from all of its entities. Of a
further feed counts the share that is new, by how often it is in doubt when another one is. A feed that could have seen
the fall and does not counts against it. Pure; evidence is in nats.
Derived in docs/incidents.md#several-feeds-together-fusionpy-doubtspy-doubt_ratespy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from detectors.outages.detector import DOUBT
from detectors.outages.evidence import EXCESS

from .model import Facets

BLIND = 0.2  # chance that a feed does not see an outage that its noise would let it see


class Doubt(NamedTuple):
    """Evidence of a series that is no outage by itself: nats, the share lost, and since when (Unix s)."""

    feed: str
    entity: str
    country: str | None
    facets: Facets
    evidence: float
    drop: float
    since: float


class JointEvidence(NamedTuple):
    """What feeds say together: the sum in nats, and what each feed gives, the strongest first; less than 0: against."""

    nats: float
    by_feed: tuple[tuple[str, float], ...]


class Habits(Protocol):
    """What is known of the doubts of feeds."""

    def worth(self, feed: str, nats: float) -> float:
        """Return the nats that a doubt of a feed is worth by itself."""

    def correlation(self, first: str, second: str) -> float:
        """Return how far two feeds stray together, 0 to 1."""


def together(shown: Mapping[str, float], due: Mapping[str, float], habits: Habits) -> JointEvidence:
    """Return the verdict of feeds that show evidence (nats), and of feeds that measure the entity and show none.

    `due`: the evidence that each feed that measures it would have by now. Each feed that shows some bears its part of
    the price of having chosen these feeds among all.
    """
    worths = {feed: habits.worth(feed, nats) for feed, nats in shown.items()}
    ordered = sorted(shown, key=lambda feed: (-worths[feed], feed))
    shares = {feed: new_share([habits.correlation(o, feed) for o in ordered[:at]]) for at, feed in enumerate(ordered)}
    given = {feed: shares[feed] * worths[feed] for feed in ordered}
    excess = sum(shares[feed] * (worths[feed] - habits.worth(feed, DOUBT)) for feed in ordered)
    missed = {feed: BLIND + (1 - BLIND) * unseen(due.get(feed, 0.0)) for feed in sorted(shown.keys() | due.keys())}
    total = sum(given.values())
    left = total - price(len(ordered), list(missed.values()), excess) if ordered else 0.0
    against = [(feed, math.log(chance)) for feed, chance in missed.items() if feed not in shown]
    by_feed = [(feed, nats * left / total) for feed, nats in given.items()] if total > 0 else []
    return JointEvidence(left + sum(nats for _, nats in against), (*by_feed, *against))


def price(shown: int, missed: Sequence[float], excess: float) -> float:
    """Return the nats that feeds in doubt must have beyond the rarity of their doubts.

    They may be any two or more, each set as likely as all others miss the fall: `missed` is that chance for each feed
    that measures the entity. And they share the `excess` (nats) in many ways: the tail of a sum of exponentials is that
    of Erlang. The rest is what a threshold is less than the logarithm of a chance.

    >>> round(price(2, [1, 1], 0.0), 2), round(price(2, [1, 1, 1], 2.0), 2), round(price(5, [0.2] * 5, 0.0), 2)
    (1.0, 3.48, 1.91)
    """
    ways = math.fsum(max(excess, 0.0) ** k / math.factorial(k) for k in range(shown))
    nobody = math.prod(missed)
    sets = math.prod(1 + chance for chance in missed) - nobody * (1 + math.fsum(1 / chance for chance in missed))
    return math.log(ways) + math.log(max(sets, 1.0)) + EXCESS


def new_share(correlations: Sequence[float]) -> float:
    """Return the share of a feed's evidence that is new, given its correlations with the feeds before it.

    The joint tail of k normal numbers with a correlation r has k / (1 + (k - 1) r) times the exponent of a single one.
    The strongest few of the correlations that leave least decide.

    >>> new_share([]), new_share([0.0, 0.0]), round(new_share([0.5]), 2), round(new_share([0.5, 0.5]), 2)
    (1.0, 1.0, 0.33, 0.17)
    """
    least, total = 1.0, 0.0
    for count, one_more in enumerate(sorted(correlations, reverse=True), 1):
        total += one_more
        mean = total / count
        least = min(least, (1 - mean) / ((1 + count * mean) * (1 + (count - 1) * mean)))
    return least


def unseen(nats: float) -> float:
    """Return the chance that a feed is not in doubt where it should have so much evidence.

    >>> round(unseen(0.0), 2), round(unseen(3.0), 2), round(unseen(12.0), 2)
    (0.99, 0.5, 0.01)
    """
    return 0.5 * math.erfc(math.sqrt(max(nats, 0.0)) - math.sqrt(DOUBT))


@dataclass(slots=True)
class DoubtRun:
    """A run of doubt of a feed about an entity, and whether an outage came of it.

    `bins`: so far; `beyond`: the nats of these bins beyond `DOUBT`, summed; `common`: of these bins, those in which
    each other feed was in doubt too; `mute`: those in which it sent nothing.
    """

    country: str | None
    bins: int = 0
    beyond: float = 0.0
    common: dict[str, int] = field(default_factory=dict)
    outage: bool = False
    mute: dict[str, int] = field(default_factory=dict)
