"""What several feeds show of one entity together, though none of them shows an outage by itself.

Evidence of feeds adds up, each discounted by its *tie* to the others: the share of its doubtful runs in which the other
feed was in doubt about the same entity too, learnt from runs that were no outage. A feed that could have seen the fall
and does not counts against it. Pure; evidence is in nats.
Derived in docs/incidents.md#several-feeds-together-fusionpy-doubtspy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .model import Facets

FIRST_TIE = 0.1  # tie of two feeds before any run was seen
RUNS = 10  # that this counts for
MOST_RUNS = 1000  # that a tie remembers; then they count half
BLIND = 0.2  # chance that a feed does not see an outage that its noise would let it see

Ties = dict[tuple[str, str], tuple[float, float]]  # of two feeds in order: runs tried, and runs shared


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


def together(
    shown: Mapping[str, float], silent: Mapping[str, float], tie: Callable[[str, str], float]
) -> JointEvidence:
    """Return the verdict of feeds that show evidence (nats), and of those that show none.

    `silent`: the evidence that each of these would have by now. `tie`: of two feeds, 0 to 1.
    """
    ordered = sorted(shown, key=lambda feed: (-shown[feed], feed))
    given: list[tuple[str, float]] = []
    for at, feed in enumerate(ordered):
        shared = max((tie(feed, other) for other in ordered[:at]), default=0.0)
        given.append((feed, discounted(shown[feed], shared)))
    against = [(feed, -discounted(nats, BLIND)) for feed, nats in sorted(silent.items())]
    total = sum(nats for _, nats in given)
    return JointEvidence(total - math.log(max(len(given), 1)) + sum(nats for _, nats in against), (*given, *against))


def discounted(nats: float, shared: float) -> float:
    """Return evidence that is no news with a probability `shared`, and new otherwise.

    >>> round(discounted(6.0, 0.0), 2), round(discounted(6.0, 0.1), 2), round(discounted(6.0, 1.0), 2)
    (6.0, 2.28, 0.0)
    """
    return -math.log(shared + (1 - shared) * math.exp(-nats)) + 0.0


def tie_of(ties: Ties, first: str, second: str) -> float:
    """Return the tie of two feeds."""
    tried, shared = ties.get(_pair(first, second), (0.0, 0.0))
    return min((FIRST_TIE * RUNS + shared) / (RUNS + tried), 1.0)


def learn_tie(ties: Ties, first: str, second: str, *, shared: bool) -> None:
    """Count a doubtful run of one feed about an entity that the other measures too."""
    tried, count = ties.get(_pair(first, second), (0.0, 0.0))
    keep = 0.5 if tried >= MOST_RUNS else 1.0
    ties[_pair(first, second)] = (keep * tried + 1, keep * count + shared)


def _pair(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first < second else (second, first)


@dataclass(slots=True)
class DoubtRun:
    """A run of doubt of a feed about an entity: the feeds in doubt meanwhile, and whether an outage came of it."""

    country: str | None
    others: set[str] = field(default_factory=set)
    outage: bool = False
