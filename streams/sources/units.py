"""Times of others: numbers in some unit and texts in some form, to Unix seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from schemas.times import END_OF_TIME, parse_time
from streams.config.sources import RFC_3339, UNITS

FIRST_TIME = 315_532_800  # 1980; what seems older has another unit
ReadTime: TypeAlias = Callable[[object], float]


def per_second(unit: str | None) -> int:
    """Return how many of a unit are a second; 0 for texts."""
    return UNITS.get(unit or "s", 0)


def reader_of(unit: str | None, zone: str | None) -> ReadTime:
    """Return a function from a value to Unix seconds, which raises ValueError for what is no such time.

    >>> reader_of("ms", None)(1_466_089_500_250)
    1466089500.25
    """
    if divisor := per_second(unit):
        return _number_reader(divisor)
    return _text_reader(parse_time if unit == RFC_3339 else _form_reader(str(unit), ZoneInfo(zone) if zone else None))


def _number_reader(divisor: int) -> ReadTime:
    def read(value: object) -> float:
        return _plausible(_number(value) / divisor, value)

    return read


def _plausible(seconds: float, value: object) -> float:
    """Return a time. Raises ValueError where it cannot be; all mistakes of s, ms, us and ns are found."""
    if not FIRST_TIME <= seconds < END_OF_TIME:
        raise ValueError(f"outside the years 1980 to 9999, is the `unit` another one? {value!r:.80}")
    return seconds


def _number(value: object) -> int | float:
    """Return a number, or that of a text. Raises ValueError. Nanoseconds have more digits than a float."""
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) < 20 else float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"no number: {value!r:.80}")
    return value


def _text_reader(parse: Callable[[str], float]) -> ReadTime:
    def read(value: object) -> float:
        if not isinstance(value, str):
            raise ValueError(f"no text: {value!r:.80}")
        return _plausible(parse(value), value)

    return read


def _form_reader(form: str, zone: ZoneInfo | None) -> Callable[[str], float]:
    @lru_cache(maxsize=65_536)  # records share their times
    def parse(text: str) -> float:
        moment = datetime.strptime(text, form)  # noqa: DTZ007 (the zone follows)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()

    return parse
