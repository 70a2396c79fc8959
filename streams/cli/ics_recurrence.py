"""When an iCalendar event takes place: its repetitions (RFC 5545, 3.3.10) and the length of each (3.8.5.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import icalendar
from dateutil.rrule import rrulestr
from icalendar.tools import to_datetime

MAX_REPETITIONS = 1000  # of an event in the window
TOO_FREQUENT = {"SECONDLY", "MINUTELY"}
TOO_FINE = ("BYSECOND", "BYMINUTE")
DURATION_TEXT = "X-EBBTIDE-DURATION"  # the parser reads P1D and PT24H as the same length
ONE_DAY = timedelta(days=1)
Moment: TypeAlias = datetime | date


class ImportWindow(NamedTuple):
    """Which events are imported: all that end after `since` and start before `until`."""

    since: datetime
    until: datetime


class Length(NamedTuple):
    """How long an event lasts: days by the calendar, then exact time."""

    days: timedelta
    exact: timedelta


class Event(NamedTuple):
    """An event with a start. `zone`: of whole days and of times without a zone."""

    event: icalendar.Event
    first: Moment
    zone: ZoneInfo


class Occurrences(NamedTuple):
    """Starts and ends in UTC, in order, and the repetitions that no clock shows as the hour is skipped."""

    periods: list[tuple[datetime, datetime]]
    skipped: list[datetime]


def with_duration_texts(content: bytes) -> bytes:
    """Return a file with the text of each DURATION beside it."""
    copy = rb"\g<0>\r\n" + DURATION_TEXT.encode() + rb":\1"
    return re.sub(rb"(?mi)^DURATION(?:;[^:\r\n]*)?:([^\r\n]*)", copy, content)


def occurrences(event: icalendar.Event, zone: ZoneInfo, window: ImportWindow, moved: set[Moment]) -> Occurrences:
    """Return when the event takes place in the window. Raises ValueError.

    `moved`: repetitions that an event of their own replaces.
    """
    if event.DTSTART is None:
        raise ValueError("has no DTSTART")
    _demand_calm(event)
    given = Event(event, event.DTSTART, zone)
    length = _length(given)
    found, skipped = _starts(given, window, length)
    left_out = set[Moment]() if event.RECURRENCE_ID is not None else {*moved, *event.exdates}
    instants, days = {_instant(moment, zone) for moment in left_out}, {m for m in left_out if not _has_time(m)}
    periods = sorted(
        (start, _end(moment, length, zone))
        for moment in found
        if (start := _instant(moment, zone)) not in instants and _day(moment) not in days
    )
    return Occurrences([(start, end) for start, end in periods if end > window.since and start < window.until], skipped)


def _demand_calm(event: icalendar.Event) -> None:
    """Raise ValueError for what cannot be worked out, or would be thousands of repetitions a day."""
    if any(TOO_FREQUENT & {str(frequency).upper() for frequency in rule.get("FREQ", ())} for rule in event.rrules):
        raise ValueError("repeats every minute or second")
    if any(len(rule.get(part, ())) > 1 for rule in event.rrules for part in TOO_FINE):
        raise ValueError("repeats several times an hour")
    if any(end is not None for _, end in event.rdates):
        raise ValueError("RDATE gives periods, which are not supported")


def _length(given: Event) -> Length:
    """Return the length: exact between two times, days between two days, both as DURATION says. Raises ValueError.

    A whole day without an end lasts one day, and so does one that ends on the day on which it starts.
    """
    event, first = given.event, given.first
    if event.DTEND is None and event.DURATION is None and _has_time(first):
        raise ValueError("has neither DTEND nor DURATION")
    if event.DTEND is None:
        length = _duration(event)
    elif _has_time(first):
        length = Length(timedelta(0), _instant(event.DTEND, given.zone) - _instant(first, given.zone))
    else:
        length = Length((event.DTEND - first) or ONE_DAY, timedelta(0))
    if sum(length, timedelta(0)) <= timedelta(0):
        raise ValueError("ends before it begins")
    return length


def _duration(event: icalendar.Event) -> Length:
    """Return DURATION, or one day: weeks and days are of the calendar, hours are exact (RFC 5545, 3.3.6)."""
    length: timedelta = event.duration
    days, _, _ = str(event.get(DURATION_TEXT, "P1D")).upper().partition("T")
    nominal = timedelta(days=length.days) if "D" in days or "W" in days else timedelta(0)
    return Length(nominal, length - nominal)


def _end(start: Moment, length: Length, zone: ZoneInfo) -> datetime:
    return _instant(start + length.days, zone) + length.exact


def _has_time(moment: Moment) -> bool:
    return isinstance(moment, datetime)


def _day(moment: Moment) -> date | None:
    """Return the day of a time; None of a day, which EXDATE names as a whole already."""
    return moment.date() if isinstance(moment, datetime) else None


def _instant(moment: Moment, zone: ZoneInfo) -> datetime:
    """Return a moment in UTC. A day begins at midnight in the zone, and a time without a zone is of the zone."""
    return _with_zone(moment, zone).astimezone(UTC)


def _with_zone(moment: Moment, zone: ZoneInfo) -> datetime:
    time: datetime = to_datetime(moment)
    return time if time.tzinfo else time.replace(tzinfo=zone)


def _exists(time: datetime) -> bool:
    """Whether clocks ever show this time: the hour that a change of clocks skips does not exist."""
    return time.astimezone(UTC).astimezone(time.tzinfo).replace(tzinfo=None) == time.replace(tzinfo=None)


def _starts(given: Event, window: ImportWindow, length: Length) -> tuple[set[Moment], list[datetime]]:
    """Return each start that may lie in the window, and the starts in it that do not exist. Raises ValueError."""
    event, first, zone = given
    found: set[Moment] = {first, *(moment for moment, _ in event.rdates)}
    skipped: list[datetime] = []
    since = window.since - sum(length, timedelta(0)) - ONE_DAY
    for rule in event.rrules:
        began = len(found)
        for time in _by_rule(rule, given, window.until):
            if _instant(time, zone) < since:
                continue
            if not _is_start(time, given):
                skipped.append(time)
                continue
            found.add(time if _has_time(first) else time.date())
            if len(found) - began > MAX_REPETITIONS:
                last = f"{window.until:%Y-%m-%d}"
                raise ValueError(f"repeats more than {MAX_REPETITIONS} times before {last}: give an earlier --until")
    return found, skipped


def _is_start(time: datetime, given: Event) -> bool:
    """Whether a repetition exists: a first time or a midnight that is skipped is read with the offset before it."""
    return not _has_time(given.first) or time == given.first or _exists(_with_zone(time, given.zone))


def _by_rule(rule: icalendar.vRecur, given: Event, until: datetime) -> Iterator[datetime]:
    """Yield the repetitions of a rule, in the event's own zone: noon stays noon in summer.

    COUNT counts only repetitions that exist, which dateutil does not know.
    """
    plain = icalendar.vRecur({name: value for name, value in rule.items() if name not in {"COUNT", "UNTIL"}})
    left = int(rule["COUNT"][0]) if rule.get("COUNT") else None
    is_over = _bound(rule["UNTIL"][0], given) if rule.get("UNTIL") else None
    text: bytes = plain.to_ical()  # type: ignore[no-untyped-call]
    for time in rrulestr(text.decode(), dtstart=to_datetime(given.first)):
        if left == 0 or _instant(time, given.zone) >= until or (is_over and is_over(time)):
            return
        if left is not None and _is_start(time, given):
            left -= 1
        yield time


def _bound(last: Moment, given: Event) -> Callable[[datetime], bool]:
    """Return whether a time is after UNTIL: by the day where either is a day, else by the instant."""
    if isinstance(last, datetime) and _has_time(given.first):
        instant = _with_zone(last, given.first.tzinfo or given.zone).astimezone(UTC)  # type: ignore[attr-defined]
        return lambda time: _instant(time, given.zone) > instant
    day = _day(last) or last
    return lambda time: time.date() > day
