"""What a receiver is to be told of a revision, given what it has been told before."""

from __future__ import annotations

from typing import NamedTuple

from schemas.alertstate import AlertState
from schemas.notification import Action
from streams.alerts.notice import Notice, recalled

_RANK = {"partial": 0, "major": 1, "total": 2}


class Decision(NamedTuple):
    """What to say, and why it is said."""

    action: Action
    reason: str


def decide(notice: Notice, past: AlertState | None, wants_suspected: bool) -> Decision | None:
    """Return what is to be said; None when nothing is. Pure, so that a repeated revision is decided the same way.

    Whoever was told that something goes on, or may have been, is told of its end. Who was not, is not.
    """
    if past is not None and notice.revision <= past.revision:
        return None
    goes_on = past is not None and past.status != "none"
    stopped = _stopped(notice)
    if stopped is not None:
        return Decision("ended", stopped) if goes_on else None
    if past is None or past.status != "open" or past.told is None:
        is_doubt = notice.phase == "suspected"
        if is_doubt and not (wants_suspected or goes_on):
            return None
        return Decision("opened", "suspected" if is_doubt else "confirmed")
    changed = change(recalled(past.subject, past.told), notice)
    return None if changed is None else Decision("changed", changed)


def _stopped(notice: Notice) -> str | None:
    """Return why nobody need act on it any more."""
    if notice.merged_into is not None:
        return f"part of the older incident {notice.merged_into}, which tells what follows"
    if notice.phase == "over":
        ends = {"expired": "its feeds stopped, so its end is unknown", "retracted": "retracted: no outage after all"}
        return ends.get(notice.state, "over" if notice.state in ("ended", "closed") else notice.state)
    return None if notice.suppressed_by is None else f"suppressed by {notice.suppressed_by}"


def change(told: Notice, now: Notice) -> str | None:
    """Return what has changed in a way that matters; None when nothing has."""
    if told.phase == "suspected" and now.phase == "running":
        return "confirmed"
    if _RANK[now.severity] > _RANK[told.severity]:
        return f"severity rose from {told.severity} to {now.severity}"
    if now.state != told.state and (now.state in ("spreading", "recovering") or told.state == "recovering"):
        return f"{told.state}, now {now.state}"
    if set(now.kinds) != set(told.kinds):
        return f"{', '.join(told.kinds)}, now {', '.join(now.kinds)}"
    return None
