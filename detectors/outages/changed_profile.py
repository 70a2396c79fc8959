"""Outages that are whole at some hours of each day and short at others: not the level has fallen, the day has changed.

Rules in docs/detection.md#course-and-end-recoverypy-decidepy-outage_lifecyclepy. Arrays hold an element per followed
row.
"""

from __future__ import annotations

import numpy as np

from detectors.types import DAY, Change, ClosedBin, Ints, Singles

from . import decide, slow_openings
from .column_rows import rows_of
from .detector_state import DetectorState, ScoredBin
from .evidence import EMPTY
from .learning import unlearn
from .local_days import HOUR
from .outage_lifecycle import FOLLOWED, MATERIAL, TOTAL, report, revise
from .recovery import rest
from .recurrence import ALL, HOURS, LEAST, filled, is_as_before, spells
from .season import slot_of
from .series_state import PatternColumns, SeriesStore

DAYS = 7  # that show the same hours whole and the same hours short: a week, so that it is no matter of weekdays
STRAY = np.float32(3)  # standard deviations by which a whole bin may miss what is expected


def note(store: SeriesStore, rows: Ints, start: int, ratio: Singles, max_drop: Singles, sigma: Singles) -> None:
    """Note whether a bin that begins at `start` (Unix s) is whole or short; one between is both, and tells nothing.

    So is one that is dark: darkness is no profile.
    """
    c, bit, middle = store.pattern, np.uint32(1 << slot_of(start) // 7), 1 - max_drop / 2
    whole, dark = ratio >= np.maximum(middle, 1 - rest(max_drop) - STRAY * sigma), ratio <= 1 - TOTAL
    c.whole_today[rows] |= bit * ((ratio >= middle) | dark)
    c.short_today[rows] |= bit * ~whole
    deepest = store.recurrence.deepest_today
    deepest[rows] = np.maximum(deepest[rows], dark)


def end_day(state: DetectorState) -> None:
    """Count the days that were alike, of rows with short hours; in hours without an outage a row was whole."""
    c = state.store.pattern
    rows = rows_of((c.short_today | c.short_before) > 0)
    if rows.size:
        normal = rows[state.store.phases.phase[rows] < FOLLOWED]
        c.whole_today[normal] |= np.uint32(ALL) & ~c.short_today[normal]
        _compare(c, rows, max(1, LEAST // max(state.rule.width, HOUR)))


def ends(state: DetectorState, followed: Ints, seen: ClosedBin, scored: ScoredBin) -> list[Change]:
    """Return the ends of outages whose days have been alike for long enough; their season begins anew."""
    if not followed.size:
        return []
    rows = followed[state.store.pattern.days_alike[followed] >= DAYS]
    return [_end(state, row, seen, scored) for row in rows.tolist() if _is_sure(state, row, seen, scored)]


def _compare(c: PatternColumns, rows: Ints, least: int) -> None:
    """Compare today's hours with those of the day before, and count the days that were alike."""
    both = c.whole_today[rows] & c.short_today[rows]
    whole, short = c.whole_today[rows] & ~both, c.short_today[rows] & ~both
    against = (whole & c.short_before[rows]) | (short & c.whole_before[rows])
    parted = np.minimum(np.bitwise_count(whole), np.bitwise_count(short)) >= least
    c.days_alike[rows] = np.where(parted & (against == 0), c.days_alike[rows] + 1, 0)
    c.whole_before[rows], c.short_before[rows] = whole, short
    c.whole_today[rows] = c.short_today[rows] = 0


def _is_sure(state: DetectorState, row: int, seen: ClosedBin, scored: ScoredBin) -> bool:
    """Return whether an outage is one of its series, not of a feed in doubt, not dark now, and more than one a day.

    An outage that ends each day by itself is one a day; if it recurs, `recurrence` says so. A new one shows that the
    profile goes on only as far as it is as before.
    """
    outage, short = state.ongoing.get(row), filled(int(state.store.pattern.short_before[row]), state.rule.width)
    if outage is None or outage.suspected_fault or outage.drop >= TOTAL:
        return False
    lasts = seen.start - outage.opened >= (DAYS - 1) * DAY
    return lasts or (spells(short) > 1 and is_as_before(state, row, seen, scored))


def _end(state: DetectorState, row: int, seen: ClosedBin, scored: ScoredBin) -> Change:
    """End an outage as the new normal, and let the first day of its series begin anew."""
    old, shown = state.ongoing.pop(row), decide.row_bin(state, row, seen, scored)
    state.store.end_course(row)
    state.store.phases.flaps[row] = 0
    recent = state.store.recurrence
    _take_in(state, row, max(old.max_drop, float(recent.depth[row]), float(recent.deepest_today[row])))
    reason = f"whole at some hours of each day and short at others for {DAYS} days: the daily profile has changed"
    return report(revise(old, shown, "rebaselined", reason, old.drop), shown, shown.end)


def _take_in(state: DetectorState, row: int, max_drop: float) -> None:
    """Lower the short hours of a row's profile to what was left in them; its level is that of the new mean."""
    store, c = state.store, state.store.levels
    if c.profile_mean[row] <= 0:  # its first day was no whole one
        store.slots[row] = c.profile_mean[row] = 1
        c.bins_learnt[row] = max(int(c.bins_learnt[row]), state.scales.day)
    profile = store.slots[row].astype(np.float32).reshape(HOURS, -1)
    lower = np.where(profile < 0, profile, profile * _left(store.pattern, row, max_drop)[:, None])
    by = np.float32(lower[profile > 0].sum() / max(profile[profile > 0].sum(), EMPTY))
    store.slots[row] = lower.ravel()
    for column in (c.profile_mean, c.level, c.long_level):
        column[row] *= by
    slow_openings.rescale(store.slow, np.array([row]), np.array([by]))
    c.hour_products[row] = c.hour_squares[row] = (max_drop / 2) ** 2 * 2 * state.scales.week  # trusted in full
    louder = _louder(float(c.noise[row]), max_drop)
    for column in (c.noise, c.roughness, *([] if state.rule.kind == "gauge" else [c.covariance])):
        column[row] *= louder
    unlearn(c, row)
    c.short_lean[row] = c.lean[row] = 0
    for name in ("pattern", "deepest_today", "recurring", "recurring_hours"):
        store.stored[name][row] = 0
    store.forget_profiles()


def _louder(noise: float, max_drop: float) -> float:
    """Return by how much the relative noise grows: less is left, and days that differ by `MATERIAL` are alike.

    To that of two levels at the most.
    """
    noise, left = max(noise, float(EMPTY)), max(1 - max_drop, float(EMPTY))
    days = (MATERIAL / 2) ** 2
    return float(max(min(max(noise, days) / left**2, (max_drop / 2) ** 2) / noise, 1.0))


def _left(c: PatternColumns, row: int, max_drop: float) -> Singles:
    """Return what is left of normal in each hour of the day: all, what a short bin leaves, or between (HOURS)."""
    hours = np.arange(HOURS, dtype=np.uint32)
    short, whole = (bits[row] >> hours & 1 for bits in (c.short_before, c.whole_before))
    return np.asarray(1 - max_drop * (1 + short.astype(np.float32) - whole) / 2, np.float32)
