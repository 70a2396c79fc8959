"""Names in text for receivers: one function for each kind, so that no name is markup, a mention, or a line of its own.

A webhook gets JSON, whose consumers escape for what they write: see `schemas.rejections.json_line`.
"""

from __future__ import annotations

from typing import Any

from schemas.rejections import printable
from streams.alerts.message import cut

APART = "\u200b"  # takes no room: keeps characters that mean something together apart
_SLACK = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": f"@{APART}"}
_ALERTMANAGER = str.maketrans({"<": "‹", ">": "›", "@": f"@{APART}", "{": f"{{{APART}", "}": f"}}{APART}"})


def slack_text(text: str, length: int) -> str:
    """Return a text that Slack shows as it is in `plain_text`, without links and mentions, cut between characters.

    >>> slack_text("<!channel> & all", 100)
    '&lt;!channel&gt; &amp; all'
    """
    whole = [_SLACK.get(character, character) for character in printable(text)]
    if sum(map(len, whole)) <= length:
        return "".join(whole)
    room, kept = length - 1, []
    for part in whole:
        room -= len(part)
        if room < 0:
            break
        kept.append(part)
    return "".join(kept) + "…"


def pagerduty_text(text: str, length: int) -> str:
    r"""Return a text that PagerDuty shows as it is: it reads no markup.

    >>> pagerduty_text("a\nb", 10)
    'a\\nb'
    """
    return cut(printable(text), length)


def pagerduty_details(value: Any) -> Any:  # noqa: ANN401
    """Return a JSON value whose texts, and names of fields, are as `pagerduty_text` has them."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [pagerduty_details(inner) for inner in value]
    if isinstance(value, dict):
        return {printable(name): pagerduty_details(inner) for name, inner in value.items()}
    return value


def alertmanager_text(text: str) -> str:
    """Return a text that stays text in whatever an Alertmanager's templates put it into.

    Its Slack template, for one, does not escape.

    >>> alertmanager_text("<!channel>")
    '‹!channel›'
    """
    return printable(text).translate(_ALERTMANAGER)
