"""Measures how long a feed has been silent in all partitions. A feed that has stopped is no outage of a network."""

from __future__ import annotations

from collections.abc import Mapping


class FeedLiveness:
    """Seconds of wall time since the newest event time of each feed moved.

    `limits`: seconds after which a feed is stalled. Feeds without measurements are absent from all results.
    """

    def __init__(self, limits: Mapping[str, float]) -> None:
        self.limits = limits
        self._newest: dict[str, float] = {}
        self._since: dict[str, float] = {}

    def go_back(self, feed: str) -> None:
        """Forget how far a feed had come, since its time has gone back."""
        self._newest.pop(feed, None)

    def note(self, newest: Mapping[str, float], now: float) -> None:
        """Note the newest event time of feeds, from the measurements here or from the clock of other partitions."""
        for feed, time in newest.items():
            if time > self._newest.get(feed, float("-inf")):
                self._newest[feed], self._since[feed] = time, now

    def seconds(self, now: float) -> dict[str, float]:
        """Return how long each feed has been silent."""
        return {feed: now - since for feed, since in self._since.items()}

    def stalled(self, now: float) -> dict[str, bool]:
        """Return whether each feed has been silent for longer than its limit."""
        return {feed: silent > self.limits[feed] for feed, silent in self.seconds(now).items()}
