"""Feeds without data in a partition: it announces empty bins, so that area sums do not wait for it."""

from __future__ import annotations

from collections.abc import Container, Mapping

import numpy as np

from detectors.watermark import TimeRule


class Absence:
    """Event times of feeds without data in this partition, as the clock announces them.

    `announced`: by feed, the start of the newest bin announced to be empty here. A feed is announced first `idle_after`
    seconds after its first clock message, since its first measurements may be on their way here, too.
    """

    def __init__(self, rules: Mapping[str, TimeRule], idle_after: float) -> None:
        self.rules, self.idle_after = rules, idle_after
        self.announced: dict[str, int] = {}
        self._newest: dict[str, float] = {}
        self._since: dict[str, float] = {}

    def note(self, feed: str, newest: float) -> None:
        """Note the newest event time of a feed elsewhere (Unix seconds)."""
        if feed in self.rules:
            self._newest[feed] = max(newest, self._newest.get(feed, newest))

    def due(self, present: Container[str], lag: int | None, now: float) -> list[tuple[str, int]]:
        """Return the feeds to announce, each with the start of the newest bin that is empty here.

        `present`: feeds with data here. `lag`: number of unread messages (None: unknown). `now`: wall time (s).
        """
        if lag != 0:
            return []
        ends = {feed: self._closed(feed) for feed in self._newest if feed not in present and self._patient(feed, now)}
        return [(feed, start) for feed, start in sorted(ends.items()) if start > self.announced.get(feed, -1)]

    def _patient(self, feed: str, now: float) -> bool:
        return now - self._since.setdefault(feed, now) >= self.idle_after or feed in self.announced

    def _closed(self, feed: str) -> int:
        """Return the start of the newest bin that may close."""
        rule = self.rules[feed]
        return int(rule.closed_until(np.array(self._newest[feed]))) - rule.width
