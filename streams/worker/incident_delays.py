"""What the incidents of this worker wait for, and what they do not wait for: for the page and the metrics."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from schemas.rejections import one_line
from streams.pipeline.incidents.reporter_watermarks import Delay
from streams.worker.agents import Worker


def delays(worker: Worker) -> list[Delay]:
    """Return the feeds and partitions that incidents wait for, the partition that groups them being here."""
    return [delay for stage in worker.grouping.stages.values() for delay in stage.grouping.delays()]


def partition_of(shard: str) -> str:
    """Return the number of the partition of a shard.

    >>> partition_of("shard/3")
    '3'
    """
    return shard.rpartition("/")[2]


def delay_notices(worker: Worker) -> list[str]:
    """Return sentences on what delays incidents, and on feeds that they go on without."""
    stopped = [stage.grouping.watermarks.stopped() for stage in worker.grouping.stages.values()]
    silent = [_without(feed, shards) for by_feed in stopped for feed, shards in by_feed.items()]
    return [*_waits(delays(worker)), *silent]


def _waits(found: Iterable[Delay]) -> list[str]:
    by_feed: dict[str | None, list[Delay]] = {}
    for delay in found:
        by_feed.setdefault(delay.feed, []).append(delay)
    return [_wait(feed, waiting) for feed, waiting in by_feed.items()]


def _wait(feed: str | None, waiting: list[Delay]) -> str:
    where, seconds = _where(delay.shard for delay in waiting), max(delay.seconds for delay in waiting)
    if feed is None or seconds == inf:
        return f"Incidents wait for {where}: nothing has been read there yet."
    ahead = f"other feeds or partitions are {_rough(seconds)} ahead"
    return f"Incidents wait for the feed {one_line(feed)} in {where}: {ahead}."


def _rough(seconds: float) -> str:
    """Return a time in words; never no minutes, which would say that nothing waits.

    >>> _rough(5), _rough(59), _rough(100), _rough(3300)
    ('seconds', 'about a minute', '2 minutes', '55 minutes')
    """
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else "about a minute" if seconds >= 30 else "seconds"


def _without(feed: str, shards: Iterable[str]) -> str:
    return (
        f"Incidents do not wait for the feed {one_line(feed)} in {_where(shards)}, where it is silent or slow: what it "
        "shows of bins before the present ones is added when it comes."
    )


def _where(shards: Iterable[str]) -> str:
    numbers = [partition_of(shard) for shard in shards]
    return f"partition{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
