"""Days of a feed of levels: counted bin by bin, judged at their end, and the slow losses opened as outages.

An outage so opened is like any other from then on. See docs/detection.md#slow-losses-slow_lossespy-slow_openingspy.
"""

from __future__ import annotations

import numpy as np

from detectors.types import DAY, Change, ClosedBin, Flags, Ints, Singles

from . import decide, recovery, slow_losses
from .column_rows import rows_of
from .detector_state import DetectorState, ScoredBin
from .evidence import threshold
from .outage_lifecycle import FOLLOWED, Ongoing, RowBin, below, report
from .season import slot_of
from .series_state import SlowColumns

AGAINST = "its country's other series and the same weekdays of the last weeks"
BASELINE = "weeks and neighbours"


def count(c: SlowColumns, value: Singles, factor: Singles, measured: Flags, alive: Flags) -> None:
    """Add a bin to the day of each row, of some rows. `factor`: the season, 1 on average."""
    left_out = rows_of(~measured)  # few: all are added, and these put back
    for column, step in ((c.day_value, value), (c.day_factor, factor)):
        before = column[left_out]
        column += step
        column[left_out] = before
    missing = left_out[alive[left_out]]
    c.day_missing[missing] += factor[missing]


def rescale(c: SlowColumns, rows: Ints, factor: Singles) -> None:
    """Multiply the levels of rows, which are sums that have other parts now."""
    c.usual[rows] += np.log(factor)[:, None]
    c.day_value[rows] *= factor


def is_last(start: int, width: int) -> bool:
    """Return whether a bin of `width` s that begins at `start` (Unix s) is the last of its day (UTC)."""
    return start // DAY != (start + width) // DAY


def end_day(state: DetectorState, seen: ClosedBin, scored: ScoredBin, at_fault: bool) -> list[Change]:
    """Return the outages that open at the end of a day, and begin the next; none while the feed is in doubt."""
    day = _day(state, seen)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = slow_losses.judge(state.store.slow, day, threshold(state.rule.budget, DAY))
    doubted = at_fault or state.scalars["settling"] > 0
    changes = [
        _open(state, seen, scored, day, int(row), *found_of)
        for row, *found_of in zip(*(column.tolist() for column in found), strict=True)
        if not doubted and scored.ready[row] and scored.measured[row]
    ]
    state.store.stored["today"][:] = 0
    return changes


def _day(state: DetectorState, seen: ClosedBin) -> slow_losses.Day:
    """Return the day that ends with a bin; a row on its first day, or measured too little, has no level."""
    store, bins = state.store, max(DAY // state.rule.width, 1)
    c = store.slow
    whole = c.day_factor + c.day_missing
    whole_day = (store.levels.bins_learnt >= bins) & (c.day_factor >= slow_losses.MEASURED * whole) & (c.day_value > 0)
    mean = np.where(whole_day, c.day_value, 1) / bins * np.where(whole_day, whole / np.maximum(c.day_factor, 1e-6), 1)
    level = np.where(whole_day, np.log(mean), np.nan).astype(np.float32)
    side = seen.side if seen.side.size else np.zeros(len(level), np.int64)
    return slow_losses.Day(level, slot_of(seen.start) % 7, seen.group, side, store.phases.phase < FOLLOWED)


def _open(
    state: DetectorState,
    seen: ClosedBin,
    scored: ScoredBin,
    day: slow_losses.Day,
    row: int,
    evidence: float,
    drop: float,
    days: int,
) -> Change:
    """Open an outage: the level is again what it was before the loss."""
    store, old = state.store, state.ongoing.get(row)
    _restore_level(state, scored, day, row)
    shown = decide.row_bin(state, row, seen, scored)
    state.ongoing[row] = now = _begun(state, scored, shown, old, evidence, drop, days)
    store.phases.phase[row] = FOLLOWED
    recovery.start(store, row, 1 - drop)
    store.slow.loss_evidence[row] = store.slow.loss_days[row] = 0
    return report(now, shown)


def _restore_level(state: DetectorState, scored: ScoredBin, day: slow_losses.Day, row: int) -> None:
    """Make the level what the day would have been without the loss, and the expectation of this bin with it."""
    c, levels = state.store.slow, state.store.levels
    without = float(day.level[row]) - float(c.apart_before[row])
    factor = float(c.day_factor[row] + c.day_missing[row])
    level = np.exp(without) * max(DAY // state.rule.width, 1) / max(factor, 1e-6)
    scored.expected[row] *= level / max(float(levels.level[row]), 1e-6)
    levels.level[row] = level


def _begun(
    state: DetectorState, scored: ScoredBin, shown: RowBin, old: Ongoing | None, evidence: float, drop: float, days: int
) -> Ongoing:
    start = shown.end - days * DAY
    many = f"{days} day" if days == 1 else f"{days} days"
    return Ongoing(
        opened=old.opened if old else shown.at,
        revision=old.revision + 1 if old else 1,
        state="open",
        started_at=start,
        started_from=start - DAY,
        started_to=start + DAY,
        detected_at=shown.end,
        drop=drop,
        max_drop=drop,
        shape="gradual",
        drops=((start, round(drop, 4)),),
        evidence=evidence,
        bins=days * max(DAY // state.rule.width, 1),
        baseline=BASELINE,
        spread=shown.expected / float(np.sqrt(scored.precision[shown.row])),
        threshold=threshold(state.rule.budget, DAY),
        suspected_fault="",
        reason=f"{evidence:.1f} nats in {many} say that {below(drop)}, against {AGAINST}",
        suppressed_by=old.suppressed_by if old else None,
    )
