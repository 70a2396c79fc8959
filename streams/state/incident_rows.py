"""A grouping as named rows of bytes, and back.

`book`: when incidents began, and reports that wait. `incident/ROOT`: an incident that is not over, and the ids of the
outages that belong to it alone. `levels/REPORTER/FEED/END`: expected levels that came with a bin, written once. Small
values are in the head. Stored keys stay when an attribute gets another name: `INCIDENT_KEYS` and `OUTAGE_KEYS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf, isfinite
from typing import Any, TypeVar

import numpy as np
from msgspec import convert, to_builtins

from detectors.incidents.doubt_rates import DoubtRate, DoubtRates
from detectors.incidents.doubts import DoubtState, EndedRun
from detectors.incidents.fusion import Doubt, DoubtRun
from detectors.incidents.model import OutageRevision, TrackedIncident
from detectors.incidents.revision import UNCONFIRMED
from schemas.bin_report import CountryFalls
from streams.pipeline.expected_levels import Source, Table
from streams.pipeline.incidents.feed_faults import BinStatus
from streams.pipeline.incidents.grouping import Grouping, Instant
from streams.pipeline.incidents.whole_feeds import FeedVerdict, ShardFalls
from streams.state.row_codec import Packed, pack, unpack

T = TypeVar("T")
WaitingRows = list[tuple[float, dict[str, int], list[dict[str, Any]]]]
BinRows = list[tuple[float, str, int, bool, bool]]
FallRows = list[tuple[float, str, int, str, CountryFalls, bool]]
INCIDENT_KEYS = {"outages": "falls", "latest": "told"}  # stored key by attribute
OUTAGE_KEYS = {"suspected_fault": "held"}


def head(grouping: Grouping) -> dict[str, Any]:
    """Return the small values."""
    watermarks = grouping.watermarks
    return {
        "at": grouping.at if isfinite(grouping.at) else None,
        "due": grouping.due if isfinite(grouping.due) else None,
        "now": grouping.state.now,
        "since": grouping.state.since,
        "newest": grouping.newest,
        "ends": watermarks.ends,
        "pieces": watermarks.pieces,
        "told": watermarks.complete,
        "bounds": watermarks.bounds,
        "silent": {reporter: sorted(feeds) for reporter, feeds in watermarks.silent.items()},
        "past": watermarks.settled_until if isfinite(watermarks.settled_until) else None,
        "open": {feed: sorted(bins.items()) for feed, bins in watermarks.awaited.items()},
        "feeds": _feeds(grouping),
        **({"rewound": watermarks.rewound} if watermarks.rewound else {}),
    }


def _feeds(grouping: Grouping) -> dict[str, list[Any]]:
    """Return kind and bin of each feed; a shard restores no detector of another kind or bin."""
    return {name: [feed.kind, int(feed.bin)] for name, feed in grouping.settings.feeds.items()}


def names(grouping: Grouping) -> set[str]:
    """Return the names of all rows."""
    levels = {_name(source, end) for source, tables in grouping.levels.tables.items() for _, end, _ in tables}
    return {"book", *(f"incident/{root}" for root in grouping.state.incidents)} | levels


def fingerprints(grouping: Grouping) -> dict[str, object]:
    """Return a value for each incident that differs once the incident has changed, by root."""
    return {root: _fingerprint(incident) for root, incident in grouping.state.incidents.items()}


def dump(grouping: Grouping, written: Mapping[str, object]) -> dict[str, bytes]:
    """Return the rows that have changed: incidents since they had these fingerprints, levels since the last call."""
    rows = {"book": _book(grouping)}
    for root, fingerprint in fingerprints(grouping).items():
        if written.get(root) != fingerprint:
            rows[f"incident/{root}"] = _incident(grouping, root)
    for source, tables in grouping.levels.tables.items():
        changed = [table for table in tables if (source, table[1]) in grouping.levels.changed]
        rows |= {_name(source, end): _levels(source, at, end, table) for at, end, table in changed}
    grouping.levels.changed.clear()
    return rows


def restore(grouping: Grouping, values: Mapping[str, Any], rows: Mapping[str, bytes]) -> None:
    """Fill a fresh grouping from the head's `values` and the rows. The stage reports what cannot be read.

    Feeds and areas that the settings no longer name stay out: nobody reports them any more.
    """
    _restore_head(grouping, values)
    _restore_book(grouping, unpack(rows["book"]))
    for name in sorted(rows):
        if name.startswith("incident/"):
            _restore_incident(grouping, unpack(rows[name]))
        elif name.startswith("levels/"):
            _restore_levels(grouping, unpack(rows[name]))
    grouping.lost_feeds = _lost_feeds(grouping, values.get("feeds"))


def _lost_feeds(grouping: Grouping, before: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the feeds with outages that no detector continues: removed, changed, or their state was deleted.

    `before`: what `_feeds` was; None in an older snapshot, which shows only what was removed.
    """
    here = _feeds(grouping)
    outages = (outage for found in grouping.state.incidents.values() for outage in found.outages.values())
    running = {outage.feed for outage in outages if outage.running}
    return frozenset(
        feed for feed in running if feed not in here or (before is not None and before.get(feed) != here[feed])
    )


