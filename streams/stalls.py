"""Feeds that have stopped while others go on: a fault of the feed, from its last bin until it is in step again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from detectors.incident import FEED, Book, Fall
from streams.settings import Settings


def stalls(book: Book, newest: Mapping[str, int], at: float, settings: Settings) -> Iterator[Fall]:
    """Yield what is new at an instant. `newest`: end of the newest bin of each feed that was ever heard."""
    behind = {feed: at - end for feed, end in newest.items() if _is_steady(feed, settings)}
    silent = {feed for feed, seconds in behind.items() if seconds > settings.stalled_after(feed)}
    for feed, seconds in sorted(behind.items()):
        known, width = _known(book, feed), float(settings.feeds[feed].bin)
        if known is None and feed in silent and len(silent) < len(behind):
            yield _begun(feed, float(newest[feed]), at)
        elif known is not None and seconds <= width:
            back = max(newest[feed] - width, known.started_at)
            yield replace(known, revision=known.revision + 1, state="retracted", updated_at=at, ended_at=back)


def _is_steady(feed: str, settings: Settings) -> bool:
    """Whether a feed says something in every bin: of members that come and go there may be nothing to say."""
    return feed in settings.feeds and settings.feeds[feed].kind != "presence"


def _known(book: Book, feed: str) -> Fall | None:
    """The silence of a feed that was told and goes on."""
    falls = (fall for one in book.incidents.values() if one.fault == feed for fall in one.falls.values())
    return next((fall for fall in falls if fall.kind == FEED and fall.running), None)


def _begun(feed: str, since: float, at: float) -> Fall:
    """The fall of a whole feed: nothing of it is an outage."""
    return Fall(
        outage_id=f"{FEED}/{feed}/{since:.0f}",
        revision=1,
        state="suspected",
        entity=f"{FEED}/{feed}",
        country=None,
        region=None,
        facets=(),
        feed=feed,
        started_at=since,
        detected_at=at,
        updated_at=at,
        ended_at=None,
        expected=0.0,
        max_drop=1.0,
        drops=((since, 1.0),),
        evidence=0.0,
        held=True,
    )
