"""An outage from suspicion to its end: its state, and the revisions that are announced.

Rules in docs/detection.md#course-and-end-recoverypy-decidepy-outage_lifecyclepy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from detectors.types import Change, LevelDrop, Severity, State, Suppression

Shape = Literal["sudden", "gradual", "stepwise"]
NORMAL, ANNOUNCED, FOLLOWED = 0, 1, 2  # phases of a row
MATERIAL = 0.1  # change of a drop that is worth a revision, of a small drop a third of it
LITTLE = 0.03  # but no less than this
TOTAL = 0.9  # share lost from which on an outage is total
TOGETHER = 2  # bins within which further falls are one step


@dataclass(frozen=True, slots=True)
class Ongoing:
    """An outage that has not ended: all that its next revision repeats. Plain values, so that it can be stored.

    `suspected_fault`: what may be at fault instead ("feed"), or nothing. `since_fault`: nats of each rho that the bins
    after the fault have gathered. `missing`: bins of which measurements may have been deleted unread;
    `missing_reported`: those that the newest revision counts.
    """

    opened: int
    revision: int
    state: State
    started_at: int
    started_from: int
    started_to: int
    detected_at: int
    drop: float
    max_drop: float
    shape: Shape
    drops: tuple[tuple[int, float], ...]
    evidence: float
    bins: int
    baseline: str
    spread: float
    threshold: float
    suspected_fault: str
    reason: str
    suppressed_by: Suppression | None = None
    since_fault: tuple[float, ...] = ()
    missing: int = 0
    missing_reported: int = 0


@dataclass(frozen=True, slots=True)
class RowBin:
    """What a bin showed of one row."""

    row: int
    at: int
    end: int
    value: float | None
    expected: float


def severity(drop: float) -> Severity:
    """Return the severity of a share lost: total from 90 %, major from half."""
    share = round(drop, 3)
    return "total" if share >= TOTAL else "major" if share >= 0.5 else "partial"


def material(drop: float) -> float:
    """Return the change of a drop (shares of normal) that is worth a revision."""
    return min(max(drop / 3, LITTLE), MATERIAL)


def plural(bins: int) -> str:
    """Return a number of bins in words."""
    return f"{bins} bin" if bins == 1 else f"{bins} bins"


def below(drop: float) -> str:
    """Return the level of an outage in words. "Lost" is what the value of one bin lacks, which may differ.

    >>> below(0.62)
    'the level is 62% below normal'
    """
    return f"the level is {drop:.0%} below normal"


def lost(seen: RowBin) -> float:
    """Return the share of the expected value that a bin lacks, 0 to 1."""
    return min(max(1 - (seen.value or 0.0) / max(seen.expected, 1e-6), 0.0), 1.0)


def revise(
    old: Ongoing,
    seen: RowBin,
    state: State,
    reason: str,
    drop: float | None = None,
    moving: int = 1,
    refine: bool = False,
) -> Ongoing:
    """Return the next revision: a new state, a new drop, or both.

    `moving`: bins that the drop took to be found. `refine`: the level of the last step is better measured than before.
    """
    share = old.drop if drop is None else drop
    drops = _drops(old, seen, state, round(share, 4), moving, refine)
    shape: Shape = "stepwise" if len(drops) > max(len(old.drops), 2) else old.shape
    return replace(
        old,
        revision=old.revision + 1,
        state=state,
        reason=reason,
        drop=share,
        max_drop=max(share, *(lost for _, lost in drops)),
        drops=drops,
        shape=shape,
    )


def _drops(
    old: Ongoing, seen: RowBin, state: State, share: float, moving: int, refine: bool
) -> tuple[tuple[int, float], ...]:
    """Return the steps of the fall with one more, or with the last one as it is measured now."""
    (last, depth), width = old.drops[-1], seen.end - seen.at
    if refine or _corrects(old, seen, state, share, moving):
        return (*old.drops[:-1], (last, share)) if round(old.drop, 4) == depth else old.drops
    before = min(old.drop, depth)
    fell = share >= before + material(before)
    at = seen.at - (max(moving, 1) - 1) * width
    if fell and at <= last + TOGETHER * width:
        return (*old.drops[:-1], (last, share))
    again = old.state == "recovering" and state == "open"
    return (*old.drops, (at, share)) if fell or again else old.drops


def _corrects(old: Ongoing, seen: RowBin, state: State, share: float, moving: int) -> bool:
    """Tell whether no bin since the opening showed its depth, which was no surer than the correction is large."""
    since_opened = moving * (seen.end - seen.at) >= seen.end - old.detected_at
    rise = old.drops[-1][1] - share
    unsure = 0 < rise * seen.expected <= old.spread
    return old.state == state == "open" and len(old.drops) == 1 and since_opened and unsure


def report(now: Ongoing, seen: RowBin, ended_at: int | None = None) -> Change:
    """Return the message of a revision."""
    return Change(
        row=seen.row,
        opened=now.opened,
        revision=now.revision,
        state=now.state,
        started_at=now.started_at,
        started_between=(now.started_from, now.started_to),
        detected_at=now.detected_at,
        updated_at=seen.end,
        ended_at=ended_at,
        value=seen.value,
        expected=round(seen.expected, 4),
        drop=round(now.drop, 4),
        max_drop=round(now.max_drop, 4),
        severity=severity(now.max_drop),
        shape=now.shape,
        drops=tuple(LevelDrop(at, drop) for at, drop in now.drops),
        evidence=round(now.evidence, 2),
        explain=explain(now),
        suppressed_by=now.suppressed_by,
        missing=now.missing,
    )


def explain(now: Ongoing) -> dict[str, int | float | str]:
    """Return why: the bins of evidence, the baseline and its spread, the threshold, and a sentence."""
    reasons: dict[str, int | float | str] = {
        "bins": now.bins,
        "baseline": now.baseline,
        "spread": round(now.spread, 4),
        "threshold": round(now.threshold, 2),
        "reason": now.reason,
    }
    return reasons | ({"held": now.suspected_fault} if now.suspected_fault else {})


def stored(outage: Ongoing) -> dict[str, Any]:
    """Return an outage as snapshots store it."""
    return {_STORED.get(name, name): value for name, value in asdict(outage).items()}


def from_stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a stored outage."""
    names = {stored_name: name for name, stored_name in _STORED.items()}
    return {names.get(name, name): value for name, value in values.items()}


_STORED = {"suspected_fault": "held"}  # names that differ in snapshots
