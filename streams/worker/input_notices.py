"""Sentences for the page on what is wrong with what producers send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.broker.transport import OpenTransaction
from streams.pipeline.fast_clocks import AHEAD
from streams.pipeline.shard import Shard
from streams.state.limit_watch import nearly_reached
from streams.worker.agents import Worker
from streams.worker.health import long_transactions

RECENT = 900.0  # seconds for which the page shows what was wrong with a message


def notices(worker: Worker) -> list[str]:
    """Return the sentences of the partitions here."""
    found = [_transaction(number, waiting) for number, waiting in long_transactions(worker)]
    since, stages = worker.clock() - RECENT, sorted(worker.partitions.items())
    keyless = [number for number, stage in stages if (at := stage.keys.no_key_at) is not None and at >= since]
    strays = [stage.keys.stray for _, stage in stages if (at := stage.keys.stray_at) is not None and at >= since]
    full = [number for number, stage in stages if (at := stage.limits.refused_at) is not None and at >= since]
    nearly = [(number, *limit) for number, stage in stages for limit in nearly_reached(stage.shard)]
    shards = [stage.shard for _, stage in stages]
    back = [
        f"The time of feed {feed} {done}." for _, s in stages for feed, (at, done) in s.setbacks.items() if at >= since
    ]
    ahead = [*back, *feeds_ahead(shards), *clocks_ahead(shards)]
    return found + _no_key(keyless) + _strays(strays) + _no_room(full) + _limits(nearly) + ahead


def _no_key(partitions: Sequence[int]) -> list[str]:
    if not partitions:
        return []
    return [f"Messages without a key came in partitions {partitions}; they are dead letters."]


def _no_room(partitions: Sequence[int]) -> list[str]:
    if not partitions:
        return []
    return [f"Measurements of new series in partitions {partitions} are dead letters: a feed has reached a limit."]


def _limits(nearly: Sequence[tuple[int, str, str, float]]) -> list[str]:
    """Return a sentence on each limit of a feed that is nearly reached, with the partition that uses most of it."""
    most: dict[tuple[str, str], tuple[float, int]] = {}
    for number, feed, limit, share in nearly:
        most[feed, limit] = max(most.get((feed, limit), (0.0, -1)), (share, number))
    return [
        f"Feed {feed} uses {share:.0%} of limits.{limit} in partition {number}; what is new beyond it is refused."
        for (feed, limit), (share, number) in most.items()
    ]


def feeds_ahead(shards: Sequence[Shard]) -> list[str]:
    """Return a sentence on each feed whose time is ahead of what is received now, which receipt kept it from before."""
    leads: dict[str, float] = {}
    steps: dict[str, float] = {}
    for shard in shards:
        for feed, state in shard.feeds.items():
            lead = state.admission.fast_clocks.lead_of(state.watermark.newest)
            leads[feed], steps[feed] = max(lead, leads.get(feed, 0.0)), state.rules.time.max_step
    return [
        f"The time of feed {feed} is {lead:,.0f} s ahead of what is received, which is late until then: the clock of a "
        f"broker or worker was ahead, or has gone back. It goes back once receipts have said so for "
        f"{steps[feed]:,.0f} s; `ebbtide state reset --feed {feed}` ends that at once."
        for feed, lead in leads.items()
        if lead > AHEAD
    ]


def clocks_ahead(shards: Sequence[Shard]) -> list[str]:
    """Return a sentence on each feed with clocks that are ahead: whose is most, by how much, and how many others."""
    found: dict[str, dict[str, float]] = {}
    for shard in shards:
        for feed, state in shard.feeds.items():
            found.setdefault(feed, {}).update(state.admission.fast_clocks.since(state.watermark.newest))
    return [_of_feed(feed, ahead) for feed, ahead in found.items() if ahead]


def _of_feed(feed: str, ahead: Mapping[str, float]) -> str:
    name, seconds = max(ahead.items(), key=lambda item: (item[1], item[0]))
    among = f", one of {len(ahead)}," if len(ahead) > 1 else ""
    return f"In feed {feed} the clock of {name}{among} is ahead of receipt, in the last hour by {seconds:,.0f} s."


def _strays(strays: Sequence[str]) -> list[str]:
    if not strays:
        return []
    return [f"A producer chooses partitions by another hash: {strays[0]}."]


def _transaction(number: int, waiting: OpenTransaction) -> str:
    return (
        f"{waiting.messages:,} messages of partition {number} are not read: a producer has not ended its transaction "
        f"for {waiting.seconds / 60:.0f} minutes."
    )
