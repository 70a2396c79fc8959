"""Events of a stream in order of event time, each once, as one record for each second."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import groupby
from typing import Any

from streams.sources.records import LineRecord

REMEMBERED = 7200  # seconds for which an event that comes again is recognised


@dataclass(slots=True)
class InOrder:
    """Events wait until event time has passed them by `hold` seconds. `duplicates`: events that came again.

    The offset of a record is its second, so that a position is a time. An event later than that goes into the record of
    the second that is due, at its own time.
    """

    hold: float
    newest: float = -math.inf
    duplicates: int = 0
    released: int = 0
    arrived: int = 0
    waiting: list[tuple[float, int, bytes]] = field(default_factory=list)
    recent: dict[Any, float] = field(default_factory=dict)

    def add(self, ts: float, key: Any, value: bytes) -> None:  # noqa: ANN401
        """Add an event. `key`: what tells it from others; `value`: a line."""
        if key in self.recent:
            self.duplicates += 1
            return
        self.recent[key] = ts
        self.newest = max(self.newest, ts)
        self.arrived += 1
        heappush(self.waiting, (ts, self.arrived, value))

    def release(self, until: float | None = None) -> list[LineRecord]:
        """Return what is before a time (Unix seconds), by default before the newest event less `hold`."""
        limit = self.newest - self.hold if until is None else until
        found = []
        while self.waiting and self.waiting[0][0] < limit:
            ts, _, value = heappop(self.waiting)
            found.append((max(int(ts), self.released), value))
        records = [
            LineRecord(b"\n".join(value for _, value in events), second)
            for second, events in groupby(found, key=lambda event: event[0])
        ]
        self.released = max([self.released, *(record.offset for record in records[-1:])])
        self._forget()
        return records

    def _forget(self) -> None:
        if len(self.recent) > 2 * len(self.waiting) + 10_000:
            oldest = self.released - REMEMBERED
            self.recent = {key: ts for key, ts in self.recent.items() if ts >= oldest}
