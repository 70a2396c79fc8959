"""Where a run ends early: after a number of measurements, or at an event time."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.measurement import Measurement
from schemas.times import time_named


@dataclass(slots=True)
class Until:
    """The end of a run: `count` measurements, or those before `ts` (Unix seconds)."""

    count: int | None = None
    ts: float | None = None

    def cut(self, measurements: list[Measurement]) -> list[Measurement]:
        """Return those before the end, and count them."""
        if self.ts is not None:
            end = self.ts
            return [measurement for measurement in measurements if float(measurement.ts) < end]
        if self.count is not None:
            measurements = measurements[: self.count]
            self.count -= len(measurements)
        return measurements

    def is_reached(self, limit: int) -> bool:
        """Return whether nothing more comes, when all before `limit` (Unix seconds) has come."""
        return self.count == 0 or (self.ts is not None and limit >= self.ts)


def until_named(text: str) -> Until:
    """Return the end that a text names: a number of measurements, or a time. Raises ValueError.

    >>> until_named("1000").count, until_named("2016-06-16T15:05:00Z").ts
    (1000, 1466089500.0)
    """
    if text.isdecimal():
        return Until(count=int(text))
    return Until(ts=time_named(text))
