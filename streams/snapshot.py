"""A shard as named rows of bytes, split by how often they change; `streams.restore` reads them.

Of each feed: `series` (who has which row), `seen` (when each was measured), `open` (bins not closed yet), `members`
(who is up), `held` (measurements in doubt), `hot` (columns that change when bins close), `ongoing` (outages that have
not ended), `slot` (one hour of the week of the seasonal profile). A row holds at most `CHUNK` series, so that a change
of one writes little.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np
from msgspec import to_builtins

from detectors.bins import Bin
from detectors.doubt import Claim
from detectors.presence import Members
from schemas.measurement import Measurement
from streams.batch import Origin
from streams.feed import Feed
from streams.packing import pack
from streams.shard import Shard

CHUNK = 4096
SLOT_CHUNK = 65_536
_TIME = itemgetter(2)  # of an event: late ones are held with those of a bin that came before and after them
Rows = Iterator[tuple[str, bytes]]
Led = TypeVar("Led", bound=tuple[Any, ...])


def dump(shard: Shard, *, whole: bool = False) -> dict[str, bytes]:
    """Return the rows that may have changed since the last call, or all of them. The next call counts from this one."""
    return {f"{name}/{row}": content for name, feed in shard.feeds.items() for row, content in _feed_rows(feed, whole)}


def heads(shard: Shard) -> dict[str, Any]:
    """Return the small values of a shard, which change with every batch."""
    return {
        "counts": {name: asdict(counts) for name, counts in shard.counts.items()},
        "feeds": {name: _head(feed) for name, feed in shard.feeds.items()},
    }


def gone(shard: Shard, names: Iterable[str]) -> frozenset[str]:
    """Return those of the names that are bins which have closed since, or of feeds that are not in the settings."""
    kept = {f"{name}/open/{start}" for name, feed in shard.feeds.items() for start in feed.bins.bins}
    closed = {name for name in names if "/open/" in name and name.rpartition("/")[0] not in kept}
    return frozenset(closed | {name for name in names if "/" in name and name.partition("/")[0] not in shard.feeds})


def _head(feed: Feed) -> dict[str, Any]:
    return {
        "kind": feed.rules.detector.kind,
        "width": feed.rules.time.width,
        "newest": feed.watermark.newest,
        "next_close": feed.watermark.next_close,
        "active": feed.active,
        "silent_since": feed.silent_since,
        "scalars": feed.detector.scalars,
    }


def _held(claim: Claim[tuple[Measurement, Origin]]) -> dict[str, Any]:
    measurement, origin = claim.item
    payload = base64.b64encode(origin.payload).decode()
    return {"measurement": to_builtins(measurement), "offset": origin.offset, "payload": payload}


def _feed_rows(feed: Feed, whole: bool) -> Rows:
    feed.detector.grow(len(feed.index) - feed.detector.rows)
    yield from _series_rows(feed, whole)
    yield from _seen_rows(feed)
    for start, opened in feed.bins.bins.items():
        yield from _open_rows(start, opened, len(feed.index))
    yield "held", pack({"held": [_held(claim) for claim in feed.doubt.held]}, {})
    if feed.rules.detector.kind == "presence":
        yield from _member_rows(feed.members, len(feed.index))
    dirty = feed.detector.dirty_slots() if feed.closings else ()
    if feed.closings or whole:
        ongoing = {str(row): asdict(outage) for row, outage in sorted(feed.detector.ongoing.items())}
        yield "ongoing", pack(ongoing, {})
        yield from _hot_rows(feed)
        yield from _slot_rows(feed, range(feed.detector.slots.shape[1]) if whole or feed.forgot else dirty)
    feed.closings, feed.forgot = 0, False


def _spans(rows: int, chunk: int = CHUNK) -> Iterator[tuple[int, int, int]]:
    """Yield the number, first row and end of each chunk."""
    for number, at in enumerate(range(0, rows, chunk)):
        yield number, at, min(at + chunk, rows)


def _series_rows(feed: Feed, whole: bool) -> Rows:
    index = feed.index
    changed = {row // CHUNK for row in index.changed}
    for number, at, end in _spans(len(index)):
        if whole or number in changed:
            yield f"series/{number}", pack({"rows": [s and list(s) for s in index.rows[at:end]]}, {})
    if whole or changed:
        yield "free", pack({"free": index.free}, {})
    index.changed.clear()


def _seen_rows(feed: Feed) -> Rows:
    for number, at, end in _spans(len(feed.index)):
        columns = {"born": feed.index.born[at:end], "last_seen": feed.index.last_seen[at:end]}
        yield f"seen/{number}", pack({}, columns)


def _open_rows(start: int, opened: Bin, rows: int) -> Rows:
    opened.grow(rows)
    members = _by_chunk(sorted(opened.members))
    for number, at, end in _spans(rows):
        rowed = at + np.flatnonzero(opened.seen[at:end])
        numbers = {"value": opened.value[rowed], "size": opened.size[rowed], "last": opened.last[rowed]}
        yield f"open/{start}/{number}", pack({"members": members[number]}, {"row": rowed.astype(np.int32), **numbers})


def _member_rows(members: Members, rows: int) -> Rows:
    held = [(start, event) for start, events in sorted(members.events.items()) for event in sorted(events, key=_TIME)]
    events = _by_chunk((*event, start) for start, event in held)
    for number, at, end in _spans(rows):
        since = [[row, sorted(members.since[row].items())] for row in range(at, end) if row in members.since]
        yield f"members/{number}", pack({"since": since, "events": events[number]}, {})


def _by_chunk(those: Iterable[Led]) -> defaultdict[int, list[Led]]:
    """Return tuples that start with a row by the number of its chunk, in order."""
    chunks: defaultdict[int, list[Led]] = defaultdict(list)
    for one in those:
        chunks[one[0] // CHUNK].append(one)
    return chunks


def _hot_rows(feed: Feed) -> Rows:
    for number, at, end in _spans(feed.detector.rows):
        yield f"hot/{number}", pack({}, {name: column[at:end] for name, column in feed.detector.hot.items()})


def _slot_rows(feed: Feed, slots: Iterable[int]) -> Rows:
    for slot in slots:
        for number, at, end in _spans(feed.detector.rows, SLOT_CHUNK):
            yield f"slot/{slot}/{number}", pack({}, {"profile": feed.detector.slots[at:end, slot]})
