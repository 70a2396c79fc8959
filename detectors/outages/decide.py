"""Decide what a scored bin means: announce, open, revise or end outages.

Rules in docs/detection.md#course-and-end-recoverypy-decidepy-outage_lifecyclepy.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np

from detectors.types import Change, ClosedBin, Flags, Ints, State

from . import fault_trial, recovery
from .column_rows import rows_of
from .detector_state import EARLY, DetectorState, ScoredBin
from .evidence import EMPTY, RHOS
from .learning import forget_hour
from .outage_lifecycle import ANNOUNCED, FOLLOWED, Ongoing, RowBin, Shape, below, lost, material, plural, report, revise
from .recovery import CourseStep
from .series_state import CourseColumns

RECENT = "recent level"  # the baseline of a series without a profile of the day
HALFWAY = (1.0, *((float(a) + float(b)) / 2 for a, b in pairwise(RHOS)), 0.0)  # ratios nearest to each of RHOS
FADED = 0.25  # share of the threshold below which a suspicion is withdrawn


def openings(state: DetectorState, seen: ClosedBin, scored: ScoredBin, at_fault: bool) -> list[Change]:
    """Return the changes of rows that are not followed yet: announce, open, suspect a fault or let go."""
    phase = state.store.phases.phase
    near = (phase < FOLLOWED) & scored.measured & (scored.evidence >= state.threshold - EARLY)
    rows = rows_of(near | ((phase == ANNOUNCED) & scored.measured))
    changes = [_decide(state, row, seen, scored, at_fault) for row in rows.tolist()]
    return [change for change in changes if change]


def _decide(state: DetectorState, row: int, seen: ClosedBin, scored: ScoredBin, at_fault: bool) -> Change | None:
    old, phase = state.ongoing.get(row), state.store.phases.phase
    evidence, shown = float(scored.evidence[row]), row_bin(state, row, seen, scored)
    if at_fault or evidence >= state.threshold:
        now = begin(state, row, old, shown, scored, "suspected" if at_fault else "open", at_fault)
        phase[row] = FOLLOWED
        state.model.unlearn(state, row)
        recovery.start(state.store, row, 1 - now.drop)
    elif old is None:
        now = begin(state, row, None, shown, scored, "suspected", False)
        phase[row] = ANNOUNCED
    elif evidence < FADED * state.threshold:
        del state.ongoing[row]
        state.store.end_course(row)
        return report(revise(old, shown, "retracted", "the evidence faded", lost(shown)), shown)
    else:
        return None
    state.ongoing[row] = now
    return report(now, shown)


def row_bin(state: DetectorState, row: int, seen: ClosedBin, scored: ScoredBin) -> RowBin:
    """Return a row of a scored bin, in the unit of the measurement."""
    value = float(seen.value[row]) if scored.measured[row] else None
    return RowBin(row, seen.start, seen.start + state.rule.width, value, state.model.expected(seen, scored, row))


def repeat(state: DetectorState, row: int, seen: ClosedBin, scored: ScoredBin) -> Change:
    """Return an outage as it stands, with what this bin showed."""
    return report(state.ongoing[row], row_bin(state, row, seen, scored))


def begin(
    state: DetectorState,
    row: int,
    old: Ongoing | None,
    shown: RowBin,
    scored: ScoredBin,
    outage_state: State,
    at_fault: bool,
) -> Ongoing:
    """Return an outage as of its opening, or as of its suspicion."""
    width, evidence, precision = state.rule.width, float(scored.evidence[row]), float(scored.precision[row])
    index = int(scored.rho_index[row])
    bins = max(int(state.store.falls.bins[row, index]), 1)
    drop = _drop(float(scored.value[row] / max(scored.expected[row], EMPTY)), index, precision)
    falling = state.model.bins_falling(state, row, bins)
    shape = _shape(state.threshold, falling, precision * drop * drop / 2)
    if old and old.shape == "sudden" and drop < old.drop + material(drop):
        shape = "sudden"  # it was as deep when it was suspected: the bins since then confirm it
    start = shown.at - (state.model.bins_down(state, scored, row, drop, shape == "gradual") - 1) * width
    return Ongoing(
        opened=old.opened if old else shown.at,
        revision=old.revision + 1 if old else 1,
        state=outage_state,
        started_at=start,
        started_from=start - int(state.store.falls.missing_before[row]) * width,
        started_to=start + width,
        detected_at=shown.end,
        drop=drop,
        max_drop=drop,
        shape=shape,
        drops=((start, round(drop, 4)),),
        evidence=evidence,
        bins=bins,
        baseline=_baseline(state, row),
        spread=shown.expected / math.sqrt(precision),
        threshold=state.threshold,
        suspected_fault="feed" if at_fault else "",
        reason=_reason(evidence, bins, drop, at_fault),
        suppressed_by=old.suppressed_by if old else None,
    )


def _drop(ratio: float, index: int, precision: float) -> float:
    """Return the share lost: as measured where a bin is precise, else within what the rho of the run stands for."""
    weight = min(1.0, precision / 400)
    nearest = min(max(ratio, HALFWAY[index + 1]), HALFWAY[index])
    return min(max(1 - weight * ratio - (1 - weight) * nearest, 0.01), 1.0)


def _shape(threshold: float, bins: int, per_bin: float) -> Shape:
    """Return gradual when a fall to this depth, had it been sudden, would have been found in a third of the bins."""
    return "gradual" if bins > 3 * threshold / max(per_bin, 1e-9) + 3 else "sudden"


def _baseline(state: DetectorState, row: int) -> str:
    levels = state.store.levels
    if not state.model.has_season or levels.profile_mean[row] <= 0:
        return RECENT
    return "hour-of-week" if levels.bins_learnt[row] >= state.scales.week else "hour-of-day"


def _reason(evidence: float, bins: int, drop: float, at_fault: bool) -> str:
    reason = f"{evidence:.1f} nats in {plural(bins)} say that {below(drop)}"
    return reason + "; most series of the feed fell with it" if at_fault else reason


def course(state: DetectorState, rows: Ints, seen: ClosedBin, scored: ScoredBin, at_fault: bool) -> list[Change]:
    """Return the changes of outages followed since an earlier bin: partial returns, further falls, ends.

    Outages under a suspected fault stay under it until the bins after the fault decide.
    """
    if not rows.size:
        return []
    recovery.skip(state.store.courses, rows[~scored.measured[rows]])
    rows = rows[scored.measured[rows]]
    if not rows.size:
        return []
    on_trial = fault_trial.note(state, rows, seen, scored, at_fault)
    with state.store.courses_of(rows) as c:
        now = state.model.recover(state, c, rows, seen, scored)
        steady = _steady(state, c, now)
        c.missing_since_back *= c.bins_back > 1
        busy = now.back | (now.returning != (c.return_announced > 0)) | now.changed | steady
        busy |= np.array([bool(state.ongoing[row].suspected_fault) for row in rows.tolist()]) & ~on_trial
    return [
        _revise(state, int(rows[i]), i, now, bool(steady[i]), seen, scored, bool(on_trial[i]))
        for i in rows_of(busy).tolist()
    ]


def _steady(state: DetectorState, c: CourseColumns, now: CourseStep) -> Flags:
    """Return the rows whose lower level has lasted for as long as the operator wants before it is the new normal."""
    steady = np.minimum(c.bins_steady, recovery.LONGEST) + 1
    c.bins_steady[:] = np.where((now.moving > 0) | now.returning, 0, steady)
    after = state.rule.rebaseline_after
    if after is None:
        return np.zeros(len(now.back), np.bool_)
    return ~now.back & (c.bins_steady.astype(np.int64) * state.rule.width >= after)


def _revise(
    state: DetectorState,
    row: int,
    i: int,
    now: CourseStep,
    steady: bool,
    seen: ClosedBin,
    scored: ScoredBin,
    on_trial: bool,
) -> Change:
    old, c, shown = state.ongoing[row], state.store.courses, row_bin(state, row, seen, scored)
    drop, moving = 1 - min(float(c.level_ratio[row]), 1.0), int(now.moving[i])
    if now.back[i]:
        return _end(state, row, old, shown, scored)
    if steady and not old.suspected_fault:
        return _accept(state, row, old, shown, drop)
    if now.returning[i]:
        returning: State = "suspected" if old.suspected_fault else "recovering"
        after = revise(old, shown, returning, "back to normal for now; being confirmed", lost(shown))
        c.return_announced[row] = 1
    else:
        after = _still_down(old, shown, drop, moving, on_trial)
        c.return_announced[row] = 0
    state.ongoing[row] = after
    return report(after, shown)


def _still_down(old: Ongoing, shown: RowBin, drop: float, moving: int, on_trial: bool) -> Ongoing:
    """Return the next revision of an ongoing outage; it is real once it is no longer on trial."""
    relapse = old.state == "recovering"
    refine = moving == 0 and not relapse
    state: State = "suspected" if on_trial else "open"
    after = revise(old, shown, state, _moved(relapse, drop), drop, 1 if relapse else moving, refine)
    return after if on_trial else replace(after, suspected_fault="", since_fault=())


def _moved(relapse: bool, drop: float) -> str:
    return f"fell again: {below(drop)}" if relapse else f"{below(drop)} now"


def _end(state: DetectorState, row: int, old: Ongoing, shown: RowBin, scored: ScoredBin) -> Change:
    """End an outage at the start of the first bin of the return; a suspected fault is withdrawn.

    What little is missing is no outage of its own: the level goes on from there.
    """
    store = state.store
    bins = max(int(store.courses.bins_back[row]), 1)
    ended_at = shown.at - (recovery.since(store.courses, row) - 1) * state.rule.width
    short = 0.0 if old.suspected_fault else state.model.follow_shortfall(state, scored, row, old.max_drop)
    end: State = "retracted" if old.suspected_fault else "closed"
    reason = "the feed is well again" if old.suspected_fault else _back(bins, short)
    store.end_course(row)
    del state.ongoing[row]
    return report(revise(old, shown, end, reason, 0.0), shown, ended_at)


def _back(bins: int, short: float) -> str:
    rest = f", {short:.0%} below what was expected; the baseline goes on from there" if short >= 0.01 else ""
    return f"back to normal for {plural(bins)}{rest}"


def _accept(state: DetectorState, row: int, old: Ongoing, shown: RowBin, drop: float) -> Change:
    """Make the lower level the new normal, as the operator asked."""
    state.model.rebase(state, row, 1 - drop)
    state.store.end_course(row)
    del state.ongoing[row]
    reason = f"held at {1 - drop:.0%} for long enough"
    return report(revise(old, shown, "rebaselined", reason, drop), shown, shown.end)


def expired(state: DetectorState, at: int, rows: list[int], why: str = "the feed stopped") -> list[Change]:
    """Return the ends of outages of these rows whose feed stopped at a time (Unix s): their values are unknown."""
    changes = []
    for row in rows:
        old, shown = state.ongoing.pop(row), RowBin(row, at, at, None, state.model.usual(state, row))
        end: State = "retracted" if old.state == "suspected" else "expired"
        changes.append(report(revise(old, shown, end, why), shown))
    _cut(state, rows)
    return changes


def withdrawn(state: DetectorState, at: int, rows: list[int]) -> list[Change]:
    """Return the ends of outages of these rows that opened in bins which were not over; the time is `at` (Unix s)."""
    shown = [RowBin(row, at, at, None, state.model.usual(state, row)) for row in rows]
    why = "the time of the feed was ahead: the bin of the opening was not over"
    changes = [report(revise(state.ongoing.pop(seen.row), seen, "retracted", why), seen) for seen in shown]
    _cut(state, rows)
    return changes


def _cut(state: DetectorState, rows: list[int]) -> None:
    """End the course of rows of which nobody knows how it went on; their hour, which is not over, teaches nothing."""
    state.store.end_course(rows)
    if state.model.has_season:
        forget_hour(state.store.levels, rows)
