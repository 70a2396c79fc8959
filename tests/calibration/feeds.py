"""False alarms of several feeds of the same entities, whose noise is partly the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from detectors.outages.detector import Detector
from detectors.types import ClosedBin, Kind, Rule
from tests.calibration.alarms import LOT, Alarms
from tests.calibration.laws import everyday
from tests.calibration.quiet import measured
from tests.calibration.world import Matrix, Scene, autoregressive, scene
from tests.detectors.series import outages, run

KINDS: tuple[Kind, ...] = ("gauge", "count", "distinct", "ratio", "gauge")


class FeedBins(NamedTuple):
    """A feed's parameters and its bins; row i is entity i in each feed."""

    rule: Rule
    seen: list[ClosedBin]


Count = Callable[[Sequence[FeedBins]], Iterable[int]]  # gives the row of each alarm


def feeds(number: int, series: int, days: int, width: int, seed: int, budget: float = 1.0) -> list[FeedBins]:
    """Draw up to five feeds: day, weekend, growth and part of the noise are those of the entity."""
    place = scene(np.random.default_rng([seed, number, series, days, width]), series, days, width)
    level, depth = everyday(place), place.rng.uniform(0, 0.05, series)
    made = []
    for kind, noise in zip(KINDS, noises(place, number), strict=False):
        shape = level * (1 + depth * noise).clip(0.5, 1.5).astype(np.float32)
        made.append(FeedBins(Rule(kind, width, budget), list(measured(place.rng, kind, shape, width, place.country))))
    return made


def noises(s: Scene, number: int) -> list[Matrix]:
    """Return the noise of each feed, of variance 1: 0 to 0.8 of it is common to the feeds, by series."""
    common, *own = (autoregressive(s.rng, s.bins, s.rng.uniform(0, 0.9, s.series)) for _ in range(number + 1))
    shared = s.rng.uniform(0, 0.8, s.series)
    return [np.sqrt(shared) * common + np.sqrt(1 - shared) * noise for noise in own]


def separately(drawn: Sequence[FeedBins]) -> list[int]:
    """Count the outages that each feed opens by itself."""
    return [change.row for rule, seen in drawn for change in outages(run(Detector(rule), iter(seen)))]


def calibrate_feeds(
    number: int, width: int, days: int, count: Count = separately, lot: int = 0, series: int = LOT, budget: float = 1.0
) -> Alarms:
    """Count the alarms of entities with so many feeds. Outages of single feeds are paid for by the series of each."""
    rows = list(count(feeds(number, series, days, width, lot, budget)))
    paid = series * number if count is separately else series
    name = f"feeds-{number}" if count is separately else f"{number}-together"
    return Alarms(name, "gauge", width, paid, days, budget, len(rows), len(set(rows)), 0, 0)
