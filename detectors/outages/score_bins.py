"""Score a bin of all rows, and learn the rows that are plainly normal while their columns are in the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from detectors.types import ClosedBin, Flags, Ints, Rule

from . import member_churn, member_losses
from .baseline import EMPTY, Expected, Pace, predict
from .cusum import advance
from .evidence import Singles, threshold
from .learning import learn
from .outage_lifecycle import FOLLOWED, NORMAL, Ongoing
from .series_state import LAYOUT, Columns, Store, chunk

CHUNK = 32_768
EARLY = math.log(50)  # a suspicion is told at fifty times the budget
# A count that is mostly zero says too little in a bin to tell silence from darkness.
LEAST = {"gauge": EMPTY, "count": np.float32(0.5), "distinct": np.float32(0.5), "ratio": EMPTY}
CAP = 0.5  # share of the threshold that one bin may give, unless nearly all is gone
LEARNT = tuple(name for name in LAYOUT if name not in ("sums", "runs", "gap", "hole", "flaps", "phase"))


@dataclass
class Desk:
    """All that the detector of one feed knows."""

    rule: Rule
    store: Store = field(default_factory=Store)
    ongoing: dict[int, Ongoing] = field(default_factory=dict)
    scalars: dict[str, float] = field(default_factory=lambda: {"fault": 0.0, "settling": 0.0})
    pace: Pace = field(init=False)
    threshold: float = field(init=False)

    def __post_init__(self) -> None:
        self.pace = Pace.of(self.rule.width)
        self.threshold = threshold(self.rule.budget, self.rule.width)


class Scored:
    """A scored bin, a number per row. `value` of a ratio is a share; `ok`: measured; `warm`: has a baseline;
    `young`: has no season yet.
    """

    def __init__(self, rows: int) -> None:
        self.value, self.mid, self.low, self.noise, self.inform, self.worth = np.full((6, rows), np.nan, np.float32)
        self.winner = np.zeros(rows, np.int8)
        self.ok, self.warm, self.young = np.zeros((3, rows), np.bool_)


@contextmanager
def untouched(c: Columns, names: Sequence[str], rows: Ints) -> Iterator[None]:
    """Put some rows of some columns back as they were."""
    kept = {name: c[name][rows] for name in names} if rows.size else {}
    yield
    for name, column in kept.items():
        c[name][rows] = column


def levels(desk: Desk, seen: ClosedBin) -> Scored:
    """Score all kinds but presence, in chunks that fit the cache."""
    rows = desk.store.rows
    scored = Scored(rows)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for first in range(0, rows, CHUNK):
            _chunk(desk, seen, slice(first, min(first + CHUNK, rows)), scored)
    return scored


def _chunk(desk: Desk, seen: ClosedBin, part: slice, scored: Scored) -> None:
    rule, pace, c = desk.rule, desk.pace, chunk(desk.store.hot, part)
    size = seen.size[part].astype(np.float32)
    ok = seen.present[part] & seen.alive[part] & (size > 0)
    value = np.where(ok, seen.value[part], 0).astype(np.float32)
    if rule.kind == "ratio":
        value /= np.maximum(size, 1)
    e = predict(rule, pace, c, desk.store.near(part, seen.start), seen.start, value, size, seen.group[part])
    warm = (c["seen"] >= pace.warm) & (e.low > LEAST[rule.kind])
    free = c["phase"] < FOLLOWED
    with untouched(c, ("sums", "runs", "hole"), np.flatnonzero(~free)):
        worth, winner = advance(rule, pace, c, e, value, size, ok & warm & free, CAP * desk.threshold)
    worth[~free] = 0
    _put(scored, part, value, e, worth, winner, ok, warm)
    c["gap"][:] = np.where(ok, 0, np.minimum(c["gap"], 65_000) + seen.alive[part])
    normal = ok & (c["phase"] == NORMAL) & (worth < desk.threshold - EARLY)
    if normal.any():
        with untouched(c, LEARNT, np.flatnonzero(~normal)):
            learn(rule, pace, c, e, value, size, worth)


def _put(
    scored: Scored, part: slice, value: Singles, e: Expected, worth: Singles, winner: Singles, ok: Flags, warm: Flags
) -> None:
    for name, column in (("value", value), ("mid", e.mid), ("low", e.low), ("noise", e.noise), ("inform", e.inform)):
        getattr(scored, name)[part] = column
    scored.worth[part], scored.winner[part], scored.ok[part], scored.warm[part] = worth, winner, ok, warm
    scored.young[part] = e.young


def presence(desk: Desk, seen: ClosedBin) -> Scored:
    """Score all rows from the members that were lost. A network of very few members never has enough evidence."""
    c, s, scored = desk.store.hot, desk.scalars, Scored(desk.store.rows)
    feed = member_losses.Feed.of(s)
    ok = seen.alive & seen.present
    member_losses.score(c, seen, feed, desk.rule.width)
    fresh = np.minimum(seen.lost, np.maximum(seen.size - c["anchor"], 0))
    followed = c["phase"] == FOLLOWED
    mid = np.where(
        followed, np.maximum(c["level"] + fresh, seen.value), np.maximum(c["level"], member_losses.before(seen))
    )
    c["level"][followed & ok] = mid[followed & ok]
    enough = ok & ~followed & (mid >= member_losses.FEWEST) & (mid - seen.value >= member_losses.FEWEST)
    scored.worth[:] = np.where(enough, c["sums"].max(axis=1, initial=0), 0)
    scored.value[:], scored.mid[:], scored.low[:], scored.inform[:] = seen.value, mid, mid, 1e4
    scored.noise[:], scored.winner[:] = 0, c["sums"].argmax(axis=1)
    scored.ok[:], scored.warm[:] = ok, ok
    calm = ok & (c["phase"] == NORMAL) & (scored.worth < desk.threshold - EARLY)
    after = member_churn.feed_after(feed, c, seen, calm, desk.rule.width)
    member_churn.remember(c, seen, feed, calm, desk.rule.width)
    s["rate"], s["tie"], s["fresh"], s["heard"] = after.rate, after.tie, after.fresh, after.heard
    return scored
