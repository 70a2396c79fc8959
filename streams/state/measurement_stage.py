"""One partition of the measurements in a worker: its shard, and the clock that it may follow. Knows no Faust."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from detectors.types import Floats
from schemas.outage import Outage
from schemas.partial import Piece
from streams.config.area_spec import combination
from streams.config.reference_data import ReferenceData
from streams.pipeline.areas.absence import Absence
from streams.pipeline.areas.cells import Partial
from streams.pipeline.areas.partials import Source, nothing, pieces_of
from streams.pipeline.process import Taken, Tally, take
from streams.pipeline.shard import Closed, Scored, Shard, outages_of
from streams.state import shard_rows
from streams.state.open_outages import OpenOutages
from streams.state.shard_restore import restore
from streams.state.snapshot_store import Loaded
from streams.state.stage import Stage

Totals = Counter[tuple[str, str]]


class MeasurementStage(Stage):
    """State of one partition of the measurements."""

    topic, folder = "measurements", ""

    def _begin(self, reference: ReferenceData) -> None:
        self.shard = Shard(self.settings, reference=reference, tells=self._tell)
        self.shard.tell_levels()
        self.tally = Tally()
        self.heard: dict[str, float] = {}
        self.spoke: dict[str, set[int]] = {}  # bins not closed yet in which a feed was heard
        self.quiet_since = self.last_saved
        self.running = OpenOutages()
        rules = {name: self.settings.time_rule(name) for name in self.settings.feeds}
        self.absence = Absence(rules, float(self.settings.worker.idle_after))
        self._pieces: list[Piece] = []
        self._silences: list[tuple[str, int]] = []
        self.useless: frozenset[str] = frozenset()  # rows of the snapshot that the settings of now have no use for

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

    def scored(self) -> Iterator[Scored]:
        """Yield what has series with a detector."""
        return self.shard.scored()

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
            self.absence.hear(feed, newest)
            return
        width, known = int(self.settings.feeds[feed].bin), self.spoke.get(feed, set())
        start = int(newest // width * width)
        self.unsaved |= start not in known and start >= mark.next_close
        self.heard[feed] = max(newest, self.heard.get(feed, newest))
        self.spoke[feed] = {start for start in {*known, start} if start >= mark.next_close}

    def follow(self, lag: int | None, now: float) -> list[Closed]:
        """Follow what was heard, if this partition was read to its end and has been idle for long enough.

        Return the bins that closed by that, in the order of their ends, as if the feeds had come side by side. Of feeds
        that it has no data of, it tells that it has none; for that it need not be idle.
        """
        self._tell_absence(lag, now)
        if not self._may_advance(lag, now):
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
        self.running.note(outages)

    def _knows(self, outage: Outage) -> bool:
        """Whether the state of the outage's feed was restored."""
        feed = self.shard.feeds.get(outage.feed)
        return feed is not None and len(feed.index) > 0

    def watch(self, lag: int | None, now: float) -> None:
        """Hear once in a while how much is unread: time in which that was something, or not known, is not idle."""
        if lag != 0:
            self.quiet_since = now

    def may_follow(self, lag: int | None, now: float) -> bool:
        """Whether `follow` has something to do."""
        return self._may_advance(lag, now) or bool(self.absence.due(self.shard.newest(), lag, now))

    def partials(self) -> list[Piece]:
        """Return what is to be told of areas, once."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def silences(self) -> list[tuple[str, int]]:
        """Return, once, the feeds of which to tell that there is nothing here, each up to the end of a bin."""
        silences, self._silences = self._silences, []
        return silences

    def _tell(self, feed: str, partial: Partial) -> None:
        self._pieces += pieces_of(self.source(feed), partial)

    def _tell_absence(self, lag: int | None, now: float) -> None:
        for feed, start in self.absence.due(self.shard.newest(), lag, now):
            names = [combination(text).name for text in self.settings.feeds[feed].areas]
            self._pieces += nothing(self.source(feed), names, start)
            self._silences.append((feed, start + int(self.settings.feeds[feed].bin)))
            self.absence.told[feed] = start
            self.unsaved = True

    def source(self, feed: str) -> Source:
        """Return whose partials it tells of a feed."""
        its = self.settings.feeds[feed]
        return Source(feed, its.kind, int(its.bin), self.number)

    def _may_advance(self, lag: int | None, now: float) -> bool:
        """Whether the clock of the feeds decides here: read to the end, idle, and behind what was heard."""
        idle = now - self.quiet_since >= self.settings.worker.idle_after
        return lag == 0 and idle and any(self._is_behind(feed) for feed in self.heard)

    def _is_behind(self, feed: str) -> bool:
        newest = self.shard.newest().get(feed)
        return newest is not None and newest < self.heard[feed]

    def _rows(self) -> dict[str, bytes]:
        return {**shard_rows.dump(self.shard), "running": self.running.row()}

    def _gone(self) -> frozenset[str]:
        useless, self.useless = self.useless, frozenset()
        return shard_rows.gone(self.shard, self.store.places) | useless

    def _head(self) -> dict[str, Any]:
        tally = {"received": self.tally.received, "skipped": self.tally.skipped, "dead": dict(self.tally.dead)}
        spoke = {feed: sorted(starts) for feed, starts in self.spoke.items()}
        clock = {"heard": self.heard, "spoke": spoke, "told": self.absence.told}
        return {"tally": tally, **clock, **shard_rows.heads(self.shard)}

    def _fill(self, loaded: Loaded) -> None:
        self.useless = restore(self.shard, loaded.values, loaded.rows)
        self.running.fill(loaded.rows["running"], self._knows)
        self.heard.update(loaded.values.get("heard", {}))
        self.spoke.update({feed: set(starts) for feed, starts in loaded.values.get("spoke", {}).items()})
        self.absence.told.update(loaded.values.get("told", {}))
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
