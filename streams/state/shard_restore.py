"""Restores a shard from the rows of a snapshot: the other half of `streams.state.shard_rows`."""

from __future__ import annotations

import base64
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from typing import Any

from msgspec import convert

from detectors.bins import OpenBin, OpenBins
from detectors.clock_agreement import Agreement
from detectors.clock_leaps import Claim
from detectors.outages.detector import Detector
from detectors.outages.outage_lifecycle import Ongoing, from_stored
from detectors.outages.presence import Members
from detectors.outages.series_state import DAILY, LATER
from detectors.rewound import Rewound
from schemas.measurement import Measurement
from streams.ingest.batch import MeasurementOrigin
from streams.ingest.series_index import Series, SeriesIndex
from streams.pipeline.admission import Pending, claim_of
from streams.pipeline.areas.area_sums import Summed
from streams.pipeline.areas.cells import Cells
from streams.pipeline.feed import Feed
from streams.pipeline.gap import Gap
from streams.pipeline.shard import Counts, Shard
from streams.state.row_codec import Packed, unpack
from streams.state.shard_rows import CHUNK, SLOT_CHUNK


def restore(shard: Shard, values: Mapping[str, Any], rows: Mapping[str, bytes]) -> frozenset[str]:
    """Fill a fresh shard from the values of `heads` and the rows of `dump`; return the names of rows that are unusable.

    Feeds that the settings no longer name, or name with another kind or width of bin, are not restored. Raises
    StateError for a row of a format that this version cannot read. Other errors of content become one in `Stage`.
    """
    fits = [name for name, feed in shard.feeds.items() if _fits(feed, values["feeds"].get(name))]
    for name in fits:
        feed = shard.feeds[name]
        own = _under(f"{name}/", rows)
        _restore_head(feed, values["feeds"][name], own)
        feed.index.number(values["feeds"][name].get("countries", ()))
        _restore_series(feed.index, own)
        feed.index.restore_moves(values["feeds"][name].get("moves", ()))
        _restore_bins(feed.bins, len(feed.index), own)
        _restore_members(feed.members, own)
        _restore_detector(feed.detector, len(feed.index), own, values["feeds"][name]["scalars"])
        shard.counts[name] = Counts(**values["counts"][name])
    parts = {f"{name}/{part}" for name in fits for part in _restore_parts(shard, name, values, rows)}
    return frozenset(row for row in rows if "/" in row and not _wanted(row, fits, parts))


def _wanted(row: str, fits: Sequence[str], parts: Container[str]) -> bool:
    """Return whether a row belongs to a feed that fits and, if it is of its areas, to a part that was restored."""
    feed, family, *rest = row.split("/")
    part = {"cells": f"{feed}/cells", "area": f"{feed}/area/{rest[0] if rest else ''}"}.get(family)
    return feed in fits and (part is None or part in parts)


def _restore_parts(shard: Shard, name: str, values: Mapping[str, Any], rows: Mapping[str, bytes]) -> Iterator[str]:
    """Restore the cells and the areas of a feed, where the snapshot has them, and yield the folder of each."""
    head, cells = values["feeds"][name], shard.feeds[name].cells
    if cells is None or "since" not in head:
        return
    _restore_cells(cells, _under(f"{name}/cells/", rows))
    cells.since = head["since"]
    yield "cells"
    if name not in shard.areas:
        return
    areas, saved = shard.areas[name], values["areas"][name]
    areas.closed, areas.silent_since = saved["closed"], saved["silent_since"]
    for combination in areas.summed.keys() & saved["scalars"].keys():
        folder = f"area/{combination}"
        restore_summed(areas.summed[combination], _under(f"{name}/{folder}/", rows), saved["scalars"][combination])
        yield folder


def _under(folder: str, rows: Mapping[str, bytes]) -> dict[str, Packed]:
    return {row.removeprefix(folder): unpack(rows[row]) for row in rows if row.startswith(folder)}


def _fits(feed: Feed, head: Mapping[str, Any] | None) -> bool:
    """Return whether a feed's snapshot means the same under the present settings."""
    rules = feed.rules
    return head is not None and (head["kind"], head["width"]) == (rules.detector.kind, rules.time.width)


def _family(rows: Mapping[str, Packed], family: str) -> list[tuple[list[str], Packed]]:
    """Return the rows of a family with the numbers in their names, in order of these."""
    numbered = [(name.split("/")[1:], row) for name, row in rows.items() if name.split("/")[0] == family]
    return sorted(numbered, key=lambda named: [int(number) for number in named[0]])


