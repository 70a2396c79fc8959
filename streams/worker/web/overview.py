"""What the overview shows: ongoing incidents and outages, recently ended ones, and the state of the feeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest
from itertools import islice
from typing import NamedTuple

from schemas.incident import Incident
from schemas.outage import Outage
from streams.worker.exposition.membership import is_fault, split_by_faults
from streams.worker.web.aside import aside
from streams.worker.web.filters import ended_at, key
from streams.worker.web.folding import Fold, folded
from streams.worker.web.formatting import plural
from streams.worker.web.page_models import MAX_ITEMS, Item, drawn
from streams.worker.web.page_state import PageState, copied
from streams.worker.web.worker_view import FeedHealth, Health, WorkerView

MAX_ENDED = 10
ONGOING = ("open", "recovering", "ongoing", "spreading")


class Overview(NamedTuple):
    """The first page. `counts`: of ongoing incidents and outages, without those of a feed's fault.

    `suspected`: of those not confirmed yet.
    `folds`: the ongoing outages of each of the incidents, by its id; `members`: the items of those shown, in order.
    `outages`: the newest of the outages that belong to none of the incidents; `lone`: how many these are in all.
    `faults`: feeds of which a fault goes on. It is listed with the incidents and is none of them.
    `newest`: newest event time of all feeds (Unix seconds), None before the first measurement; `unread`: why outages
    and incidents may be missing, None when all are there.
    """

    incidents: Sequence[Item]
    folds: Mapping[str, Fold]
    members: Mapping[str, Sequence[Item]]
    outages: Sequence[Item]
    lone: int
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
        receiving = [feed for feed in self.health.feeds if feed_state(feed) in ("receiving", "warming up")]
        if not receiving:
            return "All feeds have stopped: the state is unknown"
        sound = [feed for feed in receiving if feed.name not in self.faults]
        if not sound:
            return "All feeds are at fault: the state is unknown"
        count, judged = len(self.health.feeds), len(self.health.feeds) - len(self.unjudged)
        if not judged:
            return "Nothing has been judged yet"
        return "Nothing is dark" if judged == count else f"Nothing is dark in {judged} of {count} feeds"

    @property
    def unjudged(self) -> list[FeedHealth]:
        """The feeds that are silent, warm up or are at fault. The headline does not cover what they measure."""
        return [feed for feed in self.health.feeds if feed_state(feed) != "receiving" or feed.name in self.faults]


async def overview(view: WorkerView) -> Overview:
    """Return the ongoing incidents and outages, newest start first, and those that ended last."""
    state = await aside(PageState, copied(view))
    listed = await aside(_Listed, state)
    folds = listed.folded.folds
    shown: list[Sequence[Outage | Incident]] = [
        listed.ongoing,
        *(fold.shown for fold in folds.values()),
        listed.folded.lone,
        listed.ended,
    ]
    items = iter(await drawn(view, state, [item for part in shown for item in part]))
    incidents, *members, outages, ended = [list(islice(items, len(part))) for part in shown]
    return Overview(
        incidents=incidents,
        folds=folds,
        members=dict(zip(folds, members, strict=True)),
        outages=outages,
        lone=listed.folded.lone_count,
        ended=ended,
        counts=listed.counts,
        suspected=listed.suspected,
        health=state.health,
        newest=max((time for time in state.newest.values() if time is not None), default=None),
        faults=listed.faults,
        unread=state.unread,
    )


class _Listed:
    """What the overview lists, as `Overview` describes it: at most `MAX_ITEMS` incidents and as many outages."""

    def __init__(self, state: PageState) -> None:
        incidents, outages = state.incidents.values(), state.outages.values()
        going = [incident for incident in incidents if incident.state in ONGOING]
        open_ = [outage for outage in outages if outage.state in ONGOING]
        faults = sorted(filter(is_fault, going), key=key, reverse=True)
        of_faults, _ = split_by_faults(open_, faults)
        self.ongoing = nlargest(MAX_ITEMS, going, key=key)
        self.folded = folded(self.ongoing, open_, MAX_ITEMS)
        self.ended = nlargest(MAX_ENDED, _worth_showing(incidents, outages), key=_end)
        self.faults = [feed for fault in faults for feed in fault.feeds]
        self.counts = len(going) - len(faults), len(open_) - len(of_faults)
        self.suspected = _count_suspected(incidents), _count_suspected(outages)


def _count_suspected(items: Iterable[Outage] | Iterable[Incident]) -> int:
    return sum(item.state == "suspected" for item in items)


def _worth_showing(incidents: Iterable[Incident], outages: Iterable[Outage]) -> list[Outage | Incident]:
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
    if feed.stalled:
        return "stalled"
    return "receiving" if feed.judged else "warming up"
