"""How `ebbtide explain` writes times and what is unknown."""

from __future__ import annotations

from schemas.times import format_time

UNKNOWN = "-"


def clock(at: float) -> str:
    """Return a time in UTC, without seconds where they are 0.

    >>> clock(1466089500), clock(1466089530)
    ('2016-06-16 15:05', '2016-06-16 15:05:30')
    """
    return format_time(at)[:-1].replace("T", " ").removesuffix(":00")
