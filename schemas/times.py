"""Times on the wire: RFC 3339 text to Unix seconds and back (https://www.rfc-editor.org/rfc/rfc3339)."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

#: First second after the year 9999, in Unix seconds: no event time reaches it.
END_OF_TIME: Final = 253_402_300_800

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 (all arithmetic here is in UTC)
_EPOCH_DAY: Final = _EPOCH.toordinal()
#: The form that is read; for `re` and, with the same meaning, for ECMA 262 in the JSON Schemas.
PATTERN: Final = (
    r"^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(\.[0-9]+)?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))$"
)
_RFC_3339: Final = re.compile(PATTERN)
#: What people and programs write: a blank for `T`, no seconds, an offset without colon or minutes, or none.
_WRITTEN: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt ]([0-9]{2}:[0-9]{2})(:[0-9]{2}(?:\.[0-9]+)?)? ?"
    r"(?:([Zz]|UTC)|([+-][0-9]{2}):?([0-9]{2})?)?)?"
)
#: The same of a measurement, which has an offset; for `re` and, with the same meaning, for ECMA 262.
EVENT_PATTERN: Final = (
    r"^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)? ?"
    r"(?:[Zz]|UTC|[+-][0-9]{2}:?(?:[0-9]{2})?)|[0-9]+(?:\.[0-9]+)?)$"
)
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
#: Numbers of 13 digits before the point are milliseconds: of September 2001 to November 2286.
MILLISECONDS: Final = (1_000_000_000_000, 10_000_000_000_000)


@lru_cache(maxsize=65_536)
def parse_time(text: str) -> float:
    """Unix seconds of an RFC 3339 time in any offset; ValueError, one line, when it is none.

    A leap second (`:60`) is the second after `:59`. Remembered, since measurements share their times.
    """
    return _parsed(text)


@lru_cache(maxsize=65_536)
def event_time(text: str) -> float:
    """Return the Unix seconds of a measurement's time in any form that names one instant. Raises ValueError.

    >>> event_time("2016-06-16T15:05:00+0000") == event_time("2016-06-16 15:05Z") == event_time("1466089500000")
    True
    """
    try:
        return _parsed(text)
    except ValueError:
        found = _WRITTEN.fullmatch(text)
        if found is None and not _NUMBER.fullmatch(text):
            raise
        if found and not (found[4] or found[5]):
            raise ValueError(f"a time without an offset: {text[:64]!r}: add Z if it is UTC") from None
        return time_named(text)


def unix_seconds(number: float) -> float:
    """Return Unix seconds, also of a number of 13 digits, which is in milliseconds. Raises ValueError.

    >>> unix_seconds(1466089500), unix_seconds(1466089500250)
    (1466089500, 1466089500.25)
    """
    if 0 <= number < END_OF_TIME:
        return number
    if MILLISECONDS[0] <= number < MILLISECONDS[1]:
        return number / 1000
    micro = ", as microseconds and nanoseconds do: divide it" if number >= MILLISECONDS[1] else ""
    raise ValueError(f"{number} lies outside the years 1970 to 9999{micro}")


def _parsed(text: str) -> float:
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time with an offset: {text[:64]!r}")
    year, month, day, hour, minute, second, fraction, sign, off_hours, off_minutes = match.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY
    except ValueError as error:
        raise ValueError(f"no such time: {text[:64]!r} ({error})") from None
    clock = int(hour) * 3600 + int(minute) * 60 + int(second)
    return days * 86_400 + clock - _offset(sign, off_hours, off_minutes) + float(fraction or 0)


def time_named(text: str) -> float:
    """Return the Unix seconds of a time: RFC 3339, UTC where no offset is given; a day; or a number. Raises ValueError.

    >>> time_named("2016-06-16 15:05") == time_named("2016-06-16T15:05:00+0000") == time_named("1466089500000")
    True
    """
    if _NUMBER.fullmatch(text):
        return unix_seconds(float(text))
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(f"not a time: {text[:64]!r}: give one such as 2016-06-16T15:05Z, a day, or Unix seconds")
    day, minute, second, _, hours, minutes = found.groups()
    offset = f"{hours}:{minutes or '00'}" if hours else "Z"
    return _parsed(f"{day}T{minute or '00:00'}{second or ':00'}{offset}")


def _offset(sign: str | None, hours: str, minutes: str) -> int:
    """Seconds that local time is ahead of UTC."""
    if sign is None:
        return 0
    seconds = int(hours) * 3600 + int(minutes) * 60
    return -seconds if sign == "-" else seconds


def format_time(seconds: float) -> str:
    """RFC 3339 text in UTC, with up to six decimals where there are any; ValueError outside the years 1-9999."""
    if not math.isfinite(seconds):
        raise ValueError(f"not a time: {seconds}")
    whole = math.floor(seconds)
    try:
        moment = _EPOCH + timedelta(seconds=whole, microseconds=round((seconds - whole) * 1_000_000))
    except OverflowError:
        raise ValueError(f"outside the years 1 to 9999: {seconds} seconds") from None
    text = moment.isoformat()
    return (text.rstrip("0") if moment.microsecond else text) + "Z"
