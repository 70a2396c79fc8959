"""How a normal bin changes the baseline: robust, slow to follow a fall that may be an outage, slow to trust a surge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.types import Flags, Rule

from .baseline import EMPTY, QUIET, Expected, Pace, leap
from .evidence import Share, Singles, at_least, at_most, counting
from .season import LOOKED, SIGN, SLOTS, Bits, Slots, narrow, quietest, slot_of, widen
from .series_state import Columns, chunk

PRIOR = {"gauge": 0.0025, "count": 0.01, "distinct": 0.01, "ratio": 0.01, "presence": 0.01}

ALMOST = 0.95  # share of a day that is a first day
PIECE = 32_768  # rows whose columns of an hour are in the cache
PART = 2_048  # rows whose whole profiles are in the cache
HALF = np.float32(0.5)
CALM = 2  # nats of evidence from which on a bin says nothing about the season
SILENT = 12  # nor about level and spread
AFTER = 0.85  # spread on the first day counts as that of the rest of a day: its level was still looked for


def learn(rule: Rule, pace: Pace, c: Columns, e: Expected, value: Singles, size: Singles, worth: Singles) -> None:
    """Learn one bin into the columns of rows that are all normal now, less the more evidence of a fall there is."""
    use = at_least(1 - worth / np.float32(SILENT), 0)
    seen = c["seen"].astype(np.float32)
    mid = at_least(e.mid, EMPTY)
    if not seen.all():
        first = seen == 0
        begin(rule, c, first, value)
        mid = np.where(first, np.maximum(value, EMPTY), mid)
    strayed, held = _clip(rule, pace, c, e, value, mid, seen)
    kept = mid * (1 + held)
    # The first day follows more quickly, and moves nothing that lasts.
    rise: Share = np.float32(1 / pace.day)
    grown: Share = np.float32(1)
    if e.young.any():
        rise = np.where(e.young, np.maximum(1 / (seen + 1), np.float32(1 / pace.recent)), rise)
        grown = (~e.young).astype(np.float32)
    calm = worth < CALM
    if e.unseen is not None and e.unseen.any():
        # What a first weekend has lacked for hours is its own: no noise, no lower level, no fault of the profile.
        use = use * ~(e.unseen & (c["lean"] < -HALF * e.sigma))
        calm &= ~e.unseen
    _spread(rule, pace, c, e, value, size, mid, held, use, seen, grown)
    _season(pace, c, e, value, np.minimum(kept, np.maximum(value, e.low)), calm)
    # A quiet hour knows less of the level: what it misses is not scaled up.
    missed = kept - e.factor * c["level"]
    missed /= at_least(e.factor, 1)
    missed *= rise * use
    c["level"] += missed
    c["anchor"] += (c["level"] - c["anchor"]) * (grown * np.float32(1 / pace.month))
    c["above"] += np.float32(1 / pace.day) * (strayed - c["above"])
    c["last"][:] = value
    c["seen"] += 1


def begin(rule: Rule, c: Columns, first: NDArray[np.bool_], value: Singles) -> None:
    """The first bin sets the level and the unit of the profile."""
    c["level"][first] = value[first]
    c["anchor"][first] = np.where(value[first] > 0, value[first], 1)
    c["noise"][first] = PRIOR[rule.kind]
    c["rough"][first] = PRIOR[rule.kind]


def _clip(
    rule: Rule, pace: Pace, c: Columns, e: Expected, value: Singles, mid: Singles, seen: Singles
) -> tuple[Flags, Singles]:
    """Whether the bin is a surge, and its relative deviation clipped at three sigma; a surge that lasts is let in."""
    sigma = 3 * e.sigma
    top = sigma + 1 / mid if rule.kind in ("count", "distinct") else sigma
    off = value / mid
    off -= 1
    strayed = off > top
    if (c["above"] > HALF).any():
        top = top * (np.float32(1) + 60 * np.maximum(c["above"] - HALF, 0))
    free = np.flatnonzero((seen < pace.warm) | (mid <= 10 * EMPTY))
    held = np.minimum(np.maximum(off, -sigma), top)
    held[free] = off[free]
    return strayed, held


def _spread(
    rule: Rule,
    pace: Pace,
    c: Columns,
    e: Expected,
    value: Singles,
    size: Singles,
    mid: Singles,
    held: Singles,
    use: Singles,
    seen: Singles,
    grown: Share,
) -> None:
    """Noise of a bin, roughness from bin to bin, and wander over half a day."""
    learnt = seen - np.float32(AFTER * pace.day)
    if e.young.any():
        learnt = np.where(e.young, seen + 8, learnt)
    gain = use * at_least(1 / learnt, np.float32(1 / pace.week))
    most: Singles = 9 * (e.sigma * e.sigma)
    if rule.kind == "gauge":
        _quantum(pace, c, value)
        most = at_most(most, 1)
    else:
        gain *= at_most(mid * size if rule.kind == "ratio" else mid, 1)
    c["noise"] += gain * (np.minimum(held * held, most) - counting(rule.kind, size, mid) - c["noise"])
    moved = (value - c["last"]) / mid
    stepped = np.minimum(moved * moved / 2, most) - c["rough"]
    stepped[np.flatnonzero(np.isnan(moved))] = 0
    c["rough"] += gain * stepped
    # Wander is symmetric: it is measured above the baseline and doubled, for below there are also falls.
    slow = grown * at_least(1 / (seen + 1), np.float32(1 / pace.week))
    c["wander"] += slow * (2 * held * at_least(c["lean"], 0) - c["wander"])
    c["lean"] += grown * np.float32(1 / pace.half) * (held - c["lean"])


def _quantum(pace: Pace, c: Columns, value: Singles) -> None:
    """Smallest step of a gauge, let go within months."""
    c["quantum"] *= np.float32(1 + 0.25 / pace.week)
    np.minimum(c["quantum"], leap(c, value), out=c["quantum"])


def _season(pace: Pace, c: Columns, e: Expected, value: Singles, kept: Singles, calm: Flags) -> None:
    """How well the profile predicted this bin, if `calm`, and the bin's part in its hour."""
    share = kept / at_least(c["level"], EMPTY)
    keep = np.float32(1 - 0.5 / pace.week)
    usual = e.trust * e.hours
    c["fit"] *= keep
    for at, part, rest in ((0, e.hours, share - e.factor + usual), (2, e.weeks, share - 1 - usual)):
        by = part * calm
        c["fit"][:, at] += by * rest
        by *= by
        c["fit"][:, at + 1] += by
    share *= c["norm"]
    if e.young.any():
        share = np.where(e.young, value / np.maximum(c["anchor"], EMPTY), share)
    c["filling"] += share
    c["filled"] += 1


