"""A message as a receiver gets it: what to send, and, apart from that, what only the receiver may see."""

from __future__ import annotations

from typing import NamedTuple

from streams.alerts.delivery_types import Item
from streams.alerts.notice import Notice
from streams.config.secret import Secret


class Message(NamedTuple):
    """A POST: `body` and `headers` hold secrets, as `url` does; `shown` is the body without any."""

    url: Secret
    headers: dict[str, Secret]
    body: Secret
    shown: str


class Context(NamedTuple):
    """What a message is made with: who is told, where people can look, and the time (Unix seconds)."""

    receiver: str
    link: str | None
    now: float

    def link_to(self, notice: Notice) -> str | None:
        """Return where people can look at a notice; None when the operator has said nothing."""
        return None if self.link is None else self.link.replace("{id}", notice.id)


def cut(text: str, length: int) -> str:
    """Return a text of at most that length, which shows when it was cut.

    >>> cut("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def summary(item: Item) -> str:
    """Return what happened as one line."""
    words = {"opened": "", "changed": f"Changed ({item.reason}): ", "ended": f"Ended ({item.reason}): "}
    return words[item.action] + item.notice.headline
