"""Losses that recur at the same hours of each day are expected from then on, until they are deeper or at other hours.

Each is an outage as before, but one that alerts nobody. Nothing is learnt of it, and what loses most of a network is
never expected. Derived in docs/detection.md#losses-that-recur-recurrencepy. Arrays hold an element per row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from detectors.types import DAY, Change, ClosedBin, Flags, Ints, Suppression

from .column_rows import rows_of
from .detector_state import DetectorState, ScoredBin
from .evidence import EMPTY, threshold
from .local_days import HOUR
from .outage_lifecycle import FOLLOWED, MATERIAL
from .series_state import Bins, PatternColumns, RecurrenceColumns, SeriesStore
from .suppression import RECURRING, Ask

HOURS = 24
ALL = np.uint64((1 << HOURS) - 1)
LEAST = 3 * HOUR  # seconds of a day that must be whole; a changed profile has as many that are short
EXEMPT = math.log(7 / 2)  # nats against a timetable by a day without a loss: two of a week's days may be exempt
DEEPEST = 0.75  # share lost from which on a loss is always news
SPELLS = 3  # of a day, that a note names
FORGOTTEN = 7  # such days after which the best timetable is none any more


def begin(c: PatternColumns, row: int, started: int, now: int) -> None:
    """Note that a loss opens in the bin at `now` (Unix s): hours of today before it were whole, and not all of its own
    need be short.
    """
    first, last = max(started, now - now % DAY) % DAY // HOUR, now % DAY // HOUR
    before, short = (1 << first) - 1, (1 << last + 1) - (1 << first)
    noted = int(c.whole_today[row]) | int(c.short_today[row])
    before = before & ~noted if noted or c.short_before[row] else 0  # of a first loss it is not known
    c.whole_today[row] |= np.uint32(before | short & ~(1 << last))
    c.short_today[row] |= np.uint32(short)


def note(store: SeriesStore, changes: Iterable[Change], start: int) -> None:
    """Note what changes of the bin at `start` (Unix s) say of today: losses that open in it, and how deep all are."""
    deepest = store.recurrence.deepest_today
    for change in changes:
        if change.state in ("suspected", "retracted"):
            continue
        if change.detected_at == change.updated_at:
            begin(store.pattern, change.row, change.started_at, start)
        deepest[change.row] = max(deepest[change.row], change.max_drop)


def end_day(state: DetectorState) -> None:
    """Add a day to the evidence that losses recur: it is the same as that of the day before, none, or another."""
    store, width = state.store, state.rule.width
    c, pattern = store.recurrence, store.pattern
    rows = rows_of((pattern.short_today > 0) | (c.usual_hours > 0))
    if not rows.size:
        return
    for row in state.ongoing.keys() & set(rows[store.phases.phase[rows] == FOLLOWED].tolist()):
        c.deepest_today[row] = max(float(c.deepest_today[row]), state.ongoing[row].max_drop)
    short, usual, deepest = pattern.short_today[rows], c.usual_hours[rows], c.deepest_today[rows]
    shaped = _is_shaped(short, width) & (deepest < DEEPEST)
    alike = (short > 0) & shaped & _is_alike(short, usual, width) & (np.abs(deepest - c.depth[rows]) <= MATERIAL)
    follows = alike & (c.evidence[rows] < enough(state))  # once expected it stays: it may not creep
    anew = _weigh(c, rows, alike, short > 0, coincidence(width), enough(state))
    c.usual_hours[rows] = np.where(anew, np.where(shaped, short, 0), np.where(follows, short, usual))
    c.depth[rows] = np.where(anew, deepest, np.where(follows, (c.depth[rows] + deepest) / 2, c.depth[rows]))
    c.deepest_today[rows] = 0


def _weigh(c: RecurrenceColumns, rows: Ints, alike: Flags, lost: Flags, worth: float, limit: float) -> Flags:
    """Add what the day is worth (nats) to the evidence of rows; return which of them begin anew."""
    most = np.float32(limit + (FORGOTTEN - 0.5) * EXEMPT)  # between two days, so that no rounding decides
    gained = np.where(alike, np.float32(worth), np.where(lost, np.float32(-worth), np.float32(-EXEMPT)))
    total = np.minimum(c.evidence[rows] + gained, most)
    anew = ~alike & (total <= 0)
    c.evidence[rows] = np.where(anew, 0, total)
    return anew


def enough(state: DetectorState) -> float:
    """Return the nats from which on a loss is expected: what a judgement a day needs."""
    return threshold(state.rule.budget, DAY)


def coincidence(width: int) -> float:
    """Return how improbable it is that a loss begins and ends at the hours of another by chance, in nats.

    In bins of `width` s: each of the two falls on one of three of the bins of a day, where a day has so many.
    """
    return 2 * math.log(max(min(DAY / width, HOURS) / 3, 1))


def asked(state: DetectorState, seen: ClosedBin, scored: ScoredBin, ask: Ask | None) -> Ask | None:
    """Return what asks a calendar and then the recurrence of a row; None where neither can answer."""
    if not state.ongoing:
        return ask
    limit, evidence = enough(state), state.store.recurrence.evidence
    rows = np.fromiter(state.ongoing, np.intp, len(state.ongoing))
    if not (evidence[rows] >= limit).any():
        return ask

    def both(row: int, began: int) -> Suppression | None:
        entry = ask(row, began) if ask else None
        return _expected(state, row, seen, scored) if entry is None and evidence[row] >= limit else entry

    return both


def _expected(state: DetectorState, row: int, seen: ClosedBin, scored: ScoredBin) -> Suppression | None:
    """Return that the outage of a row recurs, if it is as before."""
    if not is_as_before(state, row, seen, scored):
        return None
    c, width = state.store.recurrence, state.rule.width
    hours, depth = _clock(int(c.usual_hours[row]), width), float(c.depth[row])
    return Suppression(RECURRING, f"the daily profile has changed: {depth:.0%} below normal {hours}")


def is_as_before(state: DetectorState, row: int, seen: ClosedBin, scored: ScoredBin) -> bool:
    """Return whether an outage is neither nearly dark, nor deeper or longer than before, nor at other hours."""
    outage, c, width = state.ongoing.get(row), state.store.recurrence, state.rule.width
    if outage is None or max(outage.drop, float(c.deepest_today[row])) >= DEEPEST:
        return False
    sigma = float(scored.precision[row].clip(EMPTY, np.inf)) ** -0.5
    if outage.drop - float(c.depth[row]) > max(MATERIAL, 2 * sigma):
        return False
    short = _short_since(state.store.pattern, row, outage.started_at, seen.start)
    return _is_within(short, int(c.usual_hours[row]), width)


def _is_within(short: int, hours: int, width: int) -> bool:
    """Return whether hours are among usual ones, but for one (or a wider bin) earlier, later or longer a spell."""
    usual = filled(hours, width)
    longest = usual.bit_count() + spells(usual) * math.ceil(width / HOUR)
    return (
        not short & ~int(_reach(np.array([hours], np.uint32), width)[0]) and filled(short, width).bit_count() <= longest
    )


def spells(hours: int) -> int:
    """Return how often hours (bits) begin in a day."""
    return (hours & ~(hours << 1 | hours >> HOURS - 1)).bit_count()


def _short_since(c: PatternColumns, row: int, started: int, now: int) -> int:
    """Return the hours in which an outage has been short, of today and of the day before."""
    before = int(c.short_before[row]) if started < now - now % DAY else 0
    return int(c.short_today[row]) | before | 1 << (started % DAY // HOUR)


def _is_shaped(short: Bins, width: int) -> Flags:
    """Return whether a day has enough whole hours beside its short ones; without them a loss has no hours."""
    slots = min(HOURS, DAY // width)
    return np.asarray(slots - np.bitwise_count(short).astype(np.int64) >= max(1, LEAST // max(width, HOUR)))


def _is_alike(short: Bins, usual: Bins, width: int) -> Flags:
    """Return whether the hours of two days are the same, but for one earlier or later."""
    return np.asarray((short & ~_reach(usual, width) == 0) & (usual & ~_reach(short, width) == 0))


def _reach(hours: Bins, width: int) -> NDArray[np.uint32]:
    """Return hours with those beside them: one, or as many as a wider bin has."""
    reached = hours.astype(np.uint64)
    for _ in range(-(-width // HOUR)):
        reached |= (reached << 1) | (reached >> 1) | (reached << HOURS - 1) | (reached >> HOURS - 1)
        reached &= ALL
    return reached.astype(np.uint32)


def filled(hours: int, width: int) -> int:
    """Return the hours of bins of `width` s that begin in these hours (bits)."""
    every = 0
    for more in range(1, -(-width // HOUR)):
        every |= hours << more | hours >> HOURS - more
    return (hours | every) & int(ALL)


def _clock(hours: int, width: int) -> str:
    """Return hours in words, such as `from 08:00 to 20:00 UTC each day`."""
    taken, every = filled(hours, width), range(HOURS)
    begins = [at for at in every if taken >> at & 1 and not taken >> (at - 1) % HOURS & 1]
    ends = [next((at + n) % HOURS for n in range(1, HOURS + 1) if not taken >> (at + n) % HOURS & 1) for at in begins]
    spans = [f"from {a:02}:00 to {b:02}:00" for a, b in zip(begins, ends, strict=True)]
    return " and ".join(spans) + " UTC each day" if len(spans) <= SPELLS else f"{len(spans)} times a day"
