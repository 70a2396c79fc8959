"""What the overview shows: ongoing incidents and outages, recently ended ones, and the state of the feeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.incident import Incident
from schemas.outage import Outage
from streams.worker.web.filters import ended_at, key
from streams.worker.web.formatting import plural
from streams.worker.web.page_models import MAX_ITEMS, Item, ItemBuilder
from streams.worker.web.worker_view import FeedHealth, Health, WorkerView

MAX_ENDED = 10
ONGOING = ("open", "recovering", "ongoing", "spreading")


class Overview(NamedTuple):
    """The first page. `counts`: of ongoing incidents and outages; `suspected`: of those not confirmed yet.

    `faults`: feeds of which a fault goes on. It is listed with the incidents and is none of them.
    `newest`: newest event time of all feeds (Unix seconds), None before the first measurement; `unread`: why outages
    and incidents may be missing, None when all are there.
    """

    incidents: Sequence[Item]
    outages: Sequence[Item]
    ended: Sequence[Item]
    counts: tuple[int, int]
    suspected: tuple[int, int]
    health: Health
    newest: float | None
    faults: Sequence[str]
    unread: str | None

    @property
    def listed(self) -> int:
        """How many ongoing incidents and faults there are."""
        return self.counts[0] + len(self.faults)

    @property
    def headline(self) -> str:
        """The present state in a few words. "Nothing is dark" needs a feed without a fault that has judged series."""
        if self.unread is not None:
            return "The state is not known yet"
        for count, word in zip(self.counts, ("incident", "outage"), strict=True):
            if count:
                return plural(count, f"ongoing {word}")
        if self.newest is None:
            return "No measurements yet in this worker"
        receiving = [feed for feed in self.health.feeds if feed_state(feed) == "receiving"]
        if not receiving:
            return "All feeds have stopped: the state is unknown"
        sound = [feed for feed in receiving if feed.name not in self.faults]
        if not sound:
            return "All feeds are at fault: the state is unknown"
        return "Nothing is dark" if any(feed.judged for feed in sound) else "Nothing has been judged yet"

    @property
    def stopped(self) -> list[str]:
        """Names of the stalled feeds. The headline does not cover what they measure."""
        return [feed.name for feed in self.health.feeds if feed_state(feed) == "stalled"]


def overview(view: WorkerView) -> Overview:
    """Return the ongoing incidents and outages, newest start first, and those that ended last."""
    incidents, outages, builder = view.incidents(), view.outages(), ItemBuilder(view)
    ongoing = _newest_first(incident for incident in incidents if incident.state in ONGOING)
    faults = [incident for incident in ongoing if isinstance(incident, Incident) and "feed-fault" in incident.kinds]
    open_ = _newest_first(outage for outage in outages if outage.state in ONGOING)
    ended = sorted(_worth_showing(incidents, outages), key=_end, reverse=True)
    return Overview(
        incidents=builder.items(ongoing[:MAX_ITEMS]),
        outages=builder.items(open_[:MAX_ITEMS]),
        ended=builder.items(ended[:MAX_ENDED]),
        counts=(len(ongoing) - len(faults), len(open_)),
        suspected=(_count_suspected(incidents), _count_suspected(outages)),
        health=view.health(),
        newest=max((time for time in builder.newest.values() if time is not None), default=None),
        faults=[feed for fault in faults for feed in fault.feeds],
        unread=view.unread(),
    )


def _newest_first(items: Iterable[Outage] | Iterable[Incident]) -> list[Outage | Incident]:
    return sorted(items, key=key, reverse=True)


def _count_suspected(items: Iterable[Outage] | Iterable[Incident]) -> int:
    return sum(item.state == "suspected" for item in items)


def _worth_showing(incidents: Sequence[Incident], outages: Sequence[Outage]) -> list[Outage | Incident]:
    """Return the ended incidents, and the ended outages of no incident, without those that were withdrawn."""
    members = {name for incident in incidents for name in incident.outage_ids}
    lone = [
        outage
        for outage in outages
        if outage.outage_id not in members and outage.state not in ("retracted", "suspected")
    ]
    items: list[Outage | Incident] = [*(incident for incident in incidents if _stands(incident)), *lone]
    return [item for item in items if ended_at(item) is not None]


def _stands(incident: Incident) -> bool:
    """Return whether an incident was neither merged into a larger one nor retracted."""
    return incident.merged_into is None and incident.state != "retracted"


def _end(item: Outage | Incident) -> tuple[float, str]:
    return ended_at(item) or 0.0, key(item)[1]


def feed_state(feed: FeedHealth) -> str:
    """Return the state of a feed in a word or two."""
    if feed.newest is None:
        return "no data yet"
    return "stalled" if feed.stalled else "receiving"
