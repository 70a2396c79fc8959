"""Decide what a scored bin means: announce, open, hold, revise, end."""

from __future__ import annotations

import math

import numpy as np

from detectors.types import Change, ClosedBin, Flags, Ints, State

from . import feed_fault, recovery
from .baseline import EMPTY
from .evidence import RHOS
from .learning import unlearn
from .member_losses import FEWEST
from .outage_lifecycle import ANNOUNCED, FOLLOWED, Ongoing, Seen, Shape, lost, plural, revise, tell
from .score_bins import EARLY, Desk, Scored
from .series_state import Columns

FIRST = 0.75  # of a drop, what the bin in which it begins may show
PLAIN = 10  # least `inform` of a bin that shows that a part of it is gone
FADED = 0.25  # share of the threshold below which a suspicion is withdrawn
SETTLING = 3.0  # bins after a fault of the feed before what it held is judged: what a return needs, and one


def fault(desk: Desk, seen: ClosedBin, scored: Scored) -> bool:
    """Whether what falls in this bin is held, as the feed itself is in doubt; what it made rows doubt is dropped when
    it ends. Of members nothing is held: what all lose together is no evidence against any.
    """
    active, s = scored.ok & scored.warm, desk.scalars
    if desk.rule.kind == "presence":
        s["fault"] = s["fault"] + 1 if _is_shaken(desk, seen, scored) else 0.0
        return False
    if not active.any():
        return bool(s["fault"])
    short = 1 - scored.value / np.maximum(scored.low, EMPTY)
    sigmas = short * np.sqrt(scored.inform)
    falling = (short >= np.where(scored.young, 0.8, 0.1)) & (sigmas >= 1.5)
    now = seen.doubted or feed_fault.suspect(falling, active, seen.group, sigmas, bool(s["fault"]))
    if s["fault"] and not now:
        _clear(desk, scored, s["fault"] + 1)
    s["fault"] = s["fault"] + 1 if now else 0.0
    s["settling"] = SETTLING if now else max(s["settling"] - 1, 0.0)
    return now


def _is_shaken(desk: Desk, seen: ClosedBin, scored: Scored) -> bool:
    active = scored.ok & (scored.mid >= FEWEST) & (desk.store.hot["seen"] >= desk.pace.warm)
    return feed_fault.shaken(scored.value, scored.mid, active, seen.group, bool(desk.scalars["fault"]))


def _clear(desk: Desk, scored: Scored, bins: float) -> None:
    """Take the last bins, those of a fault and this one, out of the evidence: the share that they are of its run."""
    hot, rows = desk.store.hot, np.flatnonzero(desk.store.hot["phase"] < FOLLOWED)
    runs = np.maximum(hot["runs"][rows].astype(np.float32), 1)
    kept = np.maximum(1 - np.float32(bins) / runs, 0)
    hot["sums"][rows] *= kept
    hot["runs"][rows] *= kept > 0
    scored.worth[rows] *= kept[np.arange(len(rows)), scored.winner[rows]]


def openings(desk: Desk, seen: ClosedBin, scored: Scored, held: bool) -> list[Change]:
    """Rows not followed yet: announce, open, hold or let go."""
    phase = desk.store.hot["phase"]
    near = (phase < FOLLOWED) & scored.ok & (scored.worth >= desk.threshold - EARLY)
    rows = np.flatnonzero(near | ((phase == ANNOUNCED) & scored.ok))
    changes = [_decide(desk, row, seen, scored, held) for row in rows.tolist()]
    return [change for change in changes if change]


def _decide(desk: Desk, row: int, seen: ClosedBin, scored: Scored, held: bool) -> Change | None:
    old, hot = desk.ongoing.get(row), desk.store.hot
    worth, shown = float(scored.worth[row]), show(desk, row, seen, scored)
    if held or worth >= desk.threshold:
        now = begin(desk, row, old, shown, scored, "suspected" if held else "open", held)
        hot["phase"][row] = FOLLOWED
        unlearn(desk.pace, hot, row, now.bins, now.drop)
        recovery.start(hot, row, 1 - now.drop)
    elif old is None:
        now = begin(desk, row, None, shown, scored, "suspected", False)
        hot["phase"][row] = ANNOUNCED
    elif worth < FADED * desk.threshold:
        del desk.ongoing[row]
        recovery.stop(hot, row)
        return tell(revise(old, shown, "retracted", "the evidence faded", lost(shown)), shown)
    else:
        return None
    desk.ongoing[row] = now
    return tell(now, shown)


def show(desk: Desk, row: int, seen: ClosedBin, scored: Scored) -> Seen:
    """A row of a scored bin, in the unit of the measurement."""
    scale = float(seen.size[row]) if desk.rule.kind == "ratio" else 1.0
    value = float(seen.value[row]) if scored.ok[row] else None
    return Seen(row, seen.start, seen.start + desk.rule.width, value, float(scored.mid[row]) * scale)


