"""A grouping as named rows of bytes, and back: a row for each incident, and for the levels of a reporter and feed.

`book`: when incidents began, and what waits. `incident/ROOT`: one that is not over, and the outages at home in it.
`levels/REPORTER/FEED/END`: levels told with a bin, written once. Small values are in the head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf, isfinite
from typing import Any

import numpy as np
from msgspec import convert, to_builtins

from detectors.incidents.model import Fall, Incident
from streams.pipeline.expected_levels import Source, Table
from streams.pipeline.incidents.feed_faults import Bin
from streams.pipeline.incidents.grouping import Grouping, Moment
from streams.state.row_codec import Packed, pack, unpack

Waiting = list[tuple[float, dict[str, int], list[Fall]]]
Bins = list[tuple[float, str, int, bool, bool]]


def head(its: Grouping) -> dict[str, Any]:
    """Return the small values."""
    reach = its.reach
    return {
        "at": its.at if isfinite(its.at) else None,
        "now": its.book.now,
        "since": its.book.since,
        "newest": its.newest,
        "ends": reach.ends,
        "pieces": reach.pieces,
        "told": reach.told,
        "past": reach.past if isfinite(reach.past) else None,
        "open": {feed: sorted(bins.items()) for feed, bins in reach.open.items()},
    }


def names(its: Grouping) -> set[str]:
    """Return the names of all its rows."""
    levels = {_name(source, end) for source, tables in its.levels.tables.items() for _, end, _ in tables}
    return {"book", *(f"incident/{root}" for root in its.book.incidents)} | levels


def fingerprints(its: Grouping) -> dict[str, object]:
    """Return of each incident what differs once it has changed, so that those that have not cost nothing more."""
    return {root: _fingerprint(incident) for root, incident in its.book.incidents.items()}


def dump(its: Grouping, written: Mapping[str, object]) -> dict[str, bytes]:
    """Return the rows that have changed: incidents since they had these fingerprints, levels since the last call."""
    rows = {"book": _book(its)}
    for root, fingerprint in fingerprints(its).items():
        if written.get(root) != fingerprint:
            rows[f"incident/{root}"] = _incident(its, root)
    for source, tables in its.levels.tables.items():
        changed = [table for table in tables if (source, table[1]) in its.levels.changed]
        rows |= {_name(source, end): _levels(source, at, end, table) for at, end, table in changed}
    its.levels.changed.clear()
    return rows


def restore(its: Grouping, values: Mapping[str, Any], rows: Mapping[str, bytes]) -> None:
    """Fill a fresh grouping. `Stage.load` tells of rows that do not hold what their format says.

    Feeds and areas that the settings no longer name stay out: nobody would ever tell of them again.
    """
    _restore_head(its, values)
    _restore_book(its, unpack(rows["book"]))
    for name in sorted(rows):
        if name.startswith("incident/"):
            _restore_incident(its, unpack(rows[name]))
        elif name.startswith("levels/"):
            _restore_levels(its, unpack(rows[name]))


def _fingerprint(incident: Incident) -> object:
    falls = tuple((fall.revision, fall.state) for fall in incident.falls.values())
    told = incident.told.revision if incident.told else 0
    return told, incident.affected, incident.broad, len(incident.absorbed), falls


def _incident(its: Grouping, root: str) -> bytes:
    incident = its.book.incidents[root]
    home = [outage_id for outage_id in incident.falls if its.book.homes.get(outage_id) == root]
    falls = to_builtins(list(incident.falls.values()))  # in their order, on which the last bits of sums depend
    return pack({"incident": to_builtins(replace(incident, falls={})), "falls": falls, "home": home}, {})


def _name(source: Source, end: int) -> str:
    return f"levels/{source[0]}/{source[1]}/{end}"


def _levels(source: Source, at: float, end: int, table: Table) -> bytes:
    sizes = [[country, list(map(len, packed))] for country, packed in table.items()]
    content = b"".join(one for packed in table.values() for one in packed)
    values = {"source": source, "at": at, "end": end, "sizes": sizes}
    return pack(values, {"levels": np.frombuffer(content, dtype=np.uint8)})


def _book(its: Grouping) -> bytes:
    moments = sorted(its.waiting.items())
    waiting = [[at, _ends(moment), to_builtins(moment.falls)] for at, moment in moments]
    said = [
        [at, feed, end, *one] for at, its in moments for feed, bins in its.bins.items() for end, one in bins.items()
    ]
    return pack({"begun": its.book.begun, "waiting": waiting, "bins": said}, {})


def _ends(moment: Moment) -> dict[str, int]:
    return {feed: max(bins) for feed, bins in moment.bins.items()}


def _restore_head(its: Grouping, values: Mapping[str, Any]) -> None:
    feeds, reach = its.settings.feeds, its.reach
    its.at = -inf if values["at"] is None else values["at"]
    its.book.now, its.book.since = values["now"], values["since"]
    its.newest = {feed: end for feed, end in values["newest"].items() if feed in feeds}
    for reporter, ends in values["ends"].items():
        reach.ends[reporter] = {feed: end for feed, end in ends.items() if feed in feeds}
    for reporter, pieces in values["pieces"].items():
        reach.pieces[reporter] = {feed: (end, piece) for feed, (end, piece) in pieces.items()}
    reach.told.update(values["told"])
    reach.past = -inf if values["past"] is None else values["past"]
    reach.open.update({feed: dict(bins) for feed, bins in values["open"].items() if feed in reach.expected.areas})


def _restore_book(its: Grouping, row: Packed) -> None:
    its.book.begun.update(row.values["begun"])
    waiting = convert(row.values["waiting"], Waiting)
    plain = Bin(fault=False, empty=False)  # all that a state of old says of bins
    for at, ends, falls in waiting:
        its.waiting[at] = Moment({feed: {end: plain} for feed, end in ends.items()}, falls)
    for at, feed, end, fault, empty in convert(row.values.get("bins", []), Bins):
        its.waiting[at].bins[feed][end] = Bin(fault, empty)


def _restore_incident(its: Grouping, row: Packed) -> None:
    incident = convert(row.values["incident"], Incident)
    incident.falls.update({fall.outage_id: fall for fall in convert(row.values["falls"], list[Fall])})
    its.book.incidents[incident.root] = incident
    its.book.homes.update(dict.fromkeys(row.values["home"], incident.root))


def _restore_levels(its: Grouping, row: Packed) -> None:
    reporter, feed = row.values["source"]
    content, table, start = row.columns["levels"].tobytes(), Table(), 0
    for country, sizes in row.values["sizes"]:
        for size in sizes:
            table.setdefault(country, []).append(content[start : start + size])
            start += size
    expected = its.reach.expected
    if feed in its.settings.feeds and reporter in {*expected.shards, *expected.areas.get(feed, ())}:
        its.levels.restore((reporter, feed), row.values["at"], row.values["end"], table)
