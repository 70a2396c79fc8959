"""How often feeds are in doubt, and how often two of them are at once: learnt from runs of which no outage came.

All entities of a feed teach, so that a rate is known after days. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from detectors.outages.detector import DOUBT

from .fusion import DoubtRun

FIRST_TIE = 0.1  # chance that a feed is in doubt while another one is, before any run was seen
RUNS = 10  # that this counts for
RAREST = 9.0  # nats that a doubt is worth at the most, however rare it is: three times what it promises
MOST_RUNS = 10_000  # that a rate remembers; then they count half


class DoubtRate(NamedTuple):
    """How often a feed is in doubt about any of its entities.

    `tried`: bins of all entities; `bins`: those in doubt; `runs`: of such bins; `beyond`: their nats beyond `DOUBT`,
    summed.
    """

    tried: float = 0.0
    bins: float = 0.0
    runs: float = 0.0
    beyond: float = 0.0

    @property
    def length(self) -> float:
        """Bins of a run."""
        return max(self.bins / self.runs, 1.0) if self.runs else 1.0

    @property
    def rarity(self) -> float:
        """Minus the logarithm of the chance of a bin in doubt: what the nats promise, the less the more runs were seen.

        A day without any may be one on which hardly any could be, as the first of all series is. What is rarer than
        `RAREST` is as likely a fault that feeds share as an outage.
        """
        seen = math.log(max(self.tried, self.bins) / self.bins) if self.bins else DOUBT
        return (RUNS * DOUBT + self.runs * min(max(seen, DOUBT), RAREST)) / (RUNS + self.runs)

    @property
    def nat(self) -> float:
        """Nats beyond `DOUBT` by which doubts become rarer by a factor of e: one at the most, as they promise."""
        first = RUNS * self.length
        return min((first + self.beyond) / (first + self.bins), 1.0)

    def after(self, other: DoubtRate) -> DoubtRate:
        """Return what is known after more of the same."""
        keep = 0.5 if self.runs >= MOST_RUNS else 1.0
        return DoubtRate(*(keep * before + now for before, now in zip(self, other, strict=True)))


@dataclass(slots=True)
class DoubtRates:
    """Rates by feed, and ties by two feeds: bins in which the first was in doubt, and of these the second too.

    `today`: what runs of doubt showed since the rates were learnt last.
    """

    rates: dict[str, DoubtRate] = field(default_factory=dict)
    ties: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    today: dict[str, DoubtRate] = field(default_factory=dict)

    def rate(self, feed: str) -> DoubtRate:
        """Return the rate of a feed."""
        return self.rates.get(feed, DoubtRate())

    def is_rated(self, feed: str) -> bool:
        """Whether bins of a feed have been counted. Young series are in doubt often, and often together."""
        return self.rate(feed).tried > 0

    def worth(self, feed: str, nats: float) -> float:
        """Return the nats that a doubt is worth by itself: the logarithm of how rarely the feed shows as much."""
        rate = self.rate(feed)
        return (nats - DOUBT) / rate.nat + rate.rarity

    def tie(self, first: str, second: str) -> float:
        """Return the chance that the second feed is in doubt about an entity while the first is."""
        tried, common = self.ties.get((first, second), (0.0, 0.0))
        weight = RUNS * self.rate(first).length
        return min((FIRST_TIE * weight + common) / (weight + tried), 1.0)

    def correlation(self, first: str, second: str) -> float:
        """Return the correlation of two normal numbers that are low together as often: 0 to 1.

        The tail of two at once has 2 / (1 + r) times the exponent of the tail of one. Of both directions the larger.
        """
        pairs = ((first, second), (second, first))
        new = min(*(-math.log(self.tie(given, feed)) / self.rate(feed).rarity for given, feed in pairs), 1.0)
        return (1 - new) / (1 + new)

    def note(self, feed: str, run: DoubtRun) -> None:
        """Count a run that is over and was no outage."""
        self.today[feed] = self.today.get(feed, DoubtRate()).after(DoubtRate(0.0, run.bins, 1.0, run.beyond))

    def learn(self, tried: Iterable[tuple[str, float]]) -> None:
        """Learn the runs since the last time. `tried`: by feed, bins of all entities since then.

        The first time teaches nothing: most of these bins came before a series could be in doubt.
        """
        for feed, bins in tried:
            now = self.today.get(feed, DoubtRate())._replace(tried=bins)
            self.rates[feed] = self.rates[feed].after(now) if feed in self.rates else DoubtRate()
        self.today.clear()

    def learn_tie(self, first: str, second: str, bins: int, common: int) -> None:
        """Learn the bins of a run of the first feed, and those in which the second one was in doubt too."""
        tried, before = self.ties.get((first, second), (0.0, 0.0))
        keep = 0.5 if tried >= MOST_RUNS * self.rate(first).length else 1.0
        self.ties[first, second] = (keep * tried + bins, keep * before + common)
