"""A feed at fault as a whole: it has stopped while others go on, or most of its series fall together.

Both are falls of the whole feed, in the incident of its fault: silence from its last bin to the first that holds
measurements again, a doubt from the first bin in which a shard sees it to the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from detectors.incidents.model import DOUBT, FEED, Book, Fall
from detectors.outages.feed_fault import SHARE
from streams.config.settings import Settings

SETTLING = 3  # bins without a doubt after which it is over
LOST = {FEED: 1.0, DOUBT: SHARE}  # share of the feed: all, and at least


class Bin(NamedTuple):
    """What reporters say of a bin of a feed: `fault`: one that most fell; `empty`: all that nothing was measured."""

    fault: bool
    empty: bool

    def __or__(self, other: Bin) -> Bin:
        """Return what two say together."""
        return Bin(self.fault or other.fault, self.empty and other.empty)


Bins = Mapping[str, Mapping[int, Bin]]  # by feed and end


def feed_faults(book: Book, told: Bins, newest: Mapping[str, int], at: float, settings: Settings) -> Iterator[Fall]:
    """Yield what is new at an instant of whole feeds. `told`: bins; `newest`: end of the newest of each feed so far."""
    yield from _doubts(book, told, newest, at, settings)
    yield from _stalls(book, told, newest, at, settings)
    yield from _given_up(book, newest, at, settings)


def _doubts(book: Book, told: Bins, newest: Mapping[str, int], at: float, settings: Settings) -> Iterator[Fall]:
    """Feeds of which most series fall together."""
    for feed, bins in sorted((feed, bins) for feed, bins in told.items() if feed in settings.feeds):
        known, width = _running(book, feed, DOUBT), float(settings.feeds[feed].bin)
        ends = [end for end, its in bins.items() if its.fault]
        if ends:
            since, until = min(ends) - width, float(max(ends))
            yield _longer(known, since, until, at) if known else _begun(DOUBT, feed, since, at, until)
        elif known and newest[feed] - (known.ended_at or 0.0) >= SETTLING * width:
            yield replace(_next(known, at), state="retracted")


def _longer(known: Fall, since: float, until: float, at: float) -> Fall:
    since, until = min(since, known.started_at), max(until, known.ended_at or until)
    return replace(_next(known, at), started_at=since, ended_at=until)


def _stalls(book: Book, told: Bins, newest: Mapping[str, int], at: float, settings: Settings) -> Iterator[Fall]:
    """Feeds that stop and come back."""
    behind = {feed: at - end for feed, end in newest.items() if _is_steady(feed, settings)}
    silent = {feed for feed, seconds in behind.items() if seconds > settings.stalled_after(feed)}
    for feed, seconds in sorted(behind.items()):
        known, width = _running(book, feed, FEED), float(settings.feeds[feed].bin)
        if known is None and feed in silent and len(silent) < len(behind):
            yield _begun(FEED, feed, float(newest[feed]), at)
        elif known is not None:
            hollow, back = _back(known, told.get(feed, {}))
            back = newest[feed] if hollow is None and seconds <= width else back
            if back is not None:
                yield replace(_next(known, at), state="retracted", ended_at=max(back - width, known.started_at))
            elif hollow != known.ended_at:
                yield replace(_next(known, at), ended_at=hollow)


def _given_up(book: Book, newest: Mapping[str, int], at: float, settings: Settings) -> Iterator[Fall]:
    """Outages of feeds that have stopped for too long: unknown is not down. Their shards say so when they are back."""
    patience, feeds = float(settings.worker.expire_after), settings.feeds
    steady = [name for name in newest if _is_steady(name, settings) and not feeds[name].silence_is_zero]
    mute = {name for name in steady if at - newest[name] > patience + settings.stalled_after(name)}
    for incident in book.incidents.values() if mute else ():
        for fall in incident.falls.values():
            if fall.feed in mute and fall.running and fall.is_of_series:
                yield replace(_next(fall, at), state="expired" if fall.confirmed else "retracted")


def _back(known: Fall, bins: Mapping[int, Bin]) -> tuple[float | None, int | None]:
    """Return the end of the newest empty bin of a silence, and of the first bin with measurements after it.

    What was still open when the feed stopped is told when it is back, before the empty bins.
    """
    hollow, back = known.ended_at, None
    for end, its in sorted(bins.items()):
        if its.empty and end > known.started_at:
            hollow, back = max(end, hollow or end), None
        elif back is None and hollow is not None and end > hollow:
            back = end
    return hollow, back


def _is_steady(feed: str, settings: Settings) -> bool:
    """Whether a feed says something in every bin: of members that come and go there may be nothing to say."""
    return feed in settings.feeds and settings.feeds[feed].kind != "presence"


def _running(book: Book, feed: str, what: str) -> Fall | None:
    """The fall of that kind of a whole feed that was told and goes on."""
    falls = (fall for one in book.incidents.values() if one.fault == feed for fall in one.falls.values())
    return next((fall for fall in falls if fall.kind == what and fall.running), None)


def _next(known: Fall, at: float) -> Fall:
    return replace(known, revision=known.revision + 1, updated_at=at)


def _begun(what: str, feed: str, since: float, at: float, until: float | None = None) -> Fall:
    """The fall of a whole feed: nothing of it is an outage. While it runs, `ended_at` is the end of its newest bin."""
    return Fall(
        outage_id=f"{what}/{feed}/{since:.0f}",
        revision=1,
        state="suspected",
        entity=f"{what}/{feed}",
        country=None,
        region=None,
        facets=(),
        feed=feed,
        started_at=since,
        detected_at=at,
        updated_at=at,
        ended_at=until,
        expected=0.0,
        max_drop=LOST[what],
        drops=((since, LOST[what]),),
        evidence=0.0,
        held=True,
    )
