"""One partition in a worker: its shard, its snapshots, and the clock that it may follow. Knows nothing of Faust."""

from __future__ import annotations

from collections import Counter
from collections.abc import MutableMapping, Sequence
from typing import Any

from msgspec import convert, to_builtins

from detectors.observed import Floats
from schemas.outage import RUNNING, Outage
from streams import snapshot
from streams.intake import Taken, Tally, take
from streams.known import Known
from streams.packing import pack, unpack
from streams.restore import restore
from streams.settings import Settings
from streams.shard import Closed, Shard, outages_of
from streams.stage import Stage
from streams.store import Loaded

Totals = Counter[tuple[str, str]]


class Partition(Stage):
    """State of one partition of the measurements."""

    topic, folder = "measurements", ""

    def __init__(
        self,
        settings: Settings,
        number: int,
        table: MutableMapping[bytes, bytes],
        now: float,
        known: Known | None = None,
    ) -> None:
        super().__init__(settings, number, table, now)
        self.shard = Shard(settings, known=known or Known())
        self.shard.tell_levels()
        self.tally = Tally()
        self.heard: dict[str, float] = {}
        self.spoke: dict[str, set[int]] = {}  # bins not closed yet in which a feed was heard
        self.quiet_since = now
        self.running: dict[str, Outage] = {}  # newest revision of each outage that has not ended
        self.useless: frozenset[str] = frozenset()  # rows of the snapshot that the settings of now have no use for
        self.load()

    def take(
        self,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        offsets: Sequence[int],
        received: Sequence[float] | Floats,
        now: float,
    ) -> Taken:
        """Apply messages, in order of offsets, and return what came of them; what the state includes is skipped."""
        self.quiet_since = now
        skip = self._skip(offsets)
        self.tally.skipped += skip
        if skip == len(offsets):
            return Taken([], [])
        if skip:
            values, keys, offsets, received = values[skip:], keys[skip:], offsets[skip:], received[skip:]
        taken = take(self.shard, self.tally, values, offsets, received, _not_utf8(keys))
        self._note(taken.outages, now)
        return taken

    def totals(self) -> Totals:
        """Return what has been counted so far, by name and label."""
        found: Totals = Counter({("received", ""): self.tally.received, ("skipped", ""): self.tally.skipped})
        found.update({("dead", reason): count for reason, count in self.tally.dead.items()})
        for feed, counts in self.shard.counts.items():
            found.update({("binned", feed): counts.binned, ("late", feed): counts.late})
        return found

    def hear(self, feed: str, newest: float) -> None:
        """Note how far a feed has come elsewhere, and that it spoke in that bin. One never seen here has no silence."""
        mark = self.shard.feeds[feed].watermark if feed in self.shard.feeds else None
        if mark is None or mark.newest is None:
            return
        width, known = int(self.settings.feeds[feed].bin), self.spoke.get(feed, set())
        start = int(newest // width * width)
        self.unsaved |= start not in known and start >= mark.next_close
        self.heard[feed] = max(newest, self.heard.get(feed, newest))
        self.spoke[feed] = {start for start in {*known, start} if start >= mark.next_close}

    def follow(self, lag: int | None, now: float) -> list[Closed]:
        """Follow what was heard, if this partition was read to its end and has been idle for long enough.

        Return the bins that closed by that, in the order of their ends, as if the feeds had come side by side.
        """
        if not self.may_follow(lag, now):
            return []
        behind = [(feed, newest) for feed, newest in sorted(self.heard.items()) if self._is_behind(feed)]
        self.unsaved = True
        outputs = [self.shard.advance(feed, newest, self.spoke[feed]) for feed, newest in behind]
        closed = sorted((one for output in outputs for one in output.closed), key=lambda one: one.end)
        self._note(outages_of(closed), now)
        return closed

    def _note(self, outages: list[Outage], now: float) -> None:
        if self.closed_at is None and any(feed.closings for feed in self.shard.feeds.values()):
            self.closed_at = now
        self._note_running(outages)

    def _note_running(self, outages: list[Outage]) -> None:
        for outage in outages:
            if outage.state in RUNNING:
                self.running[outage.outage_id] = outage
            else:
                self.running.pop(outage.outage_id, None)

    def _knows(self, feed: str) -> bool:
        """Whether the feed's state was restored: outages of one that starts anew will never end."""
        return feed in self.shard.feeds and len(self.shard.feeds[feed].index) > 0

    def watch(self, lag: int | None, now: float) -> None:
        """Hear once in a while how much is unread: time in which that was something, or not known, is not idle."""
        if lag != 0:
            self.quiet_since = now

    def may_follow(self, lag: int | None, now: float) -> bool:
        """Whether the clock of the feeds decides here: read to the end, idle, and behind what was heard."""
        idle = now - self.quiet_since >= self.settings.worker.idle_after
        return lag == 0 and idle and any(self._is_behind(feed) for feed in self.heard)

    def _is_behind(self, feed: str) -> bool:
        newest = self.shard.newest().get(feed)
        return newest is not None and newest < self.heard[feed]

    def _rows(self) -> dict[str, bytes]:
        running = pack({"outages": [to_builtins(outage) for outage in self.running.values()]}, {})
        return {**snapshot.dump(self.shard), "running": running}

    def _gone(self) -> frozenset[str]:
        useless, self.useless = self.useless, frozenset()
        return snapshot.gone(self.shard, self.store.places) | useless

    def _head(self) -> dict[str, Any]:
        tally = {"received": self.tally.received, "skipped": self.tally.skipped, "dead": dict(self.tally.dead)}
        spoke = {feed: sorted(starts) for feed, starts in self.spoke.items()}
        return {"tally": tally, "heard": self.heard, "spoke": spoke, **snapshot.heads(self.shard)}

    def _fill(self, loaded: Loaded) -> None:
        self.useless = restore(self.shard, loaded.values, loaded.rows)
        running = [convert(outage, Outage) for outage in unpack(loaded.rows["running"]).values["outages"]]
        self._note_running([outage for outage in running if self._knows(outage.feed)])
        self.heard.update(loaded.values.get("heard", {}))
        self.spoke.update({feed: set(starts) for feed, starts in loaded.values.get("spoke", {}).items()})
        tally = loaded.values["tally"]
        self.tally.received, self.tally.skipped = tally["received"], tally["skipped"]
        self.tally.dead.update(tally["dead"])


def _not_utf8(keys: Sequence[bytes | None]) -> list[int]:
    """Return the indices of keys that are not UTF-8."""
    if b"".join(filter(None, keys)).isascii():
        return []
    return [index for index, key in enumerate(keys) if not _is_utf8(key or b"")]


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
