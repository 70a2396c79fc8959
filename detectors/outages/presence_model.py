"""Feeds of members (presence): score a bin from the members that were lost, and learn how they come and go."""

from __future__ import annotations

import numpy as np

from detectors.types import ClosedBin, Flags, Floats, Ints

from . import (
    feed_fault,
    joint_losses,
    member_churn,
    member_drains,
    member_explanations,
    member_fades,
    member_hours,
    member_losses,
    member_weekends,
    members_away,
    recovery,
)
from .column_rows import rows_of, taken
from .detector_state import DetectorState, ScoredBin
from .evidence import EMPTY, RHOS, largest
from .member_drains import Drains
from .member_fades import Fades
from .member_hours import Absences
from .member_losses import FEWEST, LEAST, FeedChurn, MemberBin
from .members_away import BRIEF, FeedReturns
from .outage_lifecycle import FOLLOWED, NORMAL
from .recovery import CourseStep
from .series_state import CourseColumns, MemberColumns, SeriesStore

DOUBT = 2.0  # nats short of the threshold that evidence stays while a network may be cut off for a moment (hand-set)
GONE = 0.1  # share of the members up below which nothing is left to doubt, as in the other kinds
CERTAIN = 1e4  # precision: that members are up is a fact, no noise


def _evidence(store: SeriesStore, returns: FeedReturns, width: int, scored: ScoredBin) -> Floats:
    """Return the evidence of all rows (nats): of members lost of late, or of a group that stays away."""
    falls, nats = store.falls, np.zeros(store.rows)
    fallen = rows_of(member_losses.any_evidence(falls.evidence))
    if fallen.size:
        sums = taken(falls.evidence, fallen)
        nats[fallen], scored.rho_index[fallen] = member_losses.strongest(sums), largest(sums.T)
    rows, group = members_away.worth(store.members, returns, width)
    stronger = (group >= nats[rows]) & (group > 0)
    rows, group = rows[stronger], group[stronger]
    falls.bins[rows] = store.members.group_age[rows, None] + 1
    nats[rows] = group
    return nats


def _decisive(
    state: DetectorState, closed: MemberBin, scored: ScoredBin, nats: Floats, left: Drains, absent: Absences
) -> Floats:
    """Return the evidence of all rows (nats), with that of members that left over hours, or lack, where it is more.

    Less than an outage takes within half an hour is a suspicion at most.
    """
    store, c = state.store, state.store.members
    lacking = np.maximum(c.recent_losses, c.away) >= LEAST * closed.before
    nats = np.where(lacking, nats, np.minimum(nats, state.threshold - DOUBT))
    for found, bins in ((left, c.drain_bins), (absent, c.bins_missing)):
        stronger = found.nats > nats[found.rows]
        rows = found.rows[stronger]
        nats[rows], scored.rho_index[rows] = found.nats[stronger], found.rho_index[stronger]
        store.falls.bins[rows] = bins[rows, None]
    return nats


def _kept(c: MemberColumns, closed: MemberBin, nats: Floats, followed: Flags) -> Floats:
    """Return evidence (nats, rows) that is no weaker than in the bin before where more members go than come back."""
    rows = closed.losing[(closed.seen.lost > closed.seen.back)[closed.losing]]
    rows = rows[~followed[rows]]
    nats[rows] = np.maximum(nats[rows], c.last_evidence[rows])
    c.last_evidence[:] = nats
    return nats


def _expected(c: MemberColumns, closed: MemberBin, followed: Ints) -> Floats:
    """Return the members expected up (rows); more of them than ever are the new normal even in an outage."""
    expected, seen = np.maximum(c.usual_up, closed.before), closed.seen
    fresh = np.minimum(seen.lost[followed], np.maximum(seen.size[followed] - c.named[followed], 0))
    expected[followed] = np.maximum(c.usual_up[followed] + fresh, seen.value[followed])
    kept = followed[closed.measured[followed]]
    c.usual_up[kept] = expected[kept]
    return np.asarray(expected)


def _active(state: DetectorState, scored: ScoredBin) -> Flags:
    """Return the networks that tell whether the feed is at fault."""
    active = scored.measured & (scored.expected >= FEWEST)
    return np.asarray(active & (state.store.members.bins_learnt >= state.scales.warm))


