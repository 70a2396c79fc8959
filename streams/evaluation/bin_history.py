"""The history of one entity, bin by bin: recorded while the pipeline runs, for `ebbtide explain`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Literal, NamedTuple

from detectors.outages.detector import Deviation
from detectors.outages.evidence import threshold
from detectors.outages.explanations import Explanations, MemberExplanations
from detectors.outages.feed_fault import CommonFall, common_fall
from detectors.outages.member_losses import FEWEST
from detectors.outages.time_scales import TimeScales
from detectors.types import Change, ClosedBin, Rule, State, Suppression
from streams.pipeline.areas.area_sums import Summed
from streams.pipeline.feed import Feed

Facets = tuple[tuple[str, str], ...]
Why = Literal["silent", "fault", "followed", "warming", "sparse", "fired", "few", "below"]
CERTAIN = ("open", "recovering", "closed", "rebaselined", "expired")


class HistoryBin(NamedTuple):
    """One closed bin of one series, in the unit of the value; None is unknown, never 0.

    `value`: None where nothing was measured; a share for a ratio. `expected` and `spread`: None in warm-up.
    `evidence` (nats): None while an outage is followed, too. `state`: of the outage, after the bin. `why`: what the
    bin did, or what kept it from firing. `learnt`: normal bins learnt so far. `first_day`: no season is known yet.
    `explanations`: what else may explain the bin, None where there is no evidence. `common`: the fall of the feed.
    `suppressed_by`: what expects the outage. `recurs`: nats that say that losses recur at the same hours of each day.
    """

    start: int
    value: float | None
    expected: float | None
    spread: float | None
    evidence: float | None
    state: State | None
    why: Why
    learnt: int
    first_day: bool
    changes: tuple[Change, ...]
    explanations: Explanations | MemberExplanations | None = None
    common: CommonFall | None = None
    suppressed_by: Suppression | None = None
    recurs: float = 0.0


class OutageSpan(NamedTuple):
    """One outage of a series. `end` (Unix seconds): None while it lasts. `certain`: it was more than suspected.

    `expected`: it alerts nobody.
    """

    start: int
    end: int | None
    certain: bool
    expected: bool = False


@dataclass(slots=True)
class History:
    """All closed bins of one series, in order. `threshold` in nats."""

    feed: str
    facets: Facets
    rule: Rule
    threshold: float
    bins: list[HistoryBin] = field(default_factory=list)
    followed: bool = False

    def spans(self) -> list[OutageSpan]:
        """Return the outages of the series, in order of their opening."""
        changes = sorted(
            (change for closed in self.bins for change in closed.changes), key=attrgetter("opened", "revision")
        )
        return [_span(list(changes)) for _, changes in groupby(changes, attrgetter("opened"))]


def _span(changes: list[Change]) -> OutageSpan:
    last = changes[-1]
    over = last.updated_at if last.state in ("retracted", "expired") else None
    certain = any(change.state in CERTAIN for change in changes)
    return OutageSpan(last.started_at, last.ended_at or over, certain, last.suppressed_by is not None)


class HistoryRecorder:
    """Records each closed bin of an entity's series, in a feed or in its areas. `histories`: by facets."""

    def __init__(self, name: str, feed: Feed | Summed, entity: str) -> None:
        self.histories: dict[Facets, History] = {}
        self._name, self._feed, self._entity = name, feed, entity
        self._by_series = feed.index.by_series
        self._count = 0
        self._rows: list[tuple[Facets, int]] = []
        feed.observer = self
        self._watch = feed.detector.watch(lambda: [row for _, row in self._find()])

    def __call__(self, seen: ClosedBin, changes: list[Change]) -> None:
        """Record a bin that has just closed, before any of its rows is forgotten."""
        rows = [(facets, row) for facets, row in self._find() if seen.alive[row]]
        if not rows:
            return
        shown, common = self._feed.detector.deviations(), common_fall(self._feed.detector.falls)
        for facets, row in rows:
            mine = tuple(change for change in changes if change.row == row)
            history = self._history(facets)
            closed = self._bin(history, row, seen, shown, mine)
            history.bins.append(closed._replace(explanations=self._explanations(row, closed), common=common))
            history.followed = self._feed.detector.is_followed(row)

    def _explanations(self, row: int, closed: HistoryBin) -> Explanations | MemberExplanations | None:
        if closed.evidence is None:
            return None
        found = self._watch.latest.get(row)
        return found._replace(together=closed.evidence) if found else None

    def _find(self) -> list[tuple[Facets, int]]:
        """Return the entity's rows. Searches again only when series were added or removed."""
        series = self._feed.index.by_series
        if series is not self._by_series or len(series) != self._count:
            self._by_series, self._count = series, len(series)
            self._rows = sorted((facets, row) for (entity, facets), row in series.items() if entity == self._entity)
        return self._rows

    def _history(self, facets: Facets) -> History:
        rule = self._feed.detector.rule
        return self.histories.setdefault(facets, History(self._name, facets, rule, threshold(rule.budget, rule.width)))

    def _bin(
        self, history: History, row: int, seen: ClosedBin, shown: Deviation, changes: tuple[Change, ...]
    ) -> HistoryBin:
        detector = self._feed.detector
        ongoing = detector.ongoing.get(row)
        ratio, presence = history.rule.kind == "ratio", history.rule.kind == "presence"
        measured = bool(seen.present[row]) and (seen.size[row] > 0 or not ratio)
        state = ongoing.state if ongoing else changes[-1].state if changes else None
        closed = HistoryBin(
            start=seen.start,
            value=float(seen.value[row] / (seen.size[row] if ratio else 1)) if measured else None,
            expected=_number(shown.expected[row]),
            spread=_number(shown.spread[row]),
            evidence=None if history.followed else _number(shown.evidence[row]),
            state=state,
            why="below",
            learnt=detector.bins_learnt(row),
            first_day=detector.on_first_day(row),
            changes=changes,
            suppressed_by=ongoing.suppressed_by if ongoing else changes[-1].suppressed_by if changes else None,
            recurs=detector.recurs(row),
        )
        doubted = bool(self._feed.detector.scalars["fault"]) and not history.followed and not (presence and ongoing)
        suspected_fault = bool(ongoing and ongoing.suspected_fault) or doubted
        return closed._replace(why=_why(closed, history, suspected_fault))


def _why(closed: HistoryBin, history: History, suspected_fault: bool) -> Why:
    """Return what a bin did, or what kept it from firing."""
    if closed.value is None:
        return "silent"
    if closed.expected is None:
        return "warming" if closed.learnt <= TimeScales.of(history.rule.width).warm else "sparse"
    if suspected_fault or history.followed:
        return "fault" if suspected_fault else "followed"
    if closed.evidence is not None and closed.evidence >= history.threshold:
        return "fired"
    few = history.rule.kind == "presence" and closed.value < closed.expected < closed.value + FEWEST
    return "few" if few else "below"


def _number(number: float) -> float | None:
    return None if math.isnan(number) else float(number)
