"""A shard out of the rows of a snapshot: the other half of `streams.snapshot`."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from msgspec import ValidationError, convert

from detectors.bins import Bin
from detectors.doubt import Claim
from detectors.lifecycle import Ongoing
from schemas.measurement import Measurement
from streams.batch import Origin
from streams.errors import StateError
from streams.feed import Feed
from streams.packing import FORMAT, Packed, unpack
from streams.series import KEY, Series
from streams.shard import Counts, Shard
from streams.snapshot import CHUNK, SLOT_CHUNK


def restore(shard: Shard, values: Mapping[str, Any], rows: Mapping[str, bytes]) -> frozenset[str]:
    """Fill a fresh shard from what `heads` and `dump` gave and return the names of the rows that were of no use.

    Feeds that the settings no longer name, or give another kind or width of bin, stay out. Raises StateError when a
    row has a format that this version cannot read, or does not hold what its format says.
    """
    try:
        return _restore(shard, values, rows)
    except (KeyError, IndexError, TypeError, ValueError, ValidationError) as error:
        raise StateError(f"a snapshot is not one of format {FORMAT}: {type(error).__name__}: {error}") from None


def _restore(shard: Shard, values: Mapping[str, Any], rows: Mapping[str, bytes]) -> frozenset[str]:
    fits = [name for name, feed in shard.feeds.items() if _fits(feed, values["feeds"].get(name))]
    for name in fits:
        feed = shard.feeds[name]
        own = {row.removeprefix(f"{name}/"): unpack(rows[row]) for row in rows if row.startswith(f"{name}/")}
        _restore_head(feed, values["feeds"][name], own)
        _restore_series(feed, own)
        _restore_bins(feed, own)
        _restore_members(feed, own)
        _restore_detector(feed, own, values["feeds"][name]["scalars"])
        shard.counts[name] = Counts(**values["counts"][name])
    return frozenset(row for row in rows if "/" in row and row.partition("/")[0] not in fits)


def _fits(feed: Feed, head: Mapping[str, Any] | None) -> bool:
    """Whether a feed's snapshot means the same under the settings of now."""
    rules = feed.rules
    return head is not None and (head["kind"], head["width"]) == (rules.detector.kind, rules.time.width)


def _family(rows: Mapping[str, Packed], family: str) -> list[tuple[list[str], Packed]]:
    """Return the rows of a family with the parts of their names behind it, in order of their numbers."""
    found = [(name.split("/")[1:], row) for name, row in rows.items() if name.split("/")[0] == family]
    return sorted(found, key=lambda one: [int(part) for part in one[0]])


def _restore_head(feed: Feed, head: Mapping[str, Any], rows: Mapping[str, Packed]) -> None:
    feed.watermark.newest, feed.watermark.next_close = head["newest"], head["next_close"]
    feed.active, feed.silent_since = head["active"], head["silent_since"]
    for held in rows["held"].values["held"]:
        measurement = convert(held["measurement"], Measurement)
        origin = Origin(held["offset"], base64.b64decode(held["payload"]))
        feed.doubt.held.append(Claim(float(measurement.ts), KEY(measurement), (measurement, origin)))


def _restore_series(feed: Feed, rows: Mapping[str, Packed]) -> None:
    index = feed.index
    for _, row in _family(rows, "series"):
        index.extend(convert(row.values["rows"], list[Series | None]))
    index.free = rows["free"].values["free"] if "free" in rows else []
    for (number,), row in _family(rows, "seen"):
        at = int(number) * CHUNK
        for name, column in row.columns.items():
            getattr(index, name)[at : at + len(column)] = column
    index.changed.clear()


def _restore_bins(feed: Feed, rows: Mapping[str, Packed]) -> None:
    for (start, _), row in _family(rows, "open"):
        opened = feed.bins.bins.setdefault(int(start), Bin.empty())
        opened.grow(len(feed.index))
        at = row.columns.pop("row")
        opened.seen[at] = True
        for name, column in row.columns.items():
            getattr(opened, name)[at] = column
        opened.members |= {(number, member) for number, member in row.values["members"]}


def _restore_members(feed: Feed, rows: Mapping[str, Packed]) -> None:
    for _, row in _family(rows, "members"):
        for number, known in row.values["since"]:
            feed.members.put(number, {member: (up, since) for member, (up, since) in known})
        for number, member, ts, up, start in row.values["events"]:
            feed.members.add(start, (number, member, ts, up))


def _restore_detector(feed: Feed, rows: Mapping[str, Packed], scalars: dict[str, float]) -> None:
    detector = feed.detector
    detector.grow(len(feed.index))
    for (number,), row in _family(rows, "hot"):
        at = int(number) * CHUNK
        if row.columns.keys() != detector.hot.keys():  # a column that starts anew unsaid would be a silent reset
            raise ValueError(f"columns {sorted(row.columns.keys() ^ detector.hot.keys())}")
        for name, column in row.columns.items():
            detector.hot[name][at : at + len(column)] = column
    for (slot, number), row in _family(rows, "slot"):
        at, column = int(number) * SLOT_CHUNK, row.columns["profile"]
        detector.slots[at : at + len(column), int(slot)] = column
    detector.scalars.update(scalars)
    ongoing = rows["ongoing"].values if "ongoing" in rows else {}
    detector.ongoing.update({int(row): convert(values, Ongoing) for row, values in ongoing.items()})
