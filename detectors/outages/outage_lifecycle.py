"""An outage from suspicion to its end: what is remembered of it, and the revisions that are told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from detectors.types import Change, LevelDrop, Severity, State, Suppression

Shape = Literal["sudden", "gradual", "stepwise"]
NORMAL, ANNOUNCED, FOLLOWED = 0, 1, 2  # phases of a row
MATERIAL = 0.1  # change of a drop that is worth a revision, of a small drop a third of it
LITTLE = 0.03  # but no less than this
TOGETHER = 2  # bins within which further falls are one step


@dataclass(frozen=True, slots=True)
class Ongoing:
    """An outage that has not ended: all that its next revision repeats. Plain values, so that it can be stored."""

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
    held: str
    reason: str
    suppressed_by: Suppression | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a bin showed of one row."""

    row: int
    at: int
    end: int
    value: float | None
    expected: float


def severity(drop: float) -> Severity:
    """Total from 90 % down, major from half."""
    share = round(drop, 3)
    return "total" if share >= 0.9 else "major" if share >= 0.5 else "partial"


def material(drop: float) -> float:
    """Change of a drop that is worth a revision."""
    return min(max(drop / 3, LITTLE), MATERIAL)


def plural(bins: int) -> str:
    """How many bins, in words: one of them is a bin."""
    return f"{bins} bin" if bins == 1 else f"{bins} bins"


def lost(seen: Seen) -> float:
    """Share of the expected that a bin lacks, 0 to 1."""
    return min(max(1 - (seen.value or 0.0) / max(seen.expected, 1e-6), 0.0), 1.0)


def revise(
    old: Ongoing,
    seen: Seen,
    state: State,
    reason: str,
    drop: float | None = None,
    moving: int = 1,
    refine: bool = False,
) -> Ongoing:
    """The next revision: a new state, a new drop, or both.

    `moving`: bins that the drop took to be found. `refine`: the level of the last step is known better than before.
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
    old: Ongoing, seen: Seen, state: State, share: float, moving: int, refine: bool
) -> tuple[tuple[int, float], ...]:
    """The steps of the fall with one more, or with the last one as it is known now."""
    (last, depth), width = old.drops[-1], seen.end - seen.at
    if refine:
        return (*old.drops[:-1], (last, share)) if round(old.drop, 4) == depth else old.drops
    before = min(old.drop, depth)
    fell = share >= before + material(before)
    at = seen.at - (max(moving, 1) - 1) * width
    if fell and at <= last + TOGETHER * width:
        return (*old.drops[:-1], (last, share))
    again = old.state == "recovering" and state == "open"
    return (*old.drops, (at, share)) if fell or again else old.drops


def tell(now: Ongoing, seen: Seen, ended_at: int | None = None) -> Change:
    """The message of a revision."""
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
    )


def explain(now: Ongoing) -> dict[str, int | float | str]:
    """Why: the bins of evidence, the baseline it was measured against, its spread, the threshold, and a sentence."""
    told: dict[str, int | float | str] = {
        "bins": now.bins,
        "baseline": now.baseline,
        "spread": round(now.spread, 4),
        "threshold": round(now.threshold, 2),
        "reason": now.reason,
    }
    return told | ({"held": now.held} if now.held else {})
