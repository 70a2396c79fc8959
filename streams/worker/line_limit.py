"""Bounds what strangers can make a worker write to its log: so many lines of one sort a minute, the rest counted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

LINES, SECONDS = 20, 60.0
#: Loggers of lines that a request, or a record of a topic, causes.
CAUSED_BY_OTHERS = (
    "asyncio",
    "aiohttp.server",
    "aiohttp.web",
    "streams.worker.web.security_headers",
    "streams.worker.topic_events",
    "streams.worker.calendar_topic",
    "streams.worker.app",
)


class LineLimit(logging.Filter):
    """Passes `lines` lines of one sort, then none of that sort until `seconds` after the first. It counts the others.

    Lines are of one sort when they have the same text before their arguments are put in.
    """

    def __init__(
        self, lines: int = LINES, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._lines, self._seconds, self._clock = lines, seconds, clock
        self._counts: dict[str, tuple[float, int]] = {}

    def install(self, names: Iterable[str] = CAUSED_BY_OTHERS) -> None:
        """Limit the lines of these loggers."""
        for name in names:
            logging.getLogger(name).addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is written; the last of its sort says so, the first of the next says how many."""
        sort, now = f"{record.name} {record.msg}", self._clock()
        since, count = self._counts.get(sort, (now, 0))
        if now - since >= self._seconds:
            _add(record, f" ({count - self._lines} more such lines were left out)" if count > self._lines else "")
            since, count = now, 0
        self._counts[sort] = since, count + 1
        if count + 1 == self._lines:
            _add(record, f" (more such lines are left out for {self._seconds:.0f} s)")
        return count < self._lines


def _add(record: logging.LogRecord, text: str) -> None:
    record.msg, record.args = record.getMessage() + text, ()
