"""Encodes a shard as named rows of bytes, split by how often they change; `streams.state.shard_restore` reads them.

Rows of a feed, by family: `series` (which series has which row), `seen` (when each was measured), `open` (bins that are
not closed), `members` (which members are up), `held` (measurements ahead of their time), `hot` (columns that change
when bins close), `daily` (those that change once a day), `ongoing` (outages that have not ended), `slot` (an hour of
the week of the seasonal profile). A feed with areas has the same families under `cells/…`, for the cells that are
summed, and under `area/COMBINATION/…`; `panel` and `parts` are columns of cells and of areas. A row holds at most
`CHUNK` series, so that one change writes little.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np
from msgspec import to_builtins
from numpy.typing import NDArray

from detectors.bins import OpenBin, OpenBins
from detectors.clock_agreement import Agreement
from detectors.clock_leaps import Claim
from detectors.outages import outage_lifecycle
from detectors.outages.areas import Panel
from detectors.outages.detector import Detector
from detectors.outages.presence import Members
from detectors.outages.series_state import DAILY
from schemas.measurement import Measurement
from streams.ingest.batch import MeasurementOrigin
from streams.ingest.series_index import SeriesIndex
from streams.pipeline.areas.area_sums import Areas, Summed
from streams.pipeline.areas.cells import Cells
from streams.pipeline.feed import Feed
from streams.pipeline.shard import Shard
from streams.state.row_codec import pack

CHUNK = 4096
SLOT_CHUNK = 65_536
_TIME = itemgetter(2)  # of an event; events of a bin are not in this order, since late ones come among them
Rows = Iterator[tuple[str, bytes]]
OfRow = TypeVar("OfRow", bound=tuple[Any, ...])


def dump(shard: Shard, *, whole: bool = False) -> dict[str, bytes]:
    """Return by name the rows that may have changed since the last call; with `whole`, all rows."""
    rows = {f"{name}/{row}": content for name, feed in shard.feeds.items() for row, content in _feed_rows(feed, whole)}
    return rows | {
        f"{name}/area/{combination}/{row}": content
        for name, areas in shard.areas.items()
        for combination, summed in areas.summed.items()
        for row, content in summed_rows(summed, whole=whole)
    }


def heads(shard: Shard) -> dict[str, Any]:
    """Return the small values of a shard, which change with every batch."""
    return {
        "counts": {name: asdict(counts) for name, counts in shard.counts.items()},
        "feeds": {name: _head(feed) for name, feed in shard.feeds.items()},
        **({"areas": {name: _areas_head(areas) for name, areas in shard.areas.items()}} if shard.areas else {}),
    }


def gone(shard: Shard, names: Iterable[str]) -> frozenset[str]:
    """Return the names of rows of bins that have closed and of feeds that are not in the settings."""
    bins = {name: feed.bins for name, feed in shard.feeds.items()}
    bins |= {f"{name}/cells": feed.cells.bins for name, feed in shard.feeds.items() if feed.cells}
    kept = {f"{name}/open/{start}" for name, opened in bins.items() for start in opened.bins}
    closed = {name for name in names if "/open/" in name and name.rpartition("/")[0] not in kept}
    return frozenset(closed | {name for name in names if "/" in name and name.partition("/")[0] not in shard.feeds})


def _head(feed: Feed) -> dict[str, Any]:
    return {
        "kind": feed.rules.detector.kind,
        "width": feed.rules.time.width,
        "newest": feed.watermark.newest,
        "next_close": feed.watermark.next_close,
        "active": feed.admission.active,
        **_clock(feed),
        "silent_since": feed.silent_since,
        "scalars": feed.detector.scalars,
        "limits": feed.rules.limits._asdict(),
        "countries": list(feed.index.countries),
        **({"moves": _moves(feed)} if feed.index.moves.waiting else {}),
        **({"rewound": list(feed.rewound)} if feed.rewound.times else {}),
        **({"late": late} if (late := feed.admission.late_runs.stored()) else {}),
        **({"lead": lead} if (lead := feed.admission.lead.stored()) else {}),
        **({"gap": list(feed.gap)} if feed.gap.first is not None else {}),
        **({"since": feed.cells.since} if feed.cells else {}),
    }


def _clock(feed: Feed) -> dict[str, Any]:
    """Return how far entities agree on the time, where they decide."""
    mark, agreement = feed.watermark, feed.admission.believed.agreement
    if agreement is None:
        return {"front": mark.front} if mark.front != mark.newest else {}
    scalars = {name: getattr(agreement, name) for name in Agreement.SCALARS}
    believed = {name: value for name, value in scalars.items() if value != -np.inf}
    return {"front": mark.front, "founding": mark.is_founding, "agreement": believed}


def _agreement(feed: Feed) -> dict[str, NDArray[Any]]:
    """Return the slots in use of what entities agree on."""
    agreement = feed.admission.believed.agreement
    if agreement is None:
        return {}
    slots = np.flatnonzero((agreement.first > -np.inf) | agreement.before | (agreement.opened != np.inf))
    columns = {name: getattr(agreement, name)[slots] for name in Agreement.COLUMNS}
    return {"slot": slots.astype(np.int16), **columns}


def _moves(feed: Feed) -> list[tuple[int, int, str]]:
    """Return the start of a bin, a row, and the country that it has from then on, of each that waits."""
    names = {code: country for country, code in feed.index.countries.items()}
    return [
        (start, row, names[code])
        for start, moves in sorted(feed.index.moves.waiting.items())
        for row, code in sorted(moves.items())
    ]


def _pending(claim: Claim[tuple[Measurement, MeasurementOrigin]]) -> dict[str, Any]:
    measurement, origin = claim.item
    payload = base64.b64encode(origin.payload).decode()
    return {"measurement": to_builtins(measurement), "offset": origin.offset, "payload": payload}


def _feed_rows(feed: Feed, whole: bool) -> Rows:
    feed.detector.grow(len(feed.index) - feed.detector.rows)
    yield from _series_rows(feed.index, whole)
    yield from _seen_rows(feed.index)
    yield from _bin_rows(feed.bins, len(feed.index))
    yield "held", pack({"held": [_pending(claim) for claim in feed.admission.leap_guard.pending]}, _agreement(feed))
    if feed.kind.tracks_members:
        yield from _member_rows(feed.members, len(feed.index))
    yield from _detector_rows(feed, whole)
    if feed.cells:
        yield from _under("cells", _cell_rows(feed.cells, whole))


def _detector_rows(scored: Feed | Summed, whole: bool) -> Rows:
    """Yield the rows that change when bins close, and reset the count of closed bins."""
    detector = scored.detector
    dirty = detector.dirty_slots() if scored.closings else ()
    if scored.closings or whole:
        ongoing = {str(row): outage_lifecycle.stored(outage) for row, outage in sorted(detector.ongoing.items())}
        yield "ongoing", pack(ongoing, {})
        hot = {name: column for name, column in detector.stored.items() if name not in DAILY}
        yield from _column_rows("hot", hot, detector.rows)
        yield from _slot_rows(detector, range(detector.slots.shape[1]) if whole or scored.forgot else dirty)
    if detector.pop_day_ended() or scored.forgot or whole:
        yield from _column_rows("daily", {name: detector.stored[name] for name in DAILY}, detector.rows)
    scored.closings, scored.forgot = 0, False


def _cell_rows(cells: Cells, whole: bool) -> Rows:
    rows = len(cells.index)
    yield from _series_rows(cells.index, whole)
    yield from _seen_rows(cells.index)
    yield from _bin_rows(cells.bins, rows)
    if cells.kind.tracks_members:
        yield from _member_rows(cells.members, rows)
    cells.panel.grow(rows)
    yield from _column_rows("panel", {name: getattr(cells.panel, name) for name in Panel.COLUMNS}, rows)


def summed_rows(summed: Summed, *, whole: bool = False) -> Rows:
    """Yield the rows of the areas of one combination that may have changed since the last call, or all rows."""
    yield from _series_rows(summed.index, whole)
    yield from _seen_rows(summed.index)
    yield from _column_rows("parts", {name: getattr(summed, name) for name in Summed.COLUMNS}, len(summed.index))
    yield from _detector_rows(summed, whole)


def _areas_head(areas: Areas) -> dict[str, Any]:
    scalars = {name: summed.detector.scalars for name, summed in areas.summed.items()}
    return {"closed": areas.closed, "silent_since": areas.silent_since, "scalars": scalars}


def _under(folder: str, rows: Rows) -> Rows:
    """Yield rows with names inside a folder."""
    return ((f"{folder}/{name}", row) for name, row in rows)


def _spans(rows: int, chunk: int = CHUNK) -> Iterator[tuple[int, int, int]]:
    """Yield the number, first row and end of each chunk."""
    for number, at in enumerate(range(0, rows, chunk)):
        yield number, at, min(at + chunk, rows)


def _series_rows(index: SeriesIndex, whole: bool) -> Rows:
    changed = {row // CHUNK for row in index.changed}
    for number, at, end in _spans(len(index)):
        if whole or number in changed:
            yield f"series/{number}", pack({"rows": [s and list(s) for s in index.rows[at:end]]}, {})
    if whole or changed:
        yield "free", pack({"free": index.free}, {})
    index.changed.clear()


def _seen_rows(index: SeriesIndex) -> Rows:
    return _column_rows("seen", {"born": index.born, "last_seen": index.last_seen}, len(index))


def _column_rows(family: str, columns: Mapping[str, NDArray[Any]], rows: int) -> Rows:
    for number, at, end in _spans(rows):
        yield f"{family}/{number}", pack({}, {name: column[at:end] for name, column in columns.items()})


def _bin_rows(bins: OpenBins, rows: int) -> Rows:
    for start, opened in bins.bins.items():
        yield from _open_rows(start, opened, rows)


def _open_rows(start: int, opened: OpenBin, rows: int) -> Rows:
    opened.grow(rows)
    members = _by_chunk(sorted(opened.members))
    for number, at, end in _spans(rows):
        rowed = at + np.flatnonzero(opened.seen[at:end])
        numbers = {"value": opened.value[rowed], "size": opened.size[rowed], "last": opened.last[rowed]}
        yield f"open/{start}/{number}", pack({"members": members[number]}, {"row": rowed.astype(np.int32), **numbers})


def _member_rows(members: Members, rows: int) -> Rows:
    bins = sorted(members.events.items())
    events = _by_chunk((*event, start) for start, in_bin in bins for event in sorted(in_bin, key=_TIME))
    for number, at, end in _spans(rows):
        since = [[row, sorted(members.since[row].items())] for row in range(at, end) if row in members.since]
        yield f"members/{number}", pack({"since": since, "events": events[number]}, {})


def _by_chunk(of_rows: Iterable[OfRow]) -> defaultdict[int, list[OfRow]]:
    """Return tuples that begin with a row number by the number of their chunk, in order."""
    chunks: defaultdict[int, list[OfRow]] = defaultdict(list)
    for of_row in of_rows:
        chunks[of_row[0] // CHUNK].append(of_row)
    return chunks


def _slot_rows(detector: Detector, slots: Iterable[int]) -> Rows:
    for slot in slots:
        for number, at, end in _spans(detector.rows, SLOT_CHUNK):
            yield f"slot/{slot}/{number}", pack({}, {"profile": detector.slots[at:end, slot]})