def _fingerprint(incident: TrackedIncident) -> object:
    outages = tuple((outage.revision, outage.state) for outage in incident.outages.values())
    revision = incident.latest.revision if incident.latest else 0
    return revision, incident.affected, incident.loss, incident.broad, len(incident.absorbed), outages


def _stored(value: OutageRevision | TrackedIncident, keys: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a record under their stored keys, in order."""
    return {keys.get(name, name): field for name, field in to_builtins(value).items()}


def _loaded(stored: Mapping[str, Any], keys: Mapping[str, str], record: type[T]) -> T:
    """Return a record from its stored fields. Raises ValueError when they do not fit."""
    attributes = {key: name for name, key in keys.items()}
    return convert({attributes.get(key, key): field for key, field in stored.items()}, record)


def _outages(outages: list[OutageRevision]) -> list[dict[str, Any]]:
    """Return outages in their order, on which the last bits of sums depend."""
    return [_stored(outage, OUTAGE_KEYS) for outage in outages]


def _incident(grouping: Grouping, root: str) -> bytes:
    incident = grouping.state.incidents[root]
    home = [outage_id for outage_id in incident.outages if grouping.state.roots.get(outage_id) == root]
    fields = _stored(replace(incident, outages={}), INCIDENT_KEYS)
    return pack({"incident": fields, "falls": _outages(list(incident.outages.values())), "home": home}, {})


def _name(source: Source, end: int) -> str:
    return f"levels/{source[0]}/{source[1]}/{end}"


def _levels(source: Source, at: float, end: int, table: Table) -> bytes:
    sizes = [[country, list(map(len, packed))] for country, packed in table.items()]
    content = b"".join(levels for packed in table.values() for levels in packed)
    values = {"source": source, "at": at, "end": end, "sizes": sizes}
    return pack(values, {"levels": np.frombuffer(content, dtype=np.uint8)})


def _book(grouping: Grouping) -> bytes:
    instants = sorted(grouping.waiting.items())
    waiting = [[at, _ends(instant), _outages(instant.outages)] for at, instant in instants]
    bins = [
        [at, feed, end, *status]
        for at, instant in instants
        for feed, statuses in instant.bins.items()
        for end, status in statuses.items()
    ]
    doubts = [[at, *source, doubts] for at, instant in instants for source, doubts in sorted(instant.doubts.items())]
    falls = [
        [at, feed, end, shard, to_builtins(part.falls), part.fault]
        for at, instant in instants
        for feed, ends in instant.falls.items()
        for end, parts in ends.items()
        for shard, part in parts.items()
    ]
    verdicts = {feed: to_builtins(verdict) for feed, verdict in sorted(grouping.whole_feeds.verdicts.items())}
    whole = {"falls": falls, "verdicts": verdicts}
    together = {"together": _together(grouping.doubts), "doubts": to_builtins(doubts)}
    earliest = [[at, instant.end] for at, instant in instants]
    content = {
        "begun": grouping.state.starts,
        "waiting": waiting,
        "earliest": earliest,
        "bins": bins,
        **whole,
        **together,
    }
    return pack(content, {})


def _together(state: DoubtState) -> dict[str, Any]:
    """Return what is known of doubts as lists, in the order of names."""
    runs = [
        [entity, feed, *_run(run)]
        for entity, by_feed in sorted(state.runs.items())
        for feed, run in sorted(by_feed.items())
    ]
    doubts = [
        [*source, found] for _, sources in sorted(state.doubts.items()) for source, found in sorted(sources.items())
    ]
    opened = [[entity, _outages(outages)] for entity, outages in sorted(state.opened.items())]
    plain = {"doubts": to_builtins(doubts), "ended_runs": to_builtins(state.ended)}
    since = {"day": state.day, "closed": sorted(state.closed.items())}
    return {**plain, **since, "doubt_runs": runs, "opened": opened, **_habits(state.habits)}


def _run(run: DoubtRun) -> list[Any]:
    common, mute = sorted(run.common.items()), sorted(run.mute.items())
    return [run.country, run.bins, run.beyond, common, run.outage, mute]


def _habits(habits: DoubtRates) -> dict[str, Any]:
    return {
        "rates": [[feed, *rate] for feed, rate in sorted(habits.rates.items())],
        "today": [[feed, *rate] for feed, rate in sorted(habits.today.items())],
        "bin_ties": [[*pair, *counts] for pair, counts in sorted(habits.ties.items())],
    }


def _restore_together(state: DoubtState, values: Mapping[str, Any]) -> None:
    """Restore doubts; versions before this one counted runs in place of bins, so that what they learnt begins anew."""
    for reporter, feed, found in values["doubts"]:
        for doubt in convert(found, list[Doubt]):
            state.doubts.setdefault(doubt.entity, {}).setdefault((reporter, feed), []).append(doubt)
    for entity, feed, country, bins, beyond, common, outage, *mute in values.get("doubt_runs", []):
        run = DoubtRun(country, bins, beyond, dict(common), outage, *map(dict, mute))
        state.runs.setdefault(entity, {})[feed] = run
    state.ended.extend(convert(values.get("ended_runs", []), list[EndedRun]))
    state.day = values["day"] if "rates" in values else 0
    state.closed.update(dict(values.get("closed", [])))
    habits = state.habits
    habits.rates.update({feed: DoubtRate(*rate) for feed, *rate in values.get("rates", [])})
    habits.today.update({feed: DoubtRate(*rate) for feed, *rate in values.get("today", [])})
    habits.ties.update({(a, b): (tried, common) for a, b, tried, common in values.get("bin_ties", [])})
    for entity, outages in values["opened"]:
        state.opened[entity] = [_loaded(outage, OUTAGE_KEYS, OutageRevision) for outage in outages]


def _ends(instant: Instant) -> dict[str, int]:
    return {feed: max(bins) for feed, bins in instant.bins.items()}


def _restore_head(grouping: Grouping, values: Mapping[str, Any]) -> None:
    feeds, watermarks = grouping.settings.feeds, grouping.watermarks
    grouping.at = -inf if values["at"] is None else values["at"]
    due = values.get("due", values["at"])  # older snapshots order by the ends of bins
    grouping.due = -inf if due is None else due
    grouping.state.now, grouping.state.since = values["now"], values["since"]
    grouping.newest = {feed: end for feed, end in values["newest"].items() if feed in feeds}
    for reporter, ends in values["ends"].items():
        watermarks.ends[reporter] = {feed: end for feed, end in ends.items() if feed in feeds}
    for reporter, pieces in values["pieces"].items():
        watermarks.pieces[reporter] = {feed: (end, piece) for feed, (end, piece) in pieces.items() if feed in feeds}
    watermarks.complete.update(values["told"])
    watermarks.bounds.update(values.get("bounds", {}))
    for reporter, silent in values.get("silent", {}).items():
        watermarks.silent[reporter] = {feed for feed in silent if feed in feeds}
    watermarks.settled_until = -inf if values["past"] is None else values["past"]
    same = {feed for feed, rules in values.get("feeds", {}).items() if rules == _feeds(grouping).get(feed)}
    for reporter, counts in values.get("rewound", {}).items():  # a feed that changes begins anew, and counts from 0
        watermarks.rewound[reporter] = {feed: count for feed, count in counts.items() if feed in same}
    areas = watermarks.expected.areas
    watermarks.awaited.update({feed: dict(bins) for feed, bins in values["open"].items() if feed in areas})


def _restore_book(grouping: Grouping, row: Packed) -> None:
    grouping.state.starts.update(row.values["begun"])
    plain = BinStatus(fault=False, empty=False)  # older snapshots have only the ends of bins
    for at, ends, outages in convert(row.values["waiting"], WaitingRows):
        bins = {feed: {end: plain} for feed, end in ends.items()}
        outages_then = [_loaded(outage, OUTAGE_KEYS, OutageRevision) for outage in outages]
        grouping.waiting[at] = Instant(bins, outages_then, end=at)
    for at, end in row.values.get("earliest", []):
        grouping.waiting[at].end = end
    for at, feed, end, fault, empty in convert(row.values.get("bins", []), BinRows):
        grouping.waiting[at].bins[feed][end] = BinStatus(fault, empty)
    for at, feed, end, shard, falls, fault in convert(row.values.get("falls", []), FallRows):
        parts = grouping.waiting[at].falls.setdefault(feed, {}).setdefault(end, {})
        parts[shard] = ShardFalls(falls, fault)
    verdicts = convert(row.values.get("verdicts", {}), dict[str, FeedVerdict])
    feeds = grouping.settings.feeds
    grouping.whole_feeds.verdicts.update({feed: verdict for feed, verdict in verdicts.items() if feed in feeds})
    for at, reporter, feed, doubts in row.values.get("doubts", []):
        grouping.waiting[at].doubts[reporter, feed] = convert(doubts, list[Doubt])
    if "together" in row.values:
        _restore_together(grouping.doubts, row.values["together"])


def _restore_incident(grouping: Grouping, row: Packed) -> None:
    incident = _loaded(row.values["incident"], INCIDENT_KEYS, TrackedIncident)
    outages = [_loaded(outage, OUTAGE_KEYS, OutageRevision) for outage in row.values["falls"]]
    incident.outages.update({outage.outage_id: outage for outage in outages})
    if incident.confirmed_at is None and incident.latest and incident.latest.state not in UNCONFIRMED:
        incident.confirmed_at = incident.latest.detected_at  # older snapshots do not have it
    grouping.state.incidents[incident.root] = incident
    grouping.state.roots.update(dict.fromkeys(row.values["home"], incident.root))


def _restore_levels(grouping: Grouping, row: Packed) -> None:
    reporter, feed = row.values["source"]
    content, table, start = row.columns["levels"].tobytes(), Table(), 0
    for country, sizes in row.values["sizes"]:
        for size in sizes:
            table.setdefault(country, []).append(content[start : start + size])
            start += size
    expected = grouping.watermarks.expected
    if feed in grouping.settings.feeds and reporter in {*expected.shards, *expected.areas.get(feed, ())}:
        grouping.levels.restore((reporter, feed), row.values["at"], row.values["end"], table)
