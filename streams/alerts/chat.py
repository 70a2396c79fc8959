"""The text of a message for people: a title, the headline, fields and a link, or a line for each of many notices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from streams.alerts.delivery_types import MessageItem
from streams.alerts.message import SIGNS, Context, digest_title, fields, summary, title

Escape: TypeAlias = Callable[[str], str]
Size: TypeAlias = Callable[[str], int]
FIELD, LINE, MORE = 500, 400, 60  # characters of a field and of a line in a digest; room for a line on what is left out


def head_of(items: Sequence[MessageItem]) -> str:
    """Return the title of a message, not escaped."""
    return f"{SIGNS[items[0].action]} {title(items[0])}" if len(items) == 1 else digest_title(items)


def lines_of(items: Sequence[MessageItem], context: Context, escape: Escape) -> list[str]:
    """Return the lines below the title, escaped. The link is that of the settings, so it is not."""
    if len(items) > 1:
        return [f"{SIGNS[item.action]} {escape(summary(item)[:LINE])}" for item in items]
    link = context.link_to(items[0].notice)
    named = [f"{name}: {escape(text[:FIELD])}" for name, text in fields(items[0]).items()]
    return [escape(summary(items[0])), *named, *([link] if link else [])]


def fitted_lines(lines: Iterable[str], limit: int, size: Size = len) -> str:
    r"""Return lines as one text of at most `limit`, which `size` measures. The last line says how many are left out.

    >>> fitted_lines(["one", "two", "a third line that is long enough", "and a fourth one"], 80)
    'one\ntwo\n… 2 more'
    """
    every = list(lines)
    kept: list[str] = []
    used = 0
    for line in every:
        used += size(line) + 1
        if used > limit - (MORE if len(kept) + 1 < len(every) else 0):
            break
        kept.append(line)
    left = len(every) - len(kept)
    if left and not kept:
        kept, left = [cut_to(every[0], limit - MORE, size)], left - 1
    return "\n".join([*kept, *([f"… {left} more"] if left else [])])


def cut_to(text: str, limit: int, size: Size) -> str:
    """Return the longest start of a text that has room, with an ellipsis when it is cut.

    >>> cut_to("abcdef", 6, utf8)
    'abcdef'
    >>> cut_to("abcdef", 5, utf8)
    'ab…'
    """
    if size(text) <= limit:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(text[:middle] + "…") <= limit else (low, middle - 1)
    return text[:low] + "…"


def utf8(text: str) -> int:
    """Return the length of a text in bytes."""
    return len(text.encode())


def utf16(text: str) -> int:
    """Return the length of a text in the units of UTF-16, of which a symbol beyond the first 65,536 has two."""
    return len(text.encode("utf-16-le")) // 2