def again(desk: Desk, row: int, seen: ClosedBin, scored: Scored) -> Change:
    """What is remembered of an outage, with what this bin showed."""
    return tell(desk.ongoing[row], show(desk, row, seen, scored))


def begin(desk: Desk, row: int, old: Ongoing | None, shown: Seen, scored: Scored, state: State, held: bool) -> Ongoing:
    """What is known of an outage at its opening, or of the suspicion."""
    width, worth, inform = desk.rule.width, float(scored.worth[row]), float(scored.inform[row])
    index = int(scored.winner[row])
    bins = max(int(desk.store.hot["runs"][row, index]), 1)
    drop = _drop(float(scored.value[row] / max(scored.mid[row], EMPTY)), float(RHOS[index]), inform)
    shape = _shape(desk.threshold, bins, inform * drop * drop / 2)
    start = shown.at - (_length(desk, row, index, drop, shape, inform) - 1) * width
    return Ongoing(
        opened=old.opened if old else shown.at,
        revision=old.revision + 1 if old else 1,
        state=state,
        started_at=start,
        started_from=start - int(desk.store.hot["hole"][row]) * width,
        started_to=start + width,
        detected_at=shown.end,
        drop=drop,
        max_drop=drop,
        shape=shape,
        drops=((start, round(drop, 4)),),
        evidence=worth,
        bins=bins,
        baseline=_baseline(desk, row),
        spread=shown.expected / math.sqrt(inform),
        threshold=desk.threshold,
        held="feed" if held else "",
        reason=_reason(worth, bins, drop, held),
        suppressed_by=old.suppressed_by if old else None,
    )


def _length(desk: Desk, row: int, winner: int, drop: float, shape: Shape, inform: float) -> int:
    """Bins since it began: of a sudden fall, since the sum of about its depth left zero.

    The sum of a smaller fall gives more of the bins before it the benefit of the doubt.
    """
    runs = desk.store.hot["runs"][row]
    if shape == "gradual" or desk.rule.kind == "presence":
        return max(int(runs[winner]), 1)
    seen = 1 - (FIRST if inform >= PLAIN else 1) * drop
    return max(
        int(runs[min(range(len(RHOS)), key=lambda index: (runs[index] == 0, abs(seen - float(RHOS[index]))))]), 1
    )


def _drop(ratio: float, rho: float, inform: float) -> float:
    """Share lost: as measured where one bin knows it well, else more and more the depth that explains the run best."""
    weight = min(1.0, inform / 400)
    return min(max(1 - weight * ratio - (1 - weight) * min(ratio, rho), 0.01), 1.0)


def _shape(threshold: float, bins: int, per_bin: float) -> Shape:
    """Gradual when a fall to this depth, had it been sudden, would have been found in a third of the bins."""
    return "gradual" if bins > 3 * threshold / max(per_bin, 1e-9) + 3 else "sudden"


def _baseline(desk: Desk, row: int) -> str:
    if desk.rule.kind == "presence" or desk.store.hot["norm"][row] <= 0:
        return "recent level"
    return "hour-of-week" if desk.store.hot["seen"][row] >= desk.pace.week else "hour-of-day"


def _reason(worth: float, bins: int, drop: float, held: bool) -> str:
    said = f"{worth:.1f} nats in {plural(bins)} say that {drop:.0%} of normal is lost"
    return said + "; most series of the feed fell with it" if held else said


def course(desk: Desk, rows: Ints, seen: ClosedBin, scored: Scored, held: bool) -> list[Change]:
    """Outages followed since an earlier bin: partial returns, further falls, ends.

    Those that are held are judged when the feed has settled, and are neither back nor on their way.
    """
    hot, held = desk.store.hot, held or desk.scalars["settling"] > 0
    recovery.skip(hot, rows[~scored.ok[rows]])
    rows = rows[scored.ok[rows]]
    if not rows.size:
        return []
    c: Columns = {name: hot[name][rows] for name in ("sums", "runs", "hole", "flaps")}
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        now = _course(desk, c, rows, seen, scored)
    steady = _steady(desk, c, now)
    c["hole"] *= c["runs"][:, recovery.BEING_BACK] > 1
    for name, column in c.items():
        hot[name][rows] = column
    told = c["runs"][:, recovery.RETURNING] > 0
    busy = now.back | (now.returning != told) | now.changed | steady
    if not held:
        busy |= np.array([bool(desk.ongoing[row].held) for row in rows.tolist()]) & (
            c["runs"][:, recovery.BEING_BACK] == 0
        )
    return [
        _revise(desk, int(rows[i]), i, now, bool(steady[i]), seen, scored, held) for i in np.flatnonzero(busy).tolist()
    ]


