"""When most series of a feed fall in the same bin the feed is at fault, not the networks.

Derived in docs/detection.md#feed-faults-feed_faultpy-fault_trialpy. Arrays hold an element per row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from detectors.types import Flags, Floats, Ints, Singles

from .column_rows import rows_of
from .evidence import EMPTY

LEAST = 10  # scored series below which a common fall says nothing about the feed
SHARE = 0.5
SURE = 4.0  # standard deviations by which the countries other than the worst hit must have fallen together
STILL = 0.5  # of all that, for a fault to go on
PACE = 0.75  # standard deviations a bin that a shallow common fall must exceed to gather
GATHERED = 4.5  # standard deviations gathered over bins, that stand for `SURE`
MOST = 6.0  # standard deviations gathered at most, so that a fault is soon over
CERTAIN = 1e6  # parts that a probability is exact to, so that sums do not depend on the order of rows
AWAY = 0.3  # of a network's members: so many are missing where the feed, not the members, may be at fault


class Falls(NamedTuple):
    """How many series of a country are scored, how many of them fall in a bin, and by how many standard deviations all
    lie low together, in hundredths: whole numbers, so that sums are exact.
    """

    scored: int
    fell: int
    sigmas: int


FallsByCountry = Mapping[Any, Falls]  # by the name or code of a country; empty or 0 where it is unknown


class CommonFall(NamedTuple):
    """How many series of a feed fall in the same bin.

    `fell`, `scored`: series; a series that falls by noise did not fall. `sigmas`: Stouffer's sum of how far they lie
    below what is expected, without the country that is hit worst.
    """

    fell: int
    scored: int
    sigmas: float

    @property
    def nats(self) -> float:
        """The evidence (nats) that the feed fell in common, as a normal sum of that many sigmas has it."""
        return max(self.sigmas, 0.0) ** 2 / 2


def falls_by_country(
    falling: Flags, scored: Flags, group: Ints, short: Singles, by_chance: Singles | None = None
) -> dict[int, Falls]:
    """Return what `suspect` looks at, by the code of the country. `short`: standard deviations that each row lies low.

    No outlier counts for more than six. `by_chance`: probability that noise alone makes a row fall; None: none.
    """
    down, low = rows_of(falling & scored), short.clip(-3, 0)
    low[down] = short[down].clip(0, 6)
    left_out = rows_of(~scored)
    low[left_out] = 0
    everything, lying_low = _counted(group, low)
    sigmas = np.rint(100 * lying_low).astype(np.int64)
    rows = everything - np.bincount(group[left_out], minlength=len(sigmas))
    fell = np.bincount(group[down], minlength=len(sigmas))
    if by_chance is not None:
        fell = _beyond_chance(rows, fell, np.bincount(group, _parts(by_chance, scored)) / CERTAIN)
    found = np.flatnonzero(rows).tolist()
    return {code: Falls(int(rows[code]), int(fell[code]), int(sigmas[code])) for code in found}


def _counted(group: Ints, numbers: Singles) -> tuple[Ints, Floats]:
    """Return the rows of each code and the sum of their numbers; at once where all rows have the same code."""
    if not group.size or (group != group[0]).any():
        return np.bincount(group), np.bincount(group, weights=numbers).astype(np.float64)
    rows, sums = np.zeros(int(group[0]) + 1, np.int64), np.zeros(int(group[0]) + 1)
    rows[-1], sums[-1] = len(group), numbers.sum(dtype=np.float64)
    return rows, sums


def _parts(by_chance: Singles, scored: Flags) -> Singles:
    return np.where(scored, np.rint(CERTAIN * by_chance), 0)


def _beyond_chance(rows: Ints, fell: Ints, by_chance: Floats) -> Ints:
    """Return how many fell for a cause they share, given that noise makes so many fall where none has one.

    Of n rows of which t share a cause t + (n - t) p fall, so that t = (fell - n p) / (1 - p).
    """
    others = np.rint((fell - by_chance) * rows / np.maximum(rows - by_chance, EMPTY))
    return np.clip(others, 0, fell).astype(np.int64)


def added(parts: Iterable[Falls]) -> Falls:
    """Return the sum of falls."""
    scored, fell, sigmas = (sum(column) for column in zip(Falls(0, 0, 0), *parts, strict=True))
    return Falls(scored, fell, sigmas)


def common_fall(falls: FallsByCountry) -> CommonFall:
    """Return how many series fall in the bin."""
    everything, beside = added(falls.values()), _beside_worst(falls)
    sigmas = beside.sigmas / 100 / math.sqrt(max(beside.scored, 1))
    return CommonFall(everything.fell, everything.scored, sigmas)


def gather(before: float, fall: CommonFall) -> float:
    """Return what a common fall has gathered with this bin (standard deviations beyond `PACE`); Page 1954."""
    return min(max(before + fall.sigmas - PACE, 0.0), MOST) if fall.scored >= LEAST else 0.0


def suspect(falls: FallsByCountry, going: bool = False, gathered: float = 0.0) -> bool:
    """Return whether this bin looks like a fault: half the series fall, and not those of one country alone.

    What falls beside the country that is hit worst must be half of the series there, too, and more than noise: by
    Stouffer's sum, of this bin or as `gathered` over bins. A fault `going` on needs half.
    """
    ease, everything = STILL if going else 1.0, added(falls.values())
    if everything.scored < LEAST or not _half_fell(everything, ease):
        return False
    located = [fall for country, fall in falls.items() if country]
    many = sum(_half_fell(fall, ease) for fall in located) >= max(2, len(located) / 2)
    beside, sure = _beside_worst(falls), 0.0 if gathered >= GATHERED else ease * SURE
    together = _half_fell(beside, ease) and beside.sigmas >= 100 * sure * math.sqrt(beside.scored)
    return together and (many or not located)


def shows_faults(scored: Flags, group: Ints) -> bool:
    """Return whether a fault would be seen in so many series: in ten, of two countries or of none."""
    countries = group[scored & (group > 0)]
    alike = bool(countries.size) and bool(countries.min() == countries.max())
    return int(np.count_nonzero(scored)) >= LEAST and not alike


def _half_fell(falls: Falls, ease: float) -> bool:
    return falls.fell >= ease * SHARE * falls.scored


def _beside_worst(falls: FallsByCountry) -> Falls:
    """Return what falls outside the country with the most series down; all where no country is known."""
    located = [fall for country, fall in falls.items() if country]
    if not located:
        return added(falls.values())
    everything, worst = added(located), max(located, key=lambda fall: (fall.fell, fall.sigmas, -fall.scored))
    return Falls(*(whole - part for whole, part in zip(everything, worst, strict=True)))


def missing_members(up: Singles, usual: Singles) -> tuple[Flags, Singles]:
    """Return the networks that lack so many members that the feed may be at fault, and by how many sigmas each does."""
    missing = 1 - up / np.maximum(usual, 1)
    return missing >= AWAY, missing * np.sqrt(usual)
