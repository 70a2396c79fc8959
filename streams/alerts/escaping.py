"""Names in text for receivers: one function for each kind, so that no name is markup, a mention, or a line of its own.

A webhook gets JSON, whose consumers escape for what they write: see `schemas.rejections.json_line`.
"""

from __future__ import annotations

import re
from typing import Any

from schemas.rejections import printable
from streams.alerts.message import cut

APART = "\u200b"  # takes no room: keeps characters that mean something together apart
_SLACK = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": f"@{APART}"}
_ALERTMANAGER = str.maketrans({"<": "‹", ">": "›", "@": f"@{APART}", "{": f"{{{APART}", "}": f"}}{APART}"})

_MEANT = re.compile(r"[@#/]|\.(?=[^\W\d_])")  # what makes a mention, a tag, a command, or an address
_MATTERMOST = re.compile(r"([\\`*_{}\[\]()<>+\-!|~])|([@#/]|\.(?=[^\W\d_])|:(?=[^\W\d]|[+-]|100:|1234:|8ball:))|&")
_OPSGENIE = str.maketrans({"<": "‹", ">": "›", "&": f"&{APART}"})


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


def plain_text(text: str) -> str:
    """Return a text without what programs that read no markup turn into a link, a mention, a tag or a command.

    ntfy, Telegram and Matrix read addresses, `@name`, `#tag` and `/command` in plain text.

    >>> plain_text("https://evil.example @all").replace(APART, "|")
    'https:/|/|evil.|example @|all'
    """
    return _MEANT.sub(_apart, printable(text))


def mattermost_text(text: str) -> str:
    r"""Return a text that Mattermost, which reads Markdown and mentions, shows as it is.

    >>> mattermost_text("*a* [b](c)").replace(APART, "|")
    '\\*a\\* \\[b\\]\\(c\\)'
    """
    return _MATTERMOST.sub(_escaped_markdown, printable(text))


def mail_text(text: str) -> str:
    r"""Return a text that stays on its line, so that it is neither a header nor a part of a mail.

    >>> mail_text("a\r\nBcc: x@example.net").replace(APART, "|")
    'a\\r\\nBcc: x@example.net'
    """
    return printable(text)


def opsgenie_text(text: str, length: int) -> str:
    r"""Return a text that Opsgenie shows as it is: links in its descriptions are those of HTML and of addresses.

    >>> opsgenie_text("<b>a</b>", 20).replace(APART, "|")
    '‹b›a‹/|b›'
    """
    return cut(_MEANT.sub(_apart, printable(text).translate(_OPSGENIE)), length)


def _apart(found: re.Match[str]) -> str:
    return found[0] + APART


def _escaped_markdown(found: re.Match[str]) -> str:
    if found[0] == "&":
        return "&amp;"
    return f"\\{found[1]}" if found[1] else found[2] + APART
