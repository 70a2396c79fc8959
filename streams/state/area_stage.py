"""The stage of the area sums: areas summed over all shards, with baselines and outages of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import UNSET, DecodeError

from detectors.rewound import NEVER, Rewound
from schemas.bin_report import BinReport
from schemas.measurement import FACETS
from schemas.outage import Outage
from schemas.partial import AreaSumPart, decode_partial
from streams.config.area_spec import Combination, combination
from streams.config.calendar import Calendar
from streams.config.reference_data import ReferenceData
from streams.config.settings import Settings
from streams.ingest.record_run import Run
from streams.pipeline import expected_levels
from streams.pipeline.areas.area_sums import Areas, Summed, patience_of
from streams.pipeline.areas.gathering import Gathering
from streams.pipeline.areas.partials import fits, place_of
from streams.pipeline.doubtful_series import doubts_of
from streams.pipeline.emitted import Emitted
from streams.pipeline.findings import AREAS
from streams.pipeline.outage_messages import outage_of
from streams.pipeline.shard import Scored
from streams.state.open_outages import OpenOutages
from streams.state.row_codec import Packed, pack, unpack
from streams.state.shard_restore import restore_summed
from streams.state.shard_rows import summed_rows
from streams.state.snapshot_store import Loaded
from streams.state.stage import Stage, refusal


class Site(NamedTuple):
    """One combination of a feed: the parts that wait for other shards, and the areas."""

    feed: str
    name: str
    gathering: Gathering
    areas: Areas

    @property
    def summed(self) -> Summed:
        """The areas of the combination."""
        return self.areas.summed[self.name]

    @property
    def folder(self) -> str:
        """The prefix of the combination's rows."""
        return f"{self.feed}/{self.name}/"