def _restore_head(feed: Feed, head: Mapping[str, Any], rows: Mapping[str, Packed]) -> None:
    feed.watermark.newest, feed.watermark.next_close = head["newest"], head["next_close"]
    feed.admission.active, feed.silent_since = head["active"], head["silent_since"]
    feed.gap = Gap(*head.get("gap", ()))
    feed.rewound = Rewound(*head.get("rewound", ()))
    feed.admission.lead.restore(head.get("lead", {}))
    feed.admission.late_runs.restore(head.get("late", []))
    _restore_clock(feed, head, rows["held"])
    feed.admission.leap_guard.restore(map(_claim, rows["held"].values["held"]))


def _restore_clock(feed: Feed, head: Mapping[str, Any], row: Packed) -> None:
    """Restore the time that is believed; older versions believed the newest measurement."""
    feed.watermark.front, feed.watermark.is_founding = head.get("front", head["newest"]), head.get("founding", False)
    if "agreement" in head:
        agreement = feed.admission.believed.agreement = Agreement(feed.rules.time, **head["agreement"])
        for name in row.columns.keys() & set(Agreement.COLUMNS):
            getattr(agreement, name)[row.columns["slot"]] = row.columns[name]


def _claim(pending: Mapping[str, Any]) -> Claim[Pending]:
    origin = MeasurementOrigin(pending["offset"], base64.b64decode(pending["payload"]))
    return claim_of(convert(pending["measurement"], Measurement), origin)


def _restore_cells(cells: Cells, rows: Mapping[str, Packed]) -> None:
    _restore_series(cells.index, rows)
    _restore_bins(cells.bins, len(cells.index), rows)
    _restore_members(cells.members, rows)
    cells.panel.grow(len(cells.index))
    _restore_columns("panel", cells.panel, rows)
    cells.remap()


def restore_summed(summed: Summed, rows: Mapping[str, Packed], scalars: dict[str, float]) -> None:
    """Fill the areas of one combination from its rows, and from the scalars of its detector."""
    _restore_series(summed.index, rows)
    _restore_detector(summed.detector, len(summed.index), rows, scalars)
    summed.grow(len(summed.index))
    _restore_columns("parts", summed, rows)


def _restore_columns(family: str, into: object, rows: Mapping[str, Packed]) -> None:
    for (number,), row in _family(rows, family):
        at = int(number) * CHUNK
        for name, column in row.columns.items():
            getattr(into, name)[at : at + len(column)] = column


def _restore_series(index: SeriesIndex, rows: Mapping[str, Packed]) -> None:
    for _, row in _family(rows, "series"):
        index.extend(convert(row.values["rows"], list[Series | None]))
    index.free = rows["free"].values["free"] if "free" in rows else []
    _restore_columns("seen", index, rows)
    index.changed.clear()


def _restore_bins(bins: OpenBins, count: int, rows: Mapping[str, Packed]) -> None:
    for (start, _), row in _family(rows, "open"):
        opened = bins.bins.setdefault(int(start), OpenBin.empty())
        opened.grow(count)
        at = row.columns.pop("row")
        opened.seen[at] = True
        for name, column in row.columns.items():
            getattr(opened, name)[at] = column
        opened.members |= {(number, member) for number, member in row.values["members"]}


def _restore_members(members: Members, rows: Mapping[str, Packed]) -> None:
    for _, row in _family(rows, "members"):
        for number, states in row.values["since"]:
            members.put(number, {member: (up, since) for member, (up, since) in states})
        for number, member, ts, up, start in row.values["events"]:
            members.add(start, (number, member, ts, up))


def _restore_stored(detector: Detector, at: int, row: Packed, names: Set[str]) -> None:
    """Fill columns from a row on; those that came later begin without what they would know."""
    if (names ^ row.columns.keys()) - (LATER - row.columns.keys()):  # a column would be reset without a word
        raise ValueError(f"columns {sorted(row.columns.keys() ^ names)}")
    for name, column in row.columns.items():
        detector.stored[name][at : at + len(column)] = column


def _restore_detector(detector: Detector, count: int, rows: Mapping[str, Packed], scalars: dict[str, float]) -> None:
    detector.grow(count)
    for family, names in (("hot", detector.stored.keys() - set(DAILY)), ("daily", set(DAILY))):
        for (number,), row in _family(rows, family):
            _restore_stored(detector, int(number) * CHUNK, row, names)
    for (slot, number), row in _family(rows, "slot"):
        at, column = int(number) * SLOT_CHUNK, row.columns["profile"]
        detector.slots[at : at + len(column), int(slot)] = column
    detector.scalars.update(scalars)
    ongoing = rows["ongoing"].values if "ongoing" in rows else {}
    detector.ongoing.update({int(row): convert(from_stored(values), Ongoing) for row, values in ongoing.items()})
