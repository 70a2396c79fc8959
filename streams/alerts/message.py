"""A message to a receiver, with secrets, and its body without them; and the texts that several kinds share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from schemas.notification import ENDS
from streams.alerts.delivery_types import MessageItem
from streams.alerts.notice import Notice
from streams.config.secret import Secret

Method: TypeAlias = Literal["POST", "PUT", "MAIL"]
SIGNS = {"opened": "🔴", "changed": "🟠", "ended": "🟢", "suppressed": "⚪"}
PREFIXES = {"changed": "Changed", "ended": "Ended", "suppressed": "Suppressed"}
HIDDEN = "***"
MAX_NAMES = 20  # networks or regions in a field


class Message(NamedTuple):
    """A request, or a mail. `url`, `headers` and `body` may hold secrets; `shown` is the body without them.

    `then`: a request that follows when this one was accepted.
    """

    url: Secret
    headers: dict[str, Secret]
    body: Secret
    shown: str
    method: Method = "POST"
    then: Message | None = None


class Context(NamedTuple):
    """The receiver's name, the link from the settings, and the time in Unix seconds."""

    receiver: str
    link: str | None
    now: float

    def link_to(self, notice: Notice) -> str | None:
        """Return the link to an incident or outage; None when the settings have no `link`."""
        return None if self.link is None else self.link.replace("{id}", notice.id)


def cut(text: str, length: int) -> str:
    """Return a text of at most this length. A cut text ends with an ellipsis.

    >>> cut("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def summary(item: MessageItem) -> str:
    """Return the headline, with the action and its reason in front unless it is an opening."""
    action = PREFIXES.get(item.action)
    return f"{action} ({item.reason}): {item.notice.headline}" if action else item.notice.headline


def title(item: MessageItem) -> str:
    """Return a title of some words: where, how severe, and the state."""
    notice = item.notice
    where = ", ".join(notice.countries) or ", ".join(notice.feeds)
    state = "suppressed" if item.action == "suppressed" else notice.state
    return f"{where}: {state}" if item.action in ENDS else f"{where}: {notice.severity}, {state}"


def digest_title(items: Sequence[MessageItem]) -> str:
    """Return the title of several notices in one message."""
    return f"{len(items)} notifications at once"


def fields(item: MessageItem) -> dict[str, str]:
    """Return what a reader wants to know beside the headline, by its name. Nothing is empty."""
    notice = item.notice
    found = {
        "Since": notice.started_at,
        "Until": notice.ended_at or "",
        "Severity": notice.severity,
        "Kinds": ", ".join(notice.kinds),
        "Regions": _first(notice.regions),
        "Networks": _first([f"AS{asn}" for asn in notice.asns]),
        "Services": _first(notice.services),
        "Feeds": ", ".join(notice.feeds),
        "Why now": item.reason,
    }
    return {name: text for name, text in found.items() if text}


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
