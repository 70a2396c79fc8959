"""Quiet hours: spans of local time, such as `22:00-07:00` or `sat,sun 00:00-24:00`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60  # minutes of local time
_SPAN = re.compile(r"(?:([a-z]{3}(?:[,-][a-z]{3})*) )?([0-9]{2}):([0-5][0-9])-([0-9]{2}):([0-5][0-9])")


class QuietSpan(NamedTuple):
    """A span: the days on which it starts (Monday is 0), and its minutes. It passes midnight if `end` is less."""

    days: frozenset[int]
    start: int
    end: int


@lru_cache(maxsize=64)
def zone_named(name: str) -> ZoneInfo:
    """Return a time zone. Raises ValueError when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone is named `{name}`") from None


@lru_cache(maxsize=256)
def span(text: str) -> QuietSpan:
    """Return the span that a text names. Raises ValueError, which shows the expected form."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f'quiet hours are written as "22:00-07:00" or "sat,sun 00:00-24:00", got "{text}"')
    start, end = int(match[2]) * 60 + int(match[3]), int(match[4]) * 60 + int(match[5])
    if start >= DAY or end > DAY or start == end:
        raise ValueError(f'quiet hours last from 00:00 to 24:00 and not for no time, got "{text}"')
    return QuietSpan(_days(match[1]), start, end)


def _days(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, last = (_day(name) for name in (part.split("-")[0], part.split("-")[-1]))
        found |= {(first + n) % 7 for n in range((last - first) % 7 + 1)}
    return frozenset(found)


def _day(name: str) -> int:
    if name not in DAYS:
        raise ValueError(f"no day of the week is named `{name}`: {', '.join(DAYS)}")
    return DAYS.index(name)


def is_quiet(texts: Iterable[str], zone: str, now: float) -> bool:
    """Return whether an instant (Unix seconds) lies in one of the spans, in local time of a zone."""
    local = datetime.fromtimestamp(now, UTC).astimezone(zone_named(zone))
    minute = local.hour * 60 + local.minute
    return any(_holds(span(text), local.weekday(), minute) for text in texts)


def _holds(quiet: QuietSpan, day: int, minute: int) -> bool:
    if quiet.start < quiet.end:
        return day in quiet.days and quiet.start <= minute < quiet.end
    yesterday = (day - 1) % 7
    return (day in quiet.days and minute >= quiet.start) or (yesterday in quiet.days and minute < quiet.end)
