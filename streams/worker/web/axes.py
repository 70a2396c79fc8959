"""The marks on the axes of a chart: round times and levels, each with its place and its text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from streams.worker.web.formatting import number

MAX_TIMES: Final = 7  # marks that a phone has room for
LEVELS: Final = 4
_HOUR: Final = 3600
_STEPS: Final = (300, 600, 900, 1800, _HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, 24 * _HOUR)
_EDGE: Final = 0.03  # of the width: a text nearer to an end would be cut


class Mark(NamedTuple):
    """A mark. `at`: its place from the left or from the bottom, 0 to 1."""

    at: float
    text: str


def time_marks(first: int, last: int) -> Sequence[Mark]:
    """Return marks at round times of a chart from `first` to `last` (Unix seconds). Midnight has the date.

    >>> [mark.text for mark in time_marks(1577271600, 1577286000)]
    ['12:00', '13:00', '14:00']
    """
    step = _step(last - first)
    times = range(math.ceil(first / step) * step, last, step)
    marks = (Mark((time - first) / (last - first), _clock(time)) for time in times)
    return [mark for mark in marks if _EDGE < mark.at < 1 - _EDGE]


def _step(seconds: int) -> int:
    day = _STEPS[-1]
    return next((step for step in _STEPS if seconds / step <= MAX_TIMES), day * math.ceil(seconds / day / MAX_TIMES))


def _clock(time: int) -> str:
    shown = datetime.fromtimestamp(time, UTC)
    return f"{shown:%H:%M}" if time % (24 * _HOUR) else f"{shown:%b} {shown.day}"


def level_marks(top: float) -> Sequence[Mark]:
    """Return marks at round levels from 0 to the top of a chart.

    >>> level_marks(0.93)
    [Mark(at=0.0, text='0'), Mark(at=0.5376344086021505, text='0.5')]
    >>> [mark.text for mark in level_marks(1312)]
    ['0', '500', '1,000']
    """
    rough = top / LEVELS
    decade = 10.0 ** math.floor(math.log10(rough))
    step = next(part * decade for part in (1, 2, 5, 10) if part * decade >= rough)
    return [Mark(at * step / top, number(round(at * step, 12))) for at in range(math.floor(top / step) + 1)]
