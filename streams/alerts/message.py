"""A message to a receiver, with secrets, and its body without them."""

from __future__ import annotations

from typing import NamedTuple

from streams.alerts.delivery_types import MessageItem
from streams.alerts.notice import Notice
from streams.config.secret import Secret


class Message(NamedTuple):
    """A POST request. `url`, `headers` and `body` may hold secrets; `shown` is the body without them."""

    url: Secret
    headers: dict[str, Secret]
    body: Secret
    shown: str


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
    prefix = {"opened": "", "changed": f"Changed ({item.reason}): ", "ended": f"Ended ({item.reason}): "}
    return prefix[item.action] + item.notice.headline
