"""Feeds of which a partition has nothing: who waits for all of them must not wait for it, so it says so."""

from __future__ import annotations

from collections.abc import Container, Mapping

import numpy as np

from detectors.watermark import TimeRule


class Absence:
    """What a partition has heard of feeds that it has no data of, by the clock.

    `told`: start of the newest bin of which each was told to be empty here. The first time, a feed must have been heard
    of, as `due` was asked, for `idle_after` (s): its first measurements may be on their way here, too.
    """

    def __init__(self, rules: Mapping[str, TimeRule], idle_after: float) -> None:
        self.rules, self.idle_after = rules, idle_after
        self.told: dict[str, int] = {}
        self._newest: dict[str, float] = {}
        self._since: dict[str, float] = {}

    def hear(self, feed: str, newest: float) -> None:
        """Hear how far a feed has come elsewhere."""
        if feed in self.rules:
            self._newest[feed] = max(newest, self._newest.get(feed, newest))

    def due(self, present: Container[str], lag: int | None, now: float) -> list[tuple[str, int]]:
        """Return the feeds of which something is to be told, and the start of the newest bin that is empty here.

        `present`: feeds that have data here; `lag`: how much is unread, which may be theirs (None: not known).
        """
        if lag != 0:
            return []
        ends = {feed: self._closed(feed) for feed in self._newest if feed not in present and self._patient(feed, now)}
        return [(feed, start) for feed, start in sorted(ends.items()) if start > self.told.get(feed, -1)]

    def _patient(self, feed: str, now: float) -> bool:
        return now - self._since.setdefault(feed, now) >= self.idle_after or feed in self.told

    def _closed(self, feed: str) -> int:
        """Return the start of the newest bin that may close."""
        rule = self.rules[feed]
        return int(rule.closed_until(np.array(self._newest[feed]))) - rule.width
