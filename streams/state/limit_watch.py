"""What the log and the page say of the limits of feeds: which are nearly reached, and where something was refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf

from streams.config.limits import Limits
from streams.pipeline.shard import Shard

NEARLY = 0.8  # share of a limit in use from which the page says so, as the alert does
LOG_EVERY = 3600.0  # seconds between two lines in the log of one partition


class LimitWatch:
    """Notes when measurements of a partition were last refused for want of room. `refused_at`: wall time (s)."""

    def __init__(self) -> None:
        self.refused_at: float | None = None
        self._logged = -inf

    def note(self, counts: Mapping[tuple[str, str], int], now: float) -> list[str]:
        """Note what a batch added to the counts, and return the line of the log if it is due."""
        refused = counts.get(("dead", "too-many-series"), 0)
        if not refused:
            return []
        self.refused_at = now
        if now - self._logged < LOG_EVERY:
            return []
        self._logged = now
        return ["measurements of new series are dead letters, as a feed has as many as its limits allow"]


def nearly_reached(shard: Shard) -> Iterator[tuple[str, str, float]]:
    """Yield feed, limit and share of the limits that are nearly reached in a partition."""
    for name, feed in shard.feeds.items():
        for limit, share in feed.room.used().items():
            if share >= NEARLY:
                yield name, limit, share


def changes(shard: Shard, heads: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Return a line on each feed whose limits differ from those under which its snapshot was written.

    `heads`: the values of each feed in the snapshot; older ones do not name limits.
    """
    return [
        f"feed {name}: {_difference(feed.rules.limits, before)}; what is known stays until it is idle"
        for name, feed in shard.feeds.items()
        if isinstance(before := heads.get(name, {}).get("limits"), dict)
        if _difference(feed.rules.limits, before)
    ]


def _difference(now: Limits, before: Mapping[str, object]) -> str:
    pairs = ((name, before.get(name), value) for name, value in now._asdict().items() if name != "idle")
    moved = [f"limits.{name} is {value:,} in a partition, was {old:,}" for name, old, value in pairs if old != value]
    return ", ".join(moved)