def unlearn(pace: Pace, c: Columns, row: int, bins: int, drop: float) -> None:
    """An outage opens: give back a quarter of what the level may have lost to its bins so far, and drop this hour."""
    if c["norm"][row] > 0:
        c["level"][row] *= 1 + 0.25 * drop * min(bins, pace.half) / pace.day
    c["filled"][row], c["filling"][row] = 0, 0


def turn(rule: Rule, pace: Pace, c: Columns, slots: Slots, at: int, worth: Singles) -> bool:
    """At the end of an hour put its mean into its slot; a row whose first day is over gets its profile. True then.

    An hour that ends in doubt may be the first of an outage, and is left out.
    """
    for first in range(0, len(worth), PIECE):
        part = slice(first, first + PIECE)
        piece = chunk(c, part)
        _put_hour(piece, slots[part, slot_of(at)].view(np.uint16), worth[part])
        if slot_of(at) == SLOTS - 1:
            _put_rest(rule, piece, slots[part])
    c["filling"][:], c["filled"][:] = 0, 0
    done = np.flatnonzero((c["norm"] <= 0) & (c["seen"] >= ALMOST * pace.day))
    for at in range(0, done.size, PART):
        _graduate(rule, pace, c, slots, done[at : at + PART])
    return bool(done.size)


def _put_hour(c: Columns, slot: Bits, worth: Singles) -> None:
    """Put the mean of the hour into its slot, a third of the way from what it held, where the hour has a mean."""
    known = (c["filled"] > 0) & ~((worth >= CALM) & (c["norm"] > 0))
    mean = c["filling"] / np.maximum(c["filled"], 1)
    at_most(mean, np.float32(6e4), out=mean)
    old = widen(slot)
    moved = mean - old
    moved *= np.float32(0.35)
    moved += old
    new = np.flatnonzero(slot >= SIGN)
    moved[new] = mean[new]
    bits, kept = narrow(moved), np.flatnonzero(~known)
    bits[kept] = slot[kept]
    slot[:] = bits


def _put_rest(rule: Rule, c: Columns, slots: Slots) -> None:
    """At the end of a week say which weekday is one of rest."""
    hours = LOOKED * max(1, 3600 // rule.width)
    c["rest"][:] = quietest(slots, c["rough"] / hours + HALF * np.maximum(c["wander"], 0))


def _graduate(rule: Rule, pace: Pace, c: Columns, slots: Slots, rows: NDArray[np.intp]) -> None:
    """The first day is over: mean and trust of the profile. One surge in it must not be expected again."""
    profile = slots.T[:, rows].astype(np.float32).reshape(24, 7, len(rows))
    known = profile >= 0
    count = known.sum(axis=1, dtype=np.uint8).astype(np.float32)
    total = np.where(known, profile, 0).sum(axis=1)
    mean = total.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
    hourly = np.where(count > 0, total / np.maximum(count, 1), mean).T
    usual = np.sort(hourly, axis=1)[:, 17]
    top = 1.5 * np.maximum(usual, EMPTY)
    slots[rows] = np.minimum(slots[rows], top[:, None])
    hourly = np.minimum(hourly, top[:, None])
    norm = np.maximum(hourly.mean(axis=1), EMPTY)
    vary = ((hourly / norm[:, None] - 1) ** 2).mean(axis=1)
    per_hour = max(1, 3600 // rule.width)
    trust = np.clip(1 - c["rough"][rows] / per_hour / np.maximum(vary, EMPTY), 0, 1)
    c["norm"][rows] = norm
    level = norm * c["anchor"][rows]
    c["level"][rows], c["anchor"][rows] = level, level
    counted = 1 / np.maximum(level, EMPTY) if rule.kind in ("count", "distinct") else 0
    c["noise"][rows] = np.minimum(c["noise"][rows], 3 * np.maximum(c["rough"][rows] - counted, QUIET))
    c["fit"][rows] = 0
    c["fit"][rows, 1] = 0.5 * pace.day * vary
    c["fit"][rows, 0] = trust * c["fit"][rows, 1]
