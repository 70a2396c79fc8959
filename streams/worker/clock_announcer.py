"""Decides which event times of a feed a worker sends to all partitions on the topic `clock`.

One event time in each bin that has measurements shows that the feed is alive in that bin; the newest event time lets
the other partitions close their bins.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from detectors.watermark import TimeRule

MAX_ANNOUNCED = 4096  # bins of a feed that are remembered; a partition further behind may announce a bin again


class ClockAnnouncer:
    """Remembers what was announced of one feed."""

    def __init__(self, rule: TimeRule) -> None:
        self.rule = rule
        self._announced: set[int] = set()
        self._closed: int | None = None

    def go_back(self) -> None:
        """Forget what was announced, since the time of the feed has gone back."""
        self._announced, self._closed = set(), None

    def due(self, active: Iterable[int], newest: float) -> list[float]:
        """Return the event times to announce (Unix seconds), oldest first: one in each bin not announced yet.

        `active`: starts of the bins with measurements of the feed; `newest`: its newest event time. That is announced
        again when it lets another bin close.
        """
        fresh = set(active) - self._announced
        self._announced |= fresh
        if len(self._announced) > MAX_ANNOUNCED:
            self._announced = set(sorted(self._announced)[-MAX_ANNOUNCED // 2 :])
        now, closed = np.array(newest), self._closed
        self._closed = (
            int(self.rule.closed_until(now)) if closed is None else max(closed, int(self.rule.closed_until(now)))
        )
        current = int(self.rule.bin_of(now))
        times = [float(start) for start in sorted(fresh) if start != current]
        return [*times, newest] if current in fresh or self._closed != closed else times
