"""What the detector of one feed knows, what a scored bin shows, and what a kind of feed must be able to do."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from detectors.types import ClosedBin, Flags, Floats, Ints, Rule

from .evidence import threshold
from .explanations import Watch
from .feed_fault import Falls
from .outage_lifecycle import NORMAL, Ongoing
from .recovery import CourseStep
from .series_state import CourseColumns, SeriesStore
from .time_scales import TimeScales

EARLY = math.log(50)  # a suspicion is announced at fifty times the budget


class ScoredBin:
    """A scored bin: an element per row, in 32 bits, for a model to fill.

    `value`: of a ratio a share. `expected`; `lowest_plausible`: the expectation that evidence is measured against.
    `noise`: relative variance beyond counting. `precision`: one over the relative variance of a normal bin. `evidence`:
    nats that the row has fallen. `rho_index`: of the rho that explains it best. `measured`. `ready`: has a baseline.
    `young`: has no season yet. `falls`: how many fall together, by the code of their country; not an element per row.
    """

    def __init__(self, rows: int) -> None:
        columns = np.empty((6, rows), np.float32)
        self.value, self.expected, self.lowest_plausible, self.noise, self.precision, self.evidence = columns
        self.rho_index = np.zeros(rows, np.int8)
        self.measured, self.ready, self.young = np.zeros((3, rows), np.bool_)
        self.falls: dict[int, Falls] = {}


class FeedModel(Protocol):
    """What differs between kinds of feeds: one object a kind, chosen when a detector is made."""

    has_season: bool  # whether a profile of the week is learnt

    def score(self, state: DetectorState, seen: ClosedBin) -> ScoredBin:
        """Return what a bin shows against what was learnt before it; rows that are plainly normal may be learnt."""

    def learn(self, state: DetectorState, seen: ClosedBin, scored: ScoredBin) -> Iterable[int]:
        """Learn what is left to learn of a decided bin, and return the slots of the profile that changed."""

    def is_at_fault(self, state: DetectorState, seen: ClosedBin, scored: ScoredBin) -> bool:
        """Return whether outages of this bin are suspected faults of the feed; count how long the feed is at fault.

        Put what falls together into the scored bin.
        """

    def recover(
        self, state: DetectorState, course: CourseColumns, rows: Ints, seen: ClosedBin, scored: ScoredBin
    ) -> CourseStep:
        """Return what a bin does to followed rows that were measured, and note it in their `course`."""

    def fallen(self, state: DetectorState, seen: ClosedBin, scored: ScoredBin, rows: Ints) -> Floats:
        """Return the nats (rows × RHOS) by which a bin alone says that followed rows have fallen."""

    def expected(self, seen: ClosedBin, scored: ScoredBin, row: int) -> float:
        """Return the expected value of a row, in the unit of the measurement."""

    def bins_down(self, state: DetectorState, scored: ScoredBin, row: int, drop: float, gradual: bool) -> int:
        """Return how many bins an outage has lasted when it opens."""

    def bins_falling(self, state: DetectorState, row: int, bins: int) -> int:
        """Return in how many of the `bins` of evidence of a row it fell."""

    def unlearn(self, state: DetectorState, row: int) -> None:
        """Give back what the first bins of an outage that opens may have taken from the baseline."""

    def follow_shortfall(self, state: DetectorState, scored: ScoredBin, row: int, max_drop: float) -> float:
        """Lower the baseline by what a row that is back is still missing, and return that share of normal."""

    def rebase(self, state: DetectorState, row: int, ratio: float) -> None:
        """Make a share of normal the new normal of a row."""

    def usual(self, state: DetectorState, row: int) -> float:
        """Return the level of a row without its season."""


@dataclass
class DetectorState:
    """All that the detector of one feed knows. `threshold` in nats; `scalars`: numbers of the whole feed.

    `alike`: rows are of one sort, so that a young one may stray as the others do; sums of areas are not.
    `watch`: explains some rows; not part of the state, and without an effect on it.
    """

    rule: Rule
    model: FeedModel
    alike: bool = True
    store: SeriesStore = field(default_factory=SeriesStore)
    ongoing: dict[int, Ongoing] = field(default_factory=dict)
    scalars: dict[str, float] = field(default_factory=lambda: {"fault": 0.0, "settling": 0.0})
    watch: Watch | None = None
    scales: TimeScales = field(init=False)
    threshold: float = field(init=False)

    def __post_init__(self) -> None:
        self.scales = TimeScales.of(self.rule.width)
        self.threshold = threshold(self.rule.budget, self.rule.width)

    def calm(self, scored: ScoredBin, measured: Flags) -> Flags:
        """Return which of the rows measured are normal and have too little evidence for a suspicion."""
        quiet = scored.evidence < self.threshold - EARLY
        return np.asarray(measured & (self.store.phases.phase == NORMAL) & quiet)
