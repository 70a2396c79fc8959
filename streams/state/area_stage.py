"""One partition of the partials in a worker: areas summed over all shards, with baselines and outages of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import DecodeError

from schemas.outage import Outage
from schemas.partial import Piece, decode_partial
from schemas.rejections import one_line
from streams.config.area_spec import Combination, combination
from streams.config.calendar import Calendar
from streams.config.reference_data import ReferenceData
from streams.config.settings import Settings
from streams.ingest.series_index import FACETS
from streams.pipeline import expected_levels
from streams.pipeline.areas.area_sums import Areas, Patience, Summed
from streams.pipeline.areas.gathering import Gathering
from streams.pipeline.areas.partials import fits, place_of
from streams.pipeline.findings import AREAS
from streams.pipeline.outage_messages import outage_of
from streams.pipeline.shard import Closed, Scored, outages_of
from streams.state.open_outages import OpenOutages
from streams.state.row_codec import Packed, pack, unpack
from streams.state.shard_restore import restore_summed
from streams.state.shard_rows import summed_rows
from streams.state.snapshot_store import Loaded
from streams.state.stage import Stage


class Told(NamedTuple):
    """What came of some partials: bins that closed, in order, each with who reports it; how many were late, by feed;
    and a line on each message that is none.
    """

    closed: list[tuple[str, Closed]]
    late: Counter[str]
    bad: list[str]


class Site(NamedTuple):
    """One combination of a feed: what is gathered of it, and its areas."""

    feed: str
    name: str
    gathering: Gathering
    areas: Areas

    @property
    def summed(self) -> Summed:
        """Its areas themselves."""
        return self.areas.summed[self.name]

    @property
    def folder(self) -> str:
        """What its rows begin with."""
        return f"{self.feed}/{self.name}/"


class AreaStage(Stage):
    """The combinations that have their place in one partition of the partials; each closes its bins by itself.

    Their outages are those that `ebbtide detect` finds on all measurements at once, however these are spread.
    """

    topic, folder = "partials", "areas:"

    def _begin(self, reference: ReferenceData) -> None:
        sites = _sites(self.settings, self.number, reference.calendar)
        self.sites = {(site.feed, site.name): site for site in sites}
        self.running = OpenOutages()
        self._useless: frozenset[str] = frozenset()

    def take(self, values: Sequence[bytes | None], offsets: Sequence[int], now: float) -> Told:
        """Take messages, in order of offsets, and return what came of them; what the state includes is skipped."""
        told, skip = Told([], Counter(), []), self._skip(offsets)
        for value, offset in zip(values[skip:], offsets[skip:], strict=True):
            try:
                self._put(decode_partial(value), value or b"", told)
            except (DecodeError, TypeError, ValueError) as error:
                told.bad.append(f"partition {self.number}, offset {offset}: not a partial: {one_line(str(error))}")
        if self.closed_at is None and any(site.summed.closings for site in self.sites.values()):
            self.closed_at = now
        self.running.note(outages_of(closed for _, closed in told.closed))
        return told

    def scored(self) -> Iterator[Scored]:
        """Yield what has series with a detector."""
        return ((site.feed, site.summed.index, site.summed.detector) for site in self.sites.values())

    def series(self, feed: str) -> int:
        """Return how many areas of a feed there are here."""
        return sum(len(site.summed.index.by_series) for site in self._of(feed))

    def waiting(self, feed: str) -> int:
        """Return how many bins of a feed wait here for a shard."""
        return max((len(site.gathering.waiting) for site in self._of(feed)), default=0)

    def _of(self, feed: str) -> list[Site]:
        return [site for site in self.sites.values() if site.feed == feed]

    def _put(self, piece: Piece, message: bytes, told: Told) -> None:
        """Take one message; what is of other settings than those of now is left out."""
        site, its = self.sites.get((piece.feed, piece.areas)), self.settings.feeds.get(piece.feed)
        shards = range(self.settings.kafka.partitions)
        if (
            site is None
            or its is None
            or (piece.kind, piece.bin) != (its.kind, int(its.bin))
            or not fits(piece, shards)
        ):
            return
        if not site.gathering.put(piece, message, site.areas.closed):
            told.late[piece.feed] += 1
        for start in site.gathering.ready(shards):
            told.closed.append((AREAS.format(site.name), self._close(site, start)))

    def _close(self, site: Site, start: int) -> Closed:
        """Close a bin of which all shards have told."""
        its, end = self.settings.feeds[site.feed], start + int(self.settings.feeds[site.feed].bin)
        parts = site.gathering.pop(start)
        found, empty = site.areas.close(parts), not any(part.spoke for part in parts)
        outages = [outage_of(site.feed, its.signal, series, change) for series, change in found]
        index, detector = site.summed.index, site.summed.detector
        due = expected_levels.is_due(start, end, [detector])
        return Closed(
            site.feed, end, outages, expected_levels.levels_of([(index, detector)]) if due else None, empty=empty
        )

    def _head(self) -> dict[str, Any]:
        return {"sites": {site.folder: self._site_head(site) for site in self.sites.values()}}

    def _site_head(self, site: Site) -> dict[str, Any]:
        return {
            **_measure(self.settings, site.feed),
            "closed": site.areas.closed,
            "silent_since": site.areas.silent_since,
            "scalars": site.summed.detector.scalars,
            "heard": sorted(site.gathering.heard.items()),
            "empty": sorted(site.gathering.empty.items()),
        }

    def _rows(self) -> dict[str, bytes]:
        rows = {"running": self.running.row()}
        for site in self.sites.values():
            rows |= {f"{site.folder}{name}": row for name, row in summed_rows(site.summed)}
            for start in sorted(site.gathering.changed):
                rows[f"{site.folder}waiting/{start}"] = _waiting_row(site.gathering.waiting[start])
            site.gathering.changed.clear()
        return rows

    def _gone(self) -> frozenset[str]:
        useless, self._useless = self._useless, frozenset()
        kept = {f"{site.folder}waiting/{start}" for site in self.sites.values() for start in site.gathering.waiting}
        return useless | {name for name in self.store.places if "/waiting/" in name and name not in kept}

    def _fill(self, loaded: Loaded) -> None:
        heads: Mapping[str, Any] = loaded.values["sites"]
        known = [site for site in self.sites.values() if self._is_same(site, heads.get(site.folder))]
        for site in known:
            rows = {
                name.removeprefix(site.folder): row for name, row in loaded.rows.items() if name.startswith(site.folder)
            }
            _fill_site(site, heads[site.folder], {name: unpack(row) for name, row in rows.items()})
        kept = tuple(site.folder for site in known)
        self._useless = frozenset(name for name in loaded.rows if "/" in name and not name.startswith(kept))
        self.running.fill(loaded.rows["running"], _of_any(known))

    def _is_same(self, site: Site, head: Mapping[str, Any] | None) -> bool:
        """Whether a snapshot of a combination means the same under the settings of now."""
        its = _measure(self.settings, site.feed)
        return head is not None and {key: head.get(key) for key in its} == its


def _sites(settings: Settings, number: int, calendar: Calendar) -> list[Site]:
    """Return the combinations that have their place in this partition."""
    patience = Patience(float(settings.worker.forget_after), float(settings.worker.expire_after))
    return [
        Site(feed, one.name, Gathering(), Areas(settings.rule(feed), patience, (one,), calendar))
        for feed, its in settings.feeds.items()
        for one in map(combination, its.areas)
        if place_of(feed, one.name, settings.kafka.partitions) == number
    ]


def _measure(settings: Settings, feed: str) -> dict[str, Any]:
    return {"kind": settings.feeds[feed].kind, "width": int(settings.feeds[feed].bin)}


def _waiting_row(shards: Mapping[int, Mapping[int, bytes]]) -> bytes:
    found = [
        [shard, at, message.decode()] for shard, its in sorted(shards.items()) for at, message in sorted(its.items())
    ]
    return pack({"messages": found}, {})


def _fill_site(site: Site, head: Mapping[str, Any], rows: Mapping[str, Packed]) -> None:
    site.areas.closed, site.areas.silent_since = head["closed"], head["silent_since"]
    restore_summed(site.summed, rows, head["scalars"])
    gathering = site.gathering
    gathering.heard, gathering.empty = dict(head["heard"]), dict(head["empty"])
    for start, row in (
        (int(name.rpartition("/")[2]), row) for name, row in rows.items() if name.startswith("waiting/")
    ):
        for shard, at, message in row.values["messages"]:
            gathering.waiting.setdefault(start, {}).setdefault(shard, {})[at] = message.encode()


def _of_any(sites: Sequence[Site]) -> Callable[[Outage], bool]:
    """Return what tells whether an outage is of one of these combinations."""
    names = {(site.feed, site.name) for site in sites}

    def knows(outage: Outage) -> bool:
        its = Combination(outage.entity.partition("/")[0], tuple(name for name in FACETS if name in outage.facets))
        return (outage.feed, its.name) in names

    return knows
