"""How a normal bin changes the baseline: robust, slow to follow a fall that may be an outage, slow to trust a surge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .baseline import EMPTY, QUIET, Expected, Pace
from .columns import Columns
from .evidence import Share, Singles, information
from .observed import Flags, Rule
from .season import Slots, slot_of

PRIOR = {"gauge": 0.0025, "count": 0.01, "distinct": 0.01, "ratio": 0.01, "presence": 0.01}

ALMOST = 0.95  # share of a day that is a first day
CALM = 2  # nats of evidence from which on a bin says nothing about the season
SILENT = 12  # nor about level and spread
AFTER = 0.85  # spread on the first day counts as that of the rest of a day: its level was still looked for


def learn(rule: Rule, pace: Pace, c: Columns, e: Expected, value: Singles, size: Singles, worth: Singles) -> None:
    """Learn one bin into the columns of rows that are all normal now, less the more evidence of a fall there is."""
    use = np.maximum(1 - worth / np.float32(SILENT), 0)
    first = c["seen"] == 0
    if first.any():
        begin(rule, c, first, value)
    mid = np.maximum(np.where(first, value, e.mid), EMPTY)
    strayed, held = _clip(rule, pace, c, e, value, mid)
    quick = np.maximum(1 / (c["seen"].astype(np.float32) + 1), np.float32(1 / pace.recent))
    gain = np.where(e.young, quick, np.float32(1 / pace.day))
    _spread(rule, pace, c, e, value, size, mid, held, use)
    _season(pace, c, e, value, mid, held, worth < CALM)
    # A quiet hour knows less of the level: what it misses is not scaled up.
    c["level"] += gain * use * (mid * (1 + held) - e.factor * c["level"]) / np.maximum(e.factor, 1)
    c["anchor"] += ~e.young * np.float32(1 / pace.month) * (c["level"] - c["anchor"])
    c["above"] += np.float32(1 / pace.day) * (strayed - c["above"])
    c["last"][:] = value
    c["seen"] += 1


def begin(rule: Rule, c: Columns, first: NDArray[np.bool_], value: Singles) -> None:
    """The first bin sets the level and the unit of the profile."""
    c["level"][first] = value[first]
    c["anchor"][first] = np.where(value[first] > 0, value[first], 1)
    c["noise"][first] = PRIOR[rule.kind]
    c["rough"][first] = PRIOR[rule.kind]


def _clip(rule: Rule, pace: Pace, c: Columns, e: Expected, value: Singles, mid: Singles) -> tuple[Flags, Singles]:
    """Whether the bin is a surge, and its relative deviation clipped at three sigma; a surge that lasts is let in."""
    sigma = 3 / np.sqrt(e.inform)
    top = sigma + 1 / mid if rule.kind in ("count", "distinct") else sigma
    off = value / mid - 1
    lasting = np.float32(1) + 60 * np.maximum(c["above"] - np.float32(0.5), 0)
    free = (c["seen"] < pace.warm) | (mid <= 10 * EMPTY)
    return off > top, np.where(free, off, np.clip(off, -sigma, top * lasting)).astype(np.float32)


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
) -> None:
    """Noise of a bin, roughness from bin to bin, and wander over half a day."""
    seen = c["seen"].astype(np.float32)
    learnt = np.where(e.young, seen + 8, seen - np.float32(AFTER * pace.day))
    gain = use * np.maximum(1 / learnt, np.float32(1 / pace.week))
    most = 9 / e.inform
    counting: Share = np.float32(0)
    if rule.kind == "gauge":
        _quantum(pace, c, value)
        most = np.minimum(most, 1)
    else:
        counting = 1 / information(rule.kind, size, mid, np.full_like(mid, QUIET)) - QUIET
        gain = gain * np.minimum(mid * size if rule.kind == "ratio" else mid, 1)
    c["noise"] += gain * (np.minimum(held * held, most) - counting - c["noise"])
    leap = (value - c["last"]) / mid
    stepped = np.minimum(leap * leap / 2, most) - c["rough"]
    c["rough"] += gain * np.where(np.isnan(leap), 0, stepped)
    # Wander is symmetric: it is measured above the baseline and doubled, for below there are also falls.
    slow = ~e.young * np.maximum(1 / (seen + 1), np.float32(1 / pace.week))
    c["wander"] += slow * (2 * held * np.maximum(c["lean"], 0) - c["wander"])
    c["lean"] += ~e.young * use * np.float32(1 / pace.half) * (held - c["lean"])


def _quantum(pace: Pace, c: Columns, value: Singles) -> None:
    """Smallest step of a gauge, let go within months."""
    step = np.abs(value - c["last"])
    c["quantum"] *= np.float32(1 + 0.25 / pace.week)
    np.minimum(c["quantum"], step, out=c["quantum"], where=step > 0)


def _season(pace: Pace, c: Columns, e: Expected, value: Singles, mid: Singles, held: Singles, calm: Flags) -> None:
    """How well the profile predicted this bin, if `calm`, and the bin's part in its hour."""
    kept = mid * (1 + held)
    share = kept / np.maximum(c["level"], EMPTY)
    keep = np.float32(1 - 0.5 / pace.week)
    left = share - 1
    trust = np.clip(c["fit"][:, 0] / np.maximum(c["fit"][:, 1], EMPTY), 0, 1)
    for at, part, rest in ((0, e.hours, left), (2, e.weeks, left - trust * e.hours)):
        by = part * calm
        c["fit"][:, at] = keep * c["fit"][:, at] + by * rest
        c["fit"][:, at + 1] = keep * c["fit"][:, at + 1] + by * by
    c["filling"] += np.where(e.young, value / np.maximum(c["anchor"], EMPTY), share * c["norm"])
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
    doubt = (worth >= CALM) & (c["norm"] > 0)
    c["filled"][doubt], c["filling"][doubt] = 0, 0
    rows = np.flatnonzero(c["filled"])
    slot = slot_of(at)
    mean = np.minimum(c["filling"][rows] / c["filled"][rows], 6e4)
    old = slots[rows, slot].astype(np.float32)
    slots[rows, slot] = np.where(old < 0, mean, old + np.float32(0.35) * (mean - old))
    c["filling"][rows], c["filled"][rows] = 0, 0
    done = np.flatnonzero((c["norm"] <= 0) & (c["seen"] >= ALMOST * pace.day))
    if done.size:
        _graduate(rule, pace, c, slots, done)
    return bool(done.size)


def _graduate(rule: Rule, pace: Pace, c: Columns, slots: Slots, rows: NDArray[np.intp]) -> None:
    """The first day is over: mean and trust of the profile. One surge in it must not be expected again."""
    profile = slots[rows].astype(np.float32).reshape(len(rows), 24, 7)
    known = profile >= 0
    count = known.sum(axis=2)
    total = np.where(known, profile, 0).sum(axis=2)
    mean = total.sum(axis=1) / np.maximum(count.sum(axis=1), 1)
    hourly = np.where(count > 0, total / np.maximum(count, 1), mean[:, None])
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
