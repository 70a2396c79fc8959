"""The detector of one feed: scores a closed bin of all series, decides, then learns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from detectors.types import Change, ClosedBin, Flags, Floats, Ints, Rule

from . import decide, member_churn, recovery, score_bins, suppression
from .evidence import Singles
from .learning import turn
from .outage_lifecycle import FOLLOWED, Ongoing
from .season import SLOTS, Slots, slot_of
from .series_state import Columns


class Deviation(NamedTuple):
    """The bin closed last, per row; NaN while warming up. `spread` in the unit of the value, `evidence` in nats."""

    value: Floats
    expected: Floats
    spread: Floats
    evidence: Floats


class Levels(NamedTuple):
    """What the rows were expected to hold in the bin closed last, measured or not, and how far a normal one strays.

    `known`: not those in warm-up.
    """

    known: Flags
    expected: Floats
    spread: Floats


class Detector:
    """All series of one feed. `hot`, `slots`, `ongoing` and `scalars` are its state: copies continue exactly."""

    def __init__(self, rule: Rule) -> None:
        self._desk = score_bins.Desk(rule)
        self._dirty: set[int] = set()
        self._scored = score_bins.Scored(0)

    @property
    def rule(self) -> Rule:
        """The feed's parameters."""
        return self._desk.rule

    @property
    def rows(self) -> int:
        """How many series there are."""
        return self._desk.store.rows

    @property
    def scored(self) -> int:
        """How many series took part in the bin closed last; 0 before there was one."""
        return len(self._scored.worth)

    @property
    def hot(self) -> Columns:
        """Columns that change when bins close, rows on axis 0."""
        return self._desk.store.hot

    @property
    def slots(self) -> Slots:
        """Seasonal profiles, see `season`."""
        return self._desk.store.slots

    @property
    def ongoing(self) -> dict[int, Ongoing]:
        """Outages that have not ended, by row."""
        return self._desk.ongoing

    @property
    def scalars(self) -> dict[str, float]:
        """Numbers of the whole feed."""
        return self._desk.scalars

    def grow(self, rows: int) -> None:
        """Append series in warm-up."""
        self._desk.store.grow(rows)

    def reset(self, rows: Ints) -> None:
        """Make rows new series in warm-up; they have no open outage."""
        self._desk.store.reset(rows)

    def rescale(self, rows: Ints, by: Floats) -> None:
        """Multiply what rows are expected to hold: they are sums that have other parts now. Evidence is kept."""
        for name in ("level", "anchor", "last", "quantum"):
            self.hot[name][rows] *= by.astype(np.float32)

    def dirty_slots(self) -> tuple[int, ...]:
        """Columns of `slots` that changed since the last call."""
        dirty, self._dirty = tuple(sorted(self._dirty)), set()
        return dirty

    def deviations(self, rows: Ints | None = None) -> Deviation:
        """What the bin closed last showed, of some of its rows or of all.

        The evidence of an outage that is followed is that of its opening.
        """
        s, some = self._scored, slice(self.scored) if rows is None else rows
        told = s.worth[some].copy()
        for at in np.flatnonzero(self.hot["phase"][some] == FOLLOWED).tolist():
            told[at] = max(float(told[at]), self.ongoing[at if rows is None else int(rows[at])].evidence)
        columns = (s.value[some], s.mid[some], s.mid[some] / np.sqrt(s.inform[some]), told)
        known = s.warm[some] & s.ok[some]
        return Deviation(*(np.where(known, column, np.nan).astype(np.float64) for column in columns))

    def shown(self) -> Singles:
        """Value, expected and spread of the bin closed last, a column per row; NaN where nothing was measured or, but
        for the value, while warming up. Of a ratio they are shares.
        """
        s = self._scored
        told = np.empty((3, len(s.value)), np.float32)
        told[0], told[1] = s.value, s.mid
        with np.errstate(divide="ignore", invalid="ignore"):
            np.divide(s.mid, np.sqrt(s.inform), out=told[2])
        np.copyto(told, np.nan, where=~s.ok)
        np.copyto(told[1:], np.nan, where=~s.warm)
        return told

    def levels(self) -> Levels:
        """The levels of the bin closed last; what a ratio without trials strays by is not known: by all there is."""
        s = self._scored
        mid = s.mid.astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = mid / np.sqrt(s.inform)
        known = s.warm & np.isfinite(mid)
        return Levels(known, mid, np.where(np.isfinite(spread), spread, mid))

    @property
    def is_fresh(self) -> bool:
        """Whether the first of its series has just left warm-up."""
        return bool(self._scored.warm.any()) and int(self.hot["seen"].max()) <= self._desk.pace.warm + 1

    def close(self, seen: ClosedBin, ask: suppression.Ask | None = None) -> list[Change]:
        """Score, decide, then learn one bin. Changes in row order. `ask`: what suppresses an outage, if any can."""
        desk, presence = self._desk, self.rule.kind == "presence"
        followed = np.flatnonzero(self.hot["phase"] == FOLLOWED)
        scored = self._scored = score_bins.presence(desk, seen) if presence else score_bins.levels(desk, seen)
        held = decide.fault(desk, seen, scored)
        changes = decide.openings(desk, seen, scored, held) + decide.course(desk, followed, seen, scored, held)
        if ask or any(one.suppressed_by for one in self.ongoing.values()):
            changes = suppression.apply(suppression.Bin(desk, seen, scored), changes, ask or _nothing)
        recovery.forget(self.hot, seen.start, self.rule.width)
        self._learn(seen)
        return sorted(changes, key=lambda change: change.row)

    def _learn(self, seen: ClosedBin) -> None:
        """Members at the end of each bin, profiles at the end of each hour."""
        if self.rule.kind == "presence":
            member_churn.learn(self.hot, seen, self.rule.width)
        elif slot_of(seen.start) != slot_of(seen.start + self.rule.width):
            grown = turn(self.rule, self._desk.pace, self.hot, self.slots, seen.start, self._scored.worth)
            if grown:
                self._desk.store.stale()
            self._dirty.update(range(SLOTS) if grown else (slot_of(seen.start),))

    def expire(self, at: int, rows: Iterable[int] | None = None) -> list[Change]:
        """The feed stopped, of all rows or of some: open outages become expired, suspicions are withdrawn."""
        return decide.expired(self._desk, at, sorted(self.ongoing if rows is None else self.ongoing.keys() & set(rows)))


def _nothing(row: int, began: int) -> None:
    """Nothing suppresses anything."""
