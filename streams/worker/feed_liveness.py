"""How long a feed has been silent everywhere: it may have stopped, which is no outage of anybody."""

from __future__ import annotations

from collections.abc import Mapping


class FeedLiveness:
    """Wall time since the newest event time of each feed has moved. `limits`: seconds after which a feed is stalled."""

    def __init__(self, limits: Mapping[str, float]) -> None:
        self.limits = limits
        self._newest: dict[str, float] = {}
        self._since: dict[str, float] = {}

    def note(self, newest: Mapping[str, float], now: float) -> None:
        """Note how far feeds have come, as told by the measurements here and by the clock of other partitions."""
        for feed, time in newest.items():
            if time > self._newest.get(feed, float("-inf")):
                self._newest[feed], self._since[feed] = time, now

    def seconds(self, now: float) -> dict[str, float]:
        """Return how long each feed that was ever heard has been silent."""
        return {feed: now - since for feed, since in self._since.items()}

    def stalled(self, now: float) -> dict[str, bool]:
        """Return whether each feed that was ever heard has stopped, as it seems."""
        return {feed: silent > self.limits[feed] for feed, silent in self.seconds(now).items()}