class PresenceModel:
    """A feed of members."""

    has_season = False

    def score(self, state: DetectorState, seen: ClosedBin) -> ScoredBin:
        """Return the scores. A network of very few members never has enough evidence."""
        store, s, scored, width = state.store, state.scalars, ScoredBin(state.store.rows), state.rule.width
        c, churn = store.members, FeedChurn.of(s)
        member_hours.begin_hour(c, store.slots, seen, width)
        seen = member_weekends.excused(store, seen)
        closed = MemberBin.of(c, seen, churn, Fades(store.slots, seen.start, width))
        gained, measured = member_losses.score(store, closed, churn, width), closed.measured
        returns = members_away.advance(store, closed, gained, FeedReturns.of(s), width)
        shared = joint_losses.believe(store, closed, churn, width)
        followed = store.phases.phase == FOLLOWED
        expected = _expected(c, closed, rows_of(followed))
        missing = np.maximum(expected - seen.value, c.away)  # those expected fade over a day, the others are counted
        left = member_drains.advance(store, closed, churn, width)
        absent = member_hours.advance(store, closed, churn, width)
        member_hours.doubt(c, rows_of(shared), seen)
        missing[absent.rows] = np.inf
        expected[absent.rows] = np.maximum(expected[absent.rows], c.usual_up[absent.rows])
        enough = measured & ~followed & (expected >= FEWEST) & (missing >= FEWEST)
        nats = _decisive(state, closed, scored, _evidence(store, returns, width, scored), left, absent)
        if state.watch:
            member_explanations.take(state.watch, store, closed, churn, returns, (left, absent), nats, width)
        if returns.momentary:
            doubtful = ((c.group_age + 1.0) * width < BRIEF) & (seen.value > GONE * expected)
            nats = np.where(doubtful, np.minimum(nats, state.threshold - DOUBT), nats)
        scored.evidence[:] = _kept(c, closed, np.where(enough, nats, 0), followed)
        scored.value[:], scored.expected[:], scored.lowest_plausible[:] = seen.value, expected, expected
        scored.precision[:], scored.noise[:] = CERTAIN, 0
        scored.measured[:], scored.ready[:] = measured, measured
        calm = state.calm(scored, measured)
        after, weight = member_churn.feed_after(churn, c, closed, calm, width)
        member_churn.note_hour(c, closed, calm & ~shared, width)
        member_churn.remember(store, closed, weight, calm, width)
        s.update(after.scalars() | returns.scalars())
        return scored

    def learn(self, state: DetectorState, seen: ClosedBin, scored: ScoredBin) -> tuple[int, ...]:
        """Learn the members expected up, and what leaves in each hour of the day."""
        store, width = state.store, state.rule.width
        member_churn.learn(store, seen, width)
        c, slots, calm = store.members, store.slots, store.phases.phase == NORMAL
        faded = member_fades.end_hour(c, slots, seen.start, width, calm)
        return (*faded, *member_hours.end_hour(c, slots, seen, width, calm))

    def is_at_fault(self, state: DetectorState, seen: ClosedBin, scored: ScoredBin) -> bool:
        """Count how long the feed is at fault, and return False: what all lose together is no evidence against any."""
        s = state.scalars
        falling, sigmas = feed_fault.missing_members(scored.value, scored.expected)
        scored.falls = feed_fault.falls_by_country(falling, _active(state, scored), seen.group, sigmas)
        s["fault"] = s["fault"] + 1 if feed_fault.suspect(scored.falls, bool(s["fault"])) else 0.0
        return False

    def recover(
        self, state: DetectorState, course: CourseColumns, rows: Ints, seen: ClosedBin, scored: ScoredBin
    ) -> CourseStep:
        """Return what a bin does to followed rows: which members are up is a fact, no noise."""
        announced = np.array([1 - state.ongoing[row].drop for row in rows.tolist()], np.float32)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            expected = np.maximum(scored.expected[rows], EMPTY)
            return recovery.members(course, scored.value[rows], expected, announced)

    def fallen(self, state: DetectorState, seen: ClosedBin, scored: ScoredBin, rows: Ints) -> Floats:
        """Return nothing: no outage of members is under a suspected fault."""
        return np.zeros((len(rows), len(RHOS)))

    def expected(self, seen: ClosedBin, scored: ScoredBin, row: int) -> float:
        """Return the members expected up."""
        return float(scored.expected[row])

    def bins_down(self, state: DetectorState, scored: ScoredBin, row: int, drop: float, gradual: bool) -> int:
        """Return the bins since the first loss of the members that are away."""
        return max(int(state.store.falls.bins[row, int(scored.rho_index[row])]), 1)

    def bins_falling(self, state: DetectorState, row: int, bins: int) -> int:
        """Return the bins in which members were lost; in the others they only stayed away."""
        c = state.store.members
        return bins if bins > c.group_age[row] + 1 else int(c.group_span[row]) or bins

    def unlearn(self, state: DetectorState, row: int) -> None:
        """Give nothing back, for no bin lowers the members expected up by much; and do not learn the fall's losses."""
        state.store.members.pending_joint[row] = 0

    def follow_shortfall(self, state: DetectorState, scored: ScoredBin, row: int, max_drop: float) -> float:
        """Return 0: members that are away stay expected."""
        return 0.0

    def rebase(self, state: DetectorState, row: int, ratio: float) -> None:
        """Lower the members expected up."""
        state.store.members.usual_up[row] *= ratio

    def usual(self, state: DetectorState, row: int) -> float:
        """Return the members expected up."""
        return float(state.store.members.usual_up[row])
