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


@lru_cache(maxsize=65_536)
def parse_time(text: str) -> float:
    """Unix seconds of an RFC 3339 time in any offset; ValueError, one line, when it is none.

    A leap second (`:60`) is the second after `:59`. Remembered, since measurements share their times.
    """
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
    """Return the Unix seconds of a time: RFC 3339 (UTC where no offset is given), or Unix seconds. Raises ValueError.

    >>> time_named("2016-06-16 15:05") == time_named("2016-06-16T15:05:00Z") == time_named("1466089500")
    True
    """
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return float(text)
    parts = re.fullmatch(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?(\D.*)?", text)
    return parse_time(f"{parts[1]}T{parts[2]}{parts[3] or ':00'}{parts[4] or 'Z'}" if parts else text)


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