def _course(desk: Desk, c: Columns, rows: Ints, seen: ClosedBin, scored: Scored) -> recovery.Course:
    value, mid = scored.value[rows], np.maximum(scored.mid[rows], EMPTY)
    known = [desk.ongoing[row] for row in rows.tolist()]
    told = np.array([1 - one.drop for one in known], np.float32)
    if desk.rule.kind == "presence":
        return recovery.members(c, value, mid, told)
    size = seen.size[rows].astype(np.float32)
    worst = np.array([one.max_drop for one in known], np.float32)
    return recovery.levels(desk.rule.kind, c, value, size, mid, scored.noise[rows], scored.inform[rows], worst, told)


def _steady(desk: Desk, c: Columns, now: recovery.Course) -> Flags:
    """Rows whose lower level has held for as long as the operator wants before it is the new normal."""
    steady = np.minimum(c["runs"][:, recovery.STEADY], recovery.LONGEST) + 1
    c["runs"][:, recovery.STEADY] = np.where((now.moving > 0) | now.returning, 0, steady)
    after = desk.rule.rebaseline_after
    if after is None:
        return np.zeros(len(now.back), np.bool_)
    return ~now.back & (c["runs"][:, recovery.STEADY].astype(np.int64) * desk.rule.width >= after)


def _revise(
    desk: Desk, row: int, i: int, now: recovery.Course, steady: bool, seen: ClosedBin, scored: Scored, held: bool
) -> Change:
    old, hot, shown = desk.ongoing[row], desk.store.hot, show(desk, row, seen, scored)
    drop, moving = 1 - min(float(hot["sums"][row, recovery.LEVEL]), 1.0), int(now.moving[i])
    if now.back[i]:
        return _end(desk, row, old, shown, float(scored.inform[row]))
    if steady and not old.held:
        return _accept(desk, row, old, shown, drop)
    if now.returning[i]:
        state: State = "suspected" if old.held else "recovering"
        after = revise(old, shown, state, "back to normal for now; being confirmed", lost(shown))
        hot["runs"][row, recovery.RETURNING] = 1
    else:
        relapse = old.state == "recovering"
        refine = moving == 0 and not relapse
        state = "suspected" if old.held and held else "open"
        after = revise(old, shown, state, _moved(relapse, drop), drop, 1 if relapse else moving, refine)
        after = recovery.release(after, held)
        hot["runs"][row, recovery.RETURNING] = 0
    desk.ongoing[row] = after
    return tell(after, shown)


def _moved(relapse: bool, drop: float) -> str:
    return f"fell again, {drop:.0%} of normal is lost" if relapse else f"{drop:.0%} of normal is lost now"


def _end(desk: Desk, row: int, old: Ongoing, shown: Seen, inform: float) -> Change:
    """Back to normal: closed at the start of the first bin of the return; a doubt about the feed is withdrawn.

    What little is missing is no outage of its own: the level goes on from there.
    """
    hot = desk.store.hot
    bins = max(int(hot["runs"][row, recovery.BEING_BACK]), 1)
    ended_at = shown.at - (recovery.since(hot, row) - 1) * desk.rule.width
    counted = desk.rule.kind == "presence" or bool(old.held)
    short = 0.0 if counted else recovery.missing(hot, row, old.max_drop, inform)
    hot["level"][row] *= 1 - short
    state: State = "retracted" if old.held else "closed"
    reason = "the feed is well again" if old.held else _back(bins, short)
    recovery.stop(desk.store.hot, row)
    del desk.ongoing[row]
    return tell(revise(old, shown, state, reason, 0.0), shown, ended_at)


def _back(bins: int, short: float) -> str:
    rest = f", {short:.0%} below what was expected; the baseline goes on from there" if short >= 0.01 else ""
    return f"back to normal for {plural(bins)}{rest}"


def _accept(desk: Desk, row: int, old: Ongoing, shown: Seen, drop: float) -> Change:
    """The lower level becomes the new normal, as the operator asked."""
    hot = desk.store.hot
    hot["level"][row] *= 1 - drop
    hot["anchor"][row] = hot["level"][row]
    recovery.stop(hot, row)
    del desk.ongoing[row]
    return tell(revise(old, shown, "rebaselined", f"held at {1 - drop:.0%} for long enough", drop), shown, shown.end)


def expired(desk: Desk, at: int, rows: list[int]) -> list[Change]:
    """The feed stopped: what is open in these rows is unknown from now on."""
    changes = []
    for row in rows:
        old, shown = desk.ongoing.pop(row), Seen(row, at, at, None, float(desk.store.hot["level"][row]))
        state: State = "retracted" if old.state == "suspected" else "expired"
        changes.append(tell(revise(old, shown, state, "the feed stopped"), shown))
    recovery.stop(desk.store.hot, rows)
    return changes
