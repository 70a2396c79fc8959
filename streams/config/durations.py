"""Durations as people write them: `90s`, `5m`, `1h30m`, `8w`, or a number of seconds."""

from __future__ import annotations

import math
import re

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


def seconds(text: str | float) -> float:
    """Return a duration in seconds.

    >>> seconds("1h30m"), seconds("250ms"), seconds(20)
    (5400.0, 0.25, 20.0)

    Raises ValueError, which shows the expected form.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        if not 0 <= text < math.inf:
            raise ValueError(f"a duration is finite and not negative, got {text}")
        return float(text)
    if not isinstance(text, str) or not re.fullmatch(f"(?:{_PART.pattern})+", text.strip()):
        raise ValueError(f'expected a duration such as "5m" or "1h30m", got {text!r}')
    return sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text))