class AreaStage(Stage):
    """The combinations that have their place in one partition of the area sums; each closes its bins independently.

    Their outages are those that `ebbtide detect` finds in all measurements, however these are spread over partitions.
    """

    topic, folder = "partials", "areas:"

    def _begin(self, reference: ReferenceData) -> None:
        sites = _sites(self.settings, self.number, reference.calendar)
        self.sites = {(site.feed, site.name): site for site in sites}
        self.rewound: dict[str, Rewound] = {}  # by folder
        self.open_outages = OpenOutages()
        self._unusable: frozenset[str] = frozenset()

    def process(self, records: Run, now: float) -> Emitted:
        """Apply parts of areas and return reports of the bins that all shards have reported."""
        emitted, fresh = Emitted(), self._fresh(records)
        for value, offset in zip(fresh.values, fresh.offsets, strict=True):
            try:
                self._put(decode_partial(value), value or b"", emitted)
            except (DecodeError, TypeError, ValueError) as error:
                emitted.unreadable.append(refusal(self.number, offset, "partial", error))
        if self.closed_at is None and any(site.summed.closings for site in self.sites.values()):
            self.closed_at = now
        self.open_outages.note(emitted.outages)
        return emitted

    def scored(self) -> Iterator[Scored]:
        """Yield the areas and the detector of each combination."""
        return ((site.feed, site.summed.index, site.summed.detector) for site in self.sites.values())

    def series(self, feed: str) -> int:
        """Return how many areas of a feed this stage has."""
        return sum(len(site.summed.index.by_series) for site in self._of(feed))

    def left_out(self, feed: str) -> int:
        """Return how many areas of a feed have no place, as there are as many as the limit allows."""
        return sum(site.summed.left_out for site in self._of(feed))

    def used(self, feed: str) -> float:
        """Return the share of the limit of areas that is in use by the combination that has most here."""
        return max((len(site.summed.index.by_series) / site.summed.most for site in self._of(feed)), default=0.0)

    def waiting(self, feed: str) -> int:
        """Return how many bins of a feed wait for a shard."""
        return max((len(site.gathering.waiting) for site in self._of(feed)), default=0)

    def _of(self, feed: str) -> list[Site]:
        return [site for site in self.sites.values() if site.feed == feed]

    def _put(self, piece: AreaSumPart, message: bytes, emitted: Emitted) -> None:
        """Apply one message, unless it was written under other settings."""
        site, rules = self.sites.get((piece.feed, piece.areas)), self.settings.feeds.get(piece.feed)
        shards = range(self.settings.kafka.partitions)
        if site is None or rules is None or (piece.kind, piece.bin) != (rules.kind, int(rules.bin)):
            return
        if not fits(piece, shards):
            return
        if site.gathering.is_void(piece):
            emitted.counts["partials_late", piece.feed] += 1
            return
        closed, false_from = site.areas.closed, piece.false_from or piece.start
        if site.gathering.go_back(piece) and closed is not None and closed >= false_from:
            emitted.bin_reports.append(self._go_back(site, closed, piece.start, false_from))
        if not site.gathering.put(piece, message, site.areas.closed):
            emitted.counts["partials_late", piece.feed] += 1
        for start in site.gathering.ready(shards):
            emitted.bin_reports.append(self._close(site, start))

    def _go_back(self, site: Site, closed: int, start: int, false_from: int) -> BinReport:
        """Go back to the bin of this start, as the time of a shard was false; all outages end.

        Where other shards kept areas from being ahead, only what opened in false bins ends.
        """
        rules, rule = self.settings.feeds[site.feed], self.settings.time_rule(site.feed)
        before, due = self.rewound_of(site), closed + rule.width
        self.rewound[site.folder] = Rewound(before.times + 1, max(before.until, due), false_from)
        if start < due:
            changes = site.areas.go_back(start, false_from)
            site.gathering.begin_anew(start, rule.max_step + rule.lateness)
        else:
            start, changes = due, site.areas.withdraw(due, false_from)
        return BinReport(
            reporter=AREAS.format(site.name),
            feed=site.feed,
            end=start,
            empty=True,
            outages=[outage_of(site.feed, rules.signal, *found, before.again(found[1].opened)) for found in changes],
            rewound=self.rewound[site.folder].times,
        )

    def rewound_of(self, site: Site) -> Rewound:
        """Return how the time of a combination's areas has gone back."""
        return self.rewound.get(site.folder, NEVER)

    def _close(self, site: Site, start: int) -> BinReport:
        """Close a bin that all shards have reported."""
        rewound = self.rewound_of(site)
        rules, end = self.settings.feeds[site.feed], start + int(self.settings.feeds[site.feed].bin)
        parts = site.gathering.pop(start)
        changes, index, detector = site.areas.close(parts), site.summed.index, site.summed.detector
        due = expected_levels.is_due(start, end, [detector])
        return BinReport(
            reporter=AREAS.format(site.name),
            feed=site.feed,
            end=end,
            empty=not any(part.spoke for part in parts),
            outages=[outage_of(site.feed, rules.signal, *found, rewound.again(found[1].opened)) for found in changes],
            levels=expected_levels.levels_of([(index, detector)]) if due else None,
            doubts=doubts_of([(index, detector)]),
            rewound=rewound.times or UNSET,
        )

    def _head(self) -> dict[str, Any]:
        return {"sites": {site.folder: self._site_head(site) for site in self.sites.values()}}

    def _site_head(self, site: Site) -> dict[str, Any]:
        return {
            **_measure(self.settings, site.feed),
            "closed": site.areas.closed,
            "silent_since": site.areas.silent_since,
            "scalars": site.summed.detector.scalars,
            "heard": sorted(site.gathering.reported.items()),
            "empty": sorted(site.gathering.empty.items()),
            **self._rewound(site),
        }

    def _rewound(self, site: Site) -> dict[str, Any]:
        """Return what is known of times that went back, where any has."""
        gathering = site.gathering
        if not gathering.rewound:
            return {}
        of_shards = {"shards": sorted(gathering.rewound.items()), "ahead": sorted(gathering.ahead)}
        own = list(self.rewound_of(site))
        return {"rewound": {**of_shards, "patience": gathering.patience, "own": own}}

    def _rows(self) -> dict[str, bytes]:
        rows = {"running": self.open_outages.row()}
        for site in self.sites.values():
            rows |= {f"{site.folder}{name}": row for name, row in summed_rows(site.summed)}
            for start in sorted(site.gathering.changed):
                rows[f"{site.folder}waiting/{start}"] = _waiting_row(site.gathering.waiting[start])
            site.gathering.changed.clear()
        return rows

    def _gone(self) -> frozenset[str]:
        unusable, self._unusable = self._unusable, frozenset()
        kept = {f"{site.folder}waiting/{start}" for site in self.sites.values() for start in site.gathering.waiting}
        return unusable | {name for name in self.store.places if "/waiting/" in name and name not in kept}

    def _restore(self, loaded: Loaded) -> None:
        heads: Mapping[str, Any] = loaded.values["sites"]
        same = [site for site in self.sites.values() if self._is_same(site, heads.get(site.folder))]
        for site in same:
            rows = {
                name.removeprefix(site.folder): row for name, row in loaded.rows.items() if name.startswith(site.folder)
            }
            _restore_site(site, heads[site.folder], {name: unpack(row) for name, row in rows.items()})
            if (rewound := heads[site.folder].get("rewound")) is not None:
                site.gathering.rewound, site.gathering.ahead = dict(rewound["shards"]), set(rewound["ahead"])
                site.gathering.patience = rewound["patience"]
                self.rewound[site.folder] = Rewound(*rewound["own"])
        kept = tuple(site.folder for site in same)
        self._unusable = frozenset(name for name in loaded.rows if "/" in name and not name.startswith(kept))
        self.open_outages.restore(loaded.rows["running"], _of_any(same))

    def _is_same(self, site: Site, head: Mapping[str, Any] | None) -> bool:
        """Return whether a snapshot of a combination means the same under the present settings."""
        measure = _measure(self.settings, site.feed)
        return head is not None and {key: head.get(key) for key in measure} == measure


