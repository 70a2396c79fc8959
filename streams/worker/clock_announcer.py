"""What of its feeds a worker tells all partitions: that one spoke in a bin, and that its time lets one more close."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from detectors.watermark import TimeRule

KEPT = 4096  # bins of a feed that are remembered as told: those of partitions far behind may be told twice


class ClockAnnouncer:
    """What was told of one feed."""

    def __init__(self, rule: TimeRule) -> None:
        self.rule = rule
        self._told: set[int] = set()
        self._closed: int | None = None

    def due(self, spoke: Iterable[int], newest: float) -> list[float]:
        """Return the event times to tell (Unix seconds), oldest first: one in each bin not told of yet.

        `spoke`: starts of the bins in which the feed was heard. `newest`: its newest event time; that is told again
        when it lets another bin close.
        """
        fresh = set(spoke) - self._told
        self._told |= fresh
        if len(self._told) > KEPT:
            self._told = set(sorted(self._told)[-KEPT // 2 :])
        now, closed = np.array(newest), self._closed
        self._closed = (
            int(self.rule.closed_until(now)) if closed is None else max(closed, int(self.rule.closed_until(now)))
        )
        here = int(self.rule.bin_of(now))
        times = [float(start) for start in sorted(fresh) if start != here]
        return [*times, newest] if here in fresh or self._closed != closed else times
