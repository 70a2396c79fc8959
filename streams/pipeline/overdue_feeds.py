"""Feeds of a partition whose next bin is overdue: the event time at which it closes has passed in another feed here.

Incidents wait for such a bin, since it belongs before what the other feed reports next. They wait for `idle_after`
seconds of wall time and not at all for a feed that was late before. The partition then announces that the feed is
silent.
"""

from __future__ import annotations

from collections.abc import Mapping

from detectors.watermark import TimeRule


class OverdueFeeds:
    """Since when feeds are overdue (wall time, s), and which are slow, as their last bin came after `idle_after`.

    `announced`: by feed, the end of its newest bin when it was announced last.
    """

    def __init__(self, rules: Mapping[str, TimeRule], idle_after: float) -> None:
        self.rules, self.idle_after = rules, idle_after
        self.announced: dict[str, int] = {}
        self._since: dict[str, tuple[int, float]] = {}
        self._slow: set[str] = set()

    def due(self, ends: Mapping[str, int], lag: int | None, now: float) -> list[tuple[str, int]]:
        """Return the feeds to announce, each with the end of its newest bin.

        `ends`: the end of the newest bin of each feed with data here. `lag`: number of unread messages (None: unknown).
        """
        reached = max((end + self.rules[feed].lateness for feed, end in ends.items()), default=0.0)
        for feed, end in ends.items():
            self._note(feed, end, self._next(feed, end) <= reached, lag, now)
        waiting = [(feed, ends[feed]) for feed in sorted(self._since) if feed in ends and self._is_over(feed, now)]
        return [(feed, end) for feed, end in waiting if lag == 0 and self.announced.get(feed) != end]

    def _next(self, feed: str, end: int) -> float:
        return end + self.rules[feed].width + self.rules[feed].lateness

    def _note(self, feed: str, end: int, is_overdue: bool, lag: int | None, now: float) -> None:
        """Note whether a feed is overdue, and once its bin has closed, whether it was slow."""
        before = self._since.get(feed)
        if before and before[0] != end:
            del self._since[feed]
            (self._slow.add if now - before[1] > self.idle_after else self._slow.discard)(feed)
        if is_overdue and lag == 0:
            self._since.setdefault(feed, (end, now))

    def _is_over(self, feed: str, now: float) -> bool:
        return feed in self._slow or now - self._since[feed][1] >= self.idle_after