def _sites(settings: Settings, number: int, calendar: Calendar) -> list[Site]:
    """Return the combinations that have their place in this partition."""
    return [
        Site(feed, areas.name, Gathering(), Areas(settings.rule(feed), patience_of(settings, feed), (areas,), calendar))
        for feed, rules in settings.feeds.items()
        for areas in map(combination, rules.areas)
        if place_of(feed, areas.name, settings.kafka.partitions) == number
    ]


def _measure(settings: Settings, feed: str) -> dict[str, Any]:
    return {"kind": settings.feeds[feed].kind, "width": int(settings.feeds[feed].bin)}


def _waiting_row(shards: Mapping[int, Mapping[int, bytes]]) -> bytes:
    messages = [
        [shard, number, message.decode()]
        for shard, pieces in sorted(shards.items())
        for number, message in sorted(pieces.items())
    ]
    return pack({"messages": messages}, {})


def _restore_site(site: Site, head: Mapping[str, Any], rows: Mapping[str, Packed]) -> None:
    site.areas.closed, site.areas.silent_since = head["closed"], head["silent_since"]
    restore_summed(site.summed, rows, head["scalars"])
    gathering = site.gathering
    gathering.reported, gathering.empty = dict(head["heard"]), dict(head["empty"])
    for start, row in (
        (int(name.rpartition("/")[2]), row) for name, row in rows.items() if name.startswith("waiting/")
    ):
        for shard, number, message in row.values["messages"]:
            gathering.waiting.setdefault(start, {}).setdefault(shard, {})[number] = message.encode()


def _of_any(sites: Sequence[Site]) -> Callable[[Outage], bool]:
    """Return a predicate: whether an outage is of one of these combinations."""
    names = {(site.feed, site.name) for site in sites}

    def is_of_any(outage: Outage) -> bool:
        facets = tuple(name for name in FACETS if name in outage.facets)
        return (outage.feed, Combination(outage.entity.partition("/")[0], facets).name) in names

    return is_of_any
