"""Decides whether a receiver gets a revision, given the revision that it has."""

from __future__ import annotations

from typing import NamedTuple

from schemas.alertstate import AlertState
from schemas.notification import Action
from schemas.severity import SEVERITIES
from streams.alerts.notice import Notice, stored_notice


class Decision(NamedTuple):
    """The action of a notification, and its reason."""

    action: Action
    reason: str


def decide(
    notice: Notice, state: AlertState | None, wants_suspected: bool, is_acknowledged: bool = False
) -> Decision | None:
    """Return what to send, or None. Pure, so a repeated revision gives the same decision.

    A receiver gets an end exactly when it got the opening, or may have got it. Of an incident that a person has
    acknowledged it gets a higher severity, and the end.
    """
    if state is not None and notice.revision <= state.revision:
        return None
    is_open = state is not None and state.status != "none"
    end = _end(notice)
    if end is not None:
        return end if is_open else None
    if state is None or state.status != "open" or state.last_notice is None:
        is_suspected = notice.phase == "suspected"
        if is_acknowledged and not is_open:
            return None
        if is_suspected and not (wants_suspected or is_open):
            return None
        return Decision("opened", "suspected" if is_suspected else "confirmed")
    before = stored_notice(state.subject, state.last_notice)
    if is_acknowledged and SEVERITIES[notice.severity].rank <= SEVERITIES[before.severity].rank:
        return None
    change_reason = _change_reason(before, notice)
    return None if change_reason is None else Decision("changed", change_reason)


def _end(notice: Notice) -> Decision | None:
    """Return why nobody needs to act any more; None while somebody does."""
    if notice.merged_into is not None:
        return Decision("ended", f"part of the older incident {notice.merged_into}, which tells what follows")
    if notice.phase == "over":
        ends = {"expired": "nothing measures it any more, so its end is unknown", "retracted": _why_retracted(notice)}
        return Decision(
            "ended", ends.get(notice.state, "over" if notice.state in ("ended", "closed") else notice.state)
        )
    return None if notice.suppressed_by is None else Decision("suppressed", f"suppressed by {notice.suppressed_by}")


def _why_retracted(notice: Notice) -> str:
    if "feed-fault" in notice.kinds:
        return "retracted: the feed was not at fault"
    return f"retracted: {'it was never confirmed' if notice.subject == 'incident' else 'no outage after all'}"


def _change_reason(before: Notice, now: Notice) -> str | None:
    """Return which change is worth a message; None when none is."""
    if before.phase == "suspected" and now.phase == "running":
        return "confirmed"
    if SEVERITIES[now.severity].rank > SEVERITIES[before.severity].rank:
        return f"severity rose from {before.severity} to {now.severity}"
    if now.state != before.state and (now.state in ("spreading", "recovering") or before.state == "recovering"):
        return f"{before.state}, now {now.state}"
    if set(now.kinds) != set(before.kinds):
        return f"{', '.join(before.kinds)}, now {', '.join(now.kinds)}"
    return None
