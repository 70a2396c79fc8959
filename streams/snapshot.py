"""A shard as named rows of bytes, split by how often they change; `streams.restore` reads them.

Of each feed: `series` (who has which row), `seen` (when each was measured), `open` (bins not closed yet), `members`
(who is up), `hot` (columns that change when bins close), `slot` (one hour of the week of the seasonal profile). A row
holds at most `CHUNK` series, so that it stays far below the message limit of a broker.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

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
Rows = Iterator[tuple[str, bytes]]


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
    """Return those of the names that are bins which have closed since."""
    kept = {f"{name}/open/{start}" for name, feed in shard.feeds.items() for start in feed.bins.bins}
    return frozenset(name for name in names if "/open/" in name and name.rpartition("/")[0] not in kept)


def _head(feed: Feed) -> dict[str, Any]:
    return {
        "newest": feed.watermark.newest,
        "next_close": feed.watermark.next_close,
        "active": feed.active,
        "silent_since": feed.silent_since,
        "held": [_held(claim) for claim in feed.doubt.held],
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
    if feed.rules.detector.kind == "presence":
        yield from _member_rows(feed.members, len(feed.index))
    dirty = feed.detector.dirty_slots() if feed.closings else []
    if feed.closings or whole:
        ongoing = {str(row): asdict(outage) for row, outage in sorted(feed.detector.ongoing.items())}
        yield "ongoing", pack(ongoing, {})
        yield from _hot_rows(feed)
        yield from _slot_rows(feed, range(feed.detector.slots.shape[1]) if whole else dirty)
    feed.closings = 0


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
    for number, at, end in _spans(rows):
        rowed = at + np.flatnonzero(opened.seen[at:end])
        members = sorted([row, member] for row, member in opened.members if at <= row < end)
        numbers = {"value": opened.value[rowed], "size": opened.size[rowed], "last": opened.last[rowed]}
        yield f"open/{start}/{number}", pack({"members": members}, {"row": rowed.astype(np.int32), **numbers})


def _member_rows(members: Members, rows: int) -> Rows:
    for number, at, end in _spans(rows):
        since = [[row, sorted(members.since[row].items())] for row in range(at, end) if row in members.since]
        events = [[start, e] for start, events in sorted(members.events.items()) for e in events if at <= e[0] < end]
        yield f"members/{number}", pack({"since": since, "events": events}, {})


def _hot_rows(feed: Feed) -> Rows:
    for number, at, end in _spans(feed.detector.rows):
        yield f"hot/{number}", pack({}, {name: column[at:end] for name, column in feed.detector.hot.items()})


def _slot_rows(feed: Feed, slots: Iterable[int]) -> Rows:
    for slot in slots:
        for number, at, end in _spans(feed.detector.rows, SLOT_CHUNK):
            yield f"slot/{slot}/{number}", pack({}, {"profile": feed.detector.slots[at:end, slot]})
