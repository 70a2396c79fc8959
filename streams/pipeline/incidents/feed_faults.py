"""Faults of whole feeds: a feed stops while others go on, or most of its series fall together.

Both are outages of the whole feed, in the incident of its fault. A stop lasts from the feed's last bin to the first
that holds measurements again; a doubt from the first bin in which a reporter sees the fault to the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from typing import NamedTuple

from detectors.incidents.model import DOUBTED_FEED, STOPPED_FEED, IncidentState, OutageRevision
from detectors.outages.feed_fault import SHARE
from streams.config.settings import Settings

SETTLING = 3  # bins without a fault after which a doubt is over
LOST = {STOPPED_FEED: 1.0, DOUBTED_FEED: SHARE}  # share of the feed: all, and at least


class BinStatus(NamedTuple):
    """What reporters say of a bin of a feed: most series fell (`fault`), or nothing was measured (`empty`)."""

    fault: bool
    empty: bool

    def __or__(self, other: BinStatus) -> BinStatus:
        """Return what two reporters say together."""
        return BinStatus(self.fault or other.fault, self.empty and other.empty)


Bins = Mapping[str, Mapping[int, BinStatus]]  # by feed and end of the bin in Unix seconds


def feed_faults(
    state: IncidentState, bins: Bins, newest: Mapping[str, int], at: float, settings: Settings
) -> Iterator[OutageRevision]:
    """Yield new outage revisions of whole feeds at an instant, and the end of outages of feeds that stopped too long.

    `bins`: the bins that closed at the instant. `newest`: end of each feed's newest bin with
    measurements so far. Times are Unix seconds.
    """
    yield from _doubts(state, bins, newest, at, settings)
    yield from _stops(state, bins, newest, at, settings)
    yield from _expired(state, newest, at, settings)


def _doubts(
    state: IncidentState, bins: Bins, newest: Mapping[str, int], at: float, settings: Settings
) -> Iterator[OutageRevision]:
    """Yield revisions for feeds of which most series fall together."""
    for feed, statuses in sorted((feed, statuses) for feed, statuses in bins.items() if feed in settings.feeds):
        doubt, width = _running(state, feed, DOUBTED_FEED), float(settings.feeds[feed].bin)
        ends = [end for end, status in statuses.items() if status.fault]
        if ends:
            since, until = min(ends) - width, float(max(ends))
            yield _extended(doubt, since, until, at) if doubt else opened(DOUBTED_FEED, feed, since, at, until)
        elif doubt and newest[feed] - (doubt.ended_at or 0.0) >= SETTLING * width:
            yield replace(_next(doubt, at), state="retracted")


def _extended(doubt: OutageRevision, since: float, until: float, at: float) -> OutageRevision:
    since, until = min(since, doubt.started_at), max(until, doubt.ended_at or until)
    return replace(_next(doubt, at), started_at=since, ended_at=until)


def _stops(
    state: IncidentState, bins: Bins, newest: Mapping[str, int], at: float, settings: Settings
) -> Iterator[OutageRevision]:
    """Yield revisions for feeds that stop and come back."""
    behind = {feed: at - end for feed, end in newest.items() if is_steady(feed, settings)}
    silent = {feed for feed, seconds in behind.items() if seconds > settings.stalled_after(feed)}
    for feed, seconds in sorted(behind.items()):
        stop, width = _running(state, feed, STOPPED_FEED), float(settings.feeds[feed].bin)
        if stop is None and feed in silent and len(silent) < len(behind):
            yield opened(STOPPED_FEED, feed, float(newest[feed]), at)
        elif stop is not None:
            empty_until, back = _return_of(stop, bins.get(feed, {}))
            back = newest[feed] if empty_until is None and seconds <= width else back
            if back is not None:
                yield replace(_next(stop, at), state="retracted", ended_at=max(back - width, stop.started_at))
            elif empty_until != stop.ended_at:
                yield replace(_next(stop, at), ended_at=empty_until)


def _return_of(stop: OutageRevision, statuses: Mapping[int, BinStatus]) -> tuple[float | None, int | None]:
    """Return the end of the newest empty bin of a stop, and of the first bin with measurements after it.

    A feed that is back first reports the bins that were open when it stopped, and then the empty ones.
    """
    empty_until, back = stop.ended_at, None
    for end, status in sorted(statuses.items()):
        if status.empty and end > stop.started_at:
            empty_until, back = max(end, empty_until or end), None
        elif back is None and empty_until is not None and end > empty_until:
            back = end
    return empty_until, back


def _expired(
    state: IncidentState, newest: Mapping[str, int], at: float, settings: Settings
) -> Iterator[OutageRevision]:
    """Yield the end of outages of feeds that have stopped for too long: unknown is not down.

    The feeds' shards report the same once they are back.
    """
    patience, feeds = float(settings.worker.expire_after), settings.feeds
    steady = [name for name in newest if is_steady(name, settings) and not feeds[name].silence_is_zero]
    mute = {name for name in steady if at - newest[name] > patience + settings.stalled_after(name)}
    for incident in state.incidents.values() if mute else ():
        for outage in incident.outages.values():
            if outage.feed in mute and outage.running and outage.is_of_series:
                yield replace(_next(outage, at), state="expired" if outage.confirmed else "retracted")


def given_up(state: IncidentState, feeds: Set[str], at: float) -> Iterator[OutageRevision]:
    """Yield the end of all that goes on in feeds of which nobody continues the outages: unknown is not down."""
    for incident in state.incidents.values() if feeds else ():
        for outage in incident.outages.values():
            if outage.feed in feeds and outage.running:
                is_known = outage.confirmed and outage.is_of_series
                yield replace(_next(outage, at), state="expired" if is_known else "retracted")


def put_back(state: IncidentState, feed: str, end: int) -> None:
    """Let what runs of a whole feed last until the end of a bin (Unix s) at most, as its time has gone back to it."""
    for incident in (incident for incident in state.incidents.values() if incident.fault == feed):
        for name, outage in incident.outages.items():
            if not outage.is_of_series and outage.running and (outage.ended_at or 0.0) > end:
                since = min(outage.started_at, float(end))
                incident.outages[name] = replace(outage, started_at=since, ended_at=float(end))


def is_steady(feed: str, settings: Settings) -> bool:
    """Return whether a feed sends something in every bin. A feed of members that come and go need not."""
    return feed in settings.feeds and settings.feeds[feed].kind != "presence"


def falling_together(state: IncidentState) -> frozenset[str]:
    """Return the feeds of which most series, of all partitions, fall together, and of which no other feed shows it."""
    faults = [incident for incident in state.incidents.values() if incident.fault and not incident.refuted]
    return frozenset(
        fault.fault
        for fault in faults
        if any(outage.kind == DOUBTED_FEED and outage.running for outage in fault.outages.values())
    )


def _running(state: IncidentState, feed: str, kind: str) -> OutageRevision | None:
    """Return the outage of the whole feed that runs, a stop or a doubt."""
    faults = [incident for incident in state.incidents.values() if incident.fault == feed]
    outages = (outage for fault in faults for outage in fault.outages.values())
    return next((outage for outage in outages if outage.kind == kind and outage.running), None)


def _next(outage: OutageRevision, at: float) -> OutageRevision:
    return replace(outage, revision=outage.revision + 1, updated_at=at)


def opened(kind: str, feed: str, since: float, at: float, until: float | None = None) -> OutageRevision:
    """Return the first revision for a whole feed. While it runs, `ended_at` is the end of its newest bin."""
    return OutageRevision(
        outage_id=f"{kind}/{feed}/{since:.0f}",
        revision=1,
        state="suspected",
        entity=f"{kind}/{feed}",
        country=None,
        region=None,
        facets=(),
        feed=feed,
        started_at=since,
        detected_at=at,
        updated_at=at,
        ended_at=until,
        expected=0.0,
        max_drop=LOST[kind],
        drops=((since, LOST[kind]),),
        evidence=0.0,
        suspected_fault=True,
    )
