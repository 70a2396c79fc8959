"""Bins of one series as a table and as sentences that people read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from detectors.outages.evidence import threshold
from detectors.outages.member_losses import FEWEST
from detectors.outages.suppression import RECURRING
from detectors.outages.time_scales import TimeScales
from detectors.types import DAY, Change, Suppression
from streams.evaluation.bin_history import CERTAIN, History, HistoryBin, Why
from streams.evaluation.explain_causes import causes_sentences, is_explained
from streams.evaluation.explain_clock import UNKNOWN, clock

LONG = 60  # lines from which on the dull middle of an outage is left out
COLUMNS = f"  {'bin (UTC)':19}  {'value':>9}  {'expected':>9}  {'±':>9}  {'evidence':>9}  {'threshold':>9}  outage"


def table(bins: Sequence[HistoryBin], limit: float, at: float | None, width: int) -> Iterator[str]:
    """Yield a heading and a line per bin, the one at `at` marked; a long outage is shortened when no time was asked."""
    yield COLUMNS
    for dull, run in groupby(bins, lambda closed: _dull(closed) if at is None and len(bins) > LONG else ""):
        lines = [_row(closed, limit, marked=_holds(closed, at, width)) for closed in run]
        if dull and len(lines) > 5:
            lines[2:-2] = [f"  … {len(lines) - 4} more bins {dull}"]
        yield from lines


def _dull(closed: HistoryBin) -> str:
    """Return what many bins in a row have in common of which a few are enough; empty for others."""
    if closed.changes:
        return ""
    if closed.why == "followed":
        return "of the same outage"
    return "without evidence" if closed.why == "below" and not closed.evidence else ""


def _holds(closed: HistoryBin, at: float | None, width: int) -> bool:
    return at is not None and closed.start <= at < closed.start + width


def _row(closed: HistoryBin, limit: float, *, marked: bool) -> str:
    numbers = (closed.value, closed.expected, closed.spread, closed.evidence, limit)
    cells = "  ".join(f"{_number(number):>9}" for number in numbers)
    return f"{'>' if marked else ' '} {clock(closed.start):19}  {cells}  {_state(closed)}"


def _state(closed: HistoryBin) -> str:
    return f"{closed.state}, expected" if closed.state and closed.suppressed_by else closed.state or UNKNOWN


def _number(number: float | None) -> str:
    return UNKNOWN if number is None else f"{number:.2f}" if number < 1000 else f"{number:.6g}"


def sentences(history: History, bins: Sequence[HistoryBin], at: float | None) -> Iterator[str]:
    """Yield what the bin at `at` did, each revision of an outage, and why the other bins fired nothing."""
    there = [closed for closed in bins if _holds(closed, at, history.rule.width)]
    plain = [closed for closed in there if not is_explained(closed, history.threshold)]
    yield from (f"{clock(closed.start)}: {_because(closed.why, [closed], history)}." for closed in plain)
    yield from causes_sentences([closed for closed in there if closed not in plain], history.threshold)
    if at is not None and not there:
        yield f"{clock(at)}: no bin of this series has closed there."
    yield from (f"{clock(closed.start)}: {_feed_fell(closed)}" for closed in there if closed.why == "fault")
    yield from _opening(history, bins)
    for closed in bins:
        yield from (_revision(change) for change in closed.changes)
    whys: dict[Why, list[HistoryBin]] = {}
    for closed in bins:
        if not is_explained(closed, history.threshold):
            whys.setdefault(closed.why, []).append(closed)
    for why, alike in whys.items():
        if alike != there:
            yield f"{_count(alike)}: {_because(why, alike, history)}."
    yield from _recurrence(bins, history.rule.budget)
    if any(closed.first_day and closed.evidence is not None for closed in bins):
        yield "On the first day of a series its season is not known: only falls to 30 % of normal or less count."
    if history.rule.kind == "presence" and any(_revealed(*pair) for pair in pairwise(bins)):
        yield "The expected value rose: members not seen before reported that they went down. They were up before."


def _feed_fell(closed: HistoryBin) -> str:
    """Return how much of the feed fell in a bin of a suspected feed fault."""
    if closed.common is None:
        return "the fall of the feed is unknown."
    fell = f"{closed.common.fell} of {closed.common.scored} series of the feed fell in this bin"
    return f"{fell}; that they fell in common is worth {closed.common.nats:.1f} nats."


def _revealed(before: HistoryBin, now: HistoryBin) -> bool:
    """Whether members became known by their fall."""
    return now.value is not None and (now.expected or 0) - max(before.expected or 0, now.value) >= 2


def _count(bins: Sequence[HistoryBin]) -> str:
    return f"{len(bins)} bins" if len(bins) > 1 else f"1 bin ({clock(bins[0].start)})"


def _revision(change: Change) -> str:
    """Return a sentence about one revision: its time, its state, and the reason in it."""
    since = f"since {clock(change.started_at)}" + (f" until {clock(change.ended_at)}" if change.ended_at else "")
    reason = f"{change.explain['reason']}.{_expected(change.suppressed_by)}"
    return f"{clock(change.updated_at)} {change.state} (revision {change.revision}, {since}): {reason}"


def _opening(history: History, bins: Sequence[HistoryBin]) -> Iterator[str]:
    """Yield how the outage opened that was open before these bins."""
    if bins[0].why != "followed":
        return
    before = (change for closed in history.bins if closed.start < bins[0].start for change in closed.changes)
    opened = [change for change in before if change.state == "open" and change.detected_at == change.updated_at]
    yield from (_revision(change) for change in opened[-1:])


def _recurrence(bins: Sequence[HistoryBin], budget: float) -> Iterator[str]:
    """Yield whether the outages of these bins are expected since they recur, and what that is worth.

    Says nothing of suspicions, nor of what a calendar expects.
    """
    down = [closed for closed in bins if closed.state in CERTAIN and closed.recurs > 0]
    expected = [closed for closed in down if closed.suppressed_by and closed.suppressed_by.entry_id == RECURRING]
    alerting, limit = [closed for closed in down if not closed.suppressed_by], threshold(budget, DAY)
    so_far = [closed for closed in alerting if closed.recurs < limit]
    unlike = [closed for closed in alerting if closed.recurs >= limit]
    said = [(why, alike) for why, alike in ((_no_alert, expected), (_so_far, so_far), (_unlike, unlike)) if alike]
    for why, alike in said:
        yield why(alike[-1], f" in {_count(alike)}" if len(said) > 1 else "", limit)


def _no_alert(last: HistoryBin, where: str, limit: float) -> str:
    note = last.suppressed_by.note if last.suppressed_by else ""
    return f"No alert{where}: {note}. That days are alike is worth {last.recurs:.1f} nats; {limit:.1f} are enough."


def _so_far(last: HistoryBin, where: str, limit: float) -> str:
    worth = f"that losses recur at these hours is worth {last.recurs:.1f} nats so far"
    return f"It alerts{where}: {worth}; {limit:.1f} are enough."


def _unlike(last: HistoryBin, where: str, limit: float) -> str:
    return (
        f"It alerts{where}: that losses recur each day is worth {last.recurs:.1f} nats, and {limit:.1f} are enough, "
        "but this one is nearly total, or deeper, longer or at other hours than they are."
    )


def _expected(by: Suppression | None) -> str:
    """Return a sentence that says why an outage alerts nobody; nothing where it does."""
    if by is None:
        return ""
    return (
        " It recurs, so it alerts nobody."
        if by.entry_id == RECURRING
        else f" The calendar expects it: {by.note or by.entry_id}."
    )


def _because(why: Why, bins: Sequence[HistoryBin], history: History) -> str:
    """Return what bins with the same `why` did, or what kept them from firing."""
    last, limit = bins[-1], f"the threshold of {history.threshold:.2f} nats"
    if why == "warming":
        warm = TimeScales.of(history.rule.width).warm
        return f"warming up: {last.learnt} of {warm} normal bins are learnt, no baseline yet"
    if why in ("fired", "below"):
        best = max(bins, key=lambda closed: closed.evidence or 0)
        if not best.evidence:
            return "no evidence of a fall"
        where = "" if len(bins) == 1 else f" at {clock(best.start)}"
        most = "evidence" if len(bins) == 1 else "the most evidence"
        return f"{most}{where} is {best.evidence:.2f} nats, {'above' if why == 'fired' else 'below'} {limit}"
    if why == "followed":
        end = _ENDS.get(history.rule.kind, _ENDED)
        return f"an outage is open and ends {end}; evidence of a new fall is collected after its end"
    return _WORDS[why]


_ENDED = "when surely less than a tenth of its deepest drop is missing"
_ENDS = {"presence": "when four fifths of the members are up"}
_WORDS: dict[Why, str] = {
    "silent": "nothing was measured; in this feed no measurement means unknown, not zero",
    "fault": "a feed fault is suspected: most series of the feed fell together",
    "sparse": "too little is expected in a bin to distinguish an outage from an idle network",
    "few": f"too few members are missing; an outage needs at least {FEWEST}",
}
