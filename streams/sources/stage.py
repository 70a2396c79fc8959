"""One source without its connections: chunks of records in, measurements out, and counts of both."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.measurement import Measurement
from schemas.rejections import one_line
from streams.config.errors import EbbtideError
from streams.sources.gather import Gather
from streams.sources.records import NOBODY, DecodedRecords, Decoder, RecordChunk, RejectedRecord

FIRST = 1000  # records after which a mapping must have proved right


class Due(NamedTuple):
    """Measurements, and the round up to which they are (Unix seconds)."""

    limit: int
    measurements: list[Measurement]


class MappingError(EbbtideError):
    """What a source sends does not fit its mapping."""


@dataclass(slots=True)
class SourceTally:
    """Counts since the start: records, objects in them, those left out by `keep`, rows, and what was made of them.

    `rejected`: by reason. `bad_networks`: networks that are missing, 0, reserved or private. `without_network`: objects
    that name no other. `unknown`: values that the service does not know. `duplicates`: records that came again.
    `gap_seconds`: seconds in which nothing can be known. `zeros`, `unmeasured`, `exporter_gap_seconds`: see
    `CoverageTally`. `routes`: events of routes, by what they are. `peers`: those that counted last.
    """

    records: int = 0
    objects: int = 0
    left_out: int = 0
    rows: int = 0
    measurements: int = 0
    bad_networks: int = 0
    without_network: int = 0
    unknown: int = 0
    duplicates: int = 0
    zeros: int = 0
    unmeasured: int = 0
    exporter_gap_seconds: int = 0
    gap_seconds: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)
    peers: int = 0

    def add(self, chunk: RecordChunk, decoded: DecodedRecords) -> None:
        """Count a chunk."""
        self.records += len(chunk.records)
        self.objects += decoded.objects
        self.left_out += decoded.left_out
        self.rows += sum(row.series != NOBODY for row in decoded.rows)
        self.bad_networks += decoded.bad_networks
        self.without_network += decoded.without_network
        self.unknown += chunk.remarks.unknown
        self.duplicates += chunk.remarks.duplicates
        self.gap_seconds += sum(end - begin for begin, end in chunk.remarks.gaps)
        self.peers = chunk.remarks.peers
        self.routes.update(chunk.remarks.routes)
        self.rejected.update(rejected.reason for rejected in decoded.rejected)


@dataclass(slots=True)
class SourceStage:
    """A source by its name: its decoder, what it gathers, and its counts.

    `misfits`: rejected of the first records. `misfit`: the first of them, its place and what is wrong with it.
    """

    name: str
    decoder: Decoder
    gather: Gather
    tally: SourceTally = field(default_factory=SourceTally)
    is_proved: bool = False
    misfits: int = 0
    misfit: str = ""

    def process(self, chunk: RecordChunk) -> list[RejectedRecord]:
        """Take a chunk in, and return what of it is rejected. Raises MappingError when nothing fits."""
        decoded = self.decoder.decode(chunk.records)
        self.tally.add(chunk, decoded)
        if not self.is_proved:
            self._prove(chunk, decoded)
        self.gather.add(chunk.part, chunk.records, decoded.rows)
        self.gather.clock(chunk.part).gaps += chunk.remarks.gaps
        if chunk.last:
            self.gather.finished.add(chunk.part)
        return decoded.rejected

    def _prove(self, chunk: RecordChunk, decoded: DecodedRecords) -> None:
        """Raise MappingError when more than half of the first records are rejected, or none has a network."""
        tally = self.tally
        left = FIRST - (tally.records - len(chunk.records))
        self.misfits += len({rejected.at for rejected in decoded.rejected if rejected.at < left})
        self.misfit = self.misfit or _first_misfit(chunk, decoded)
        first = min(FIRST, tally.records)
        if first == FIRST or chunk.last:
            if self.misfits * 2 > first:
                share = f"{self.misfits:,} of the first {first:,} records do not fit the mapping"
                raise MappingError(f"sources.{self.name}.fields: {share}, such as {self.misfit}")
            if first and not tally.rows:
                raise MappingError(self._no_rows(first))
        self.is_proved = first == FIRST

    def _no_rows(self, first: int) -> str:
        if self.tally.left_out:
            return f"sources.{self.name}.keep: leaves nothing of the first {first:,} records"
        return (
            f"sources.{self.name}.fields.asn: none of the first {first:,} records names a network: "
            "all are missing, 0, reserved or private"
        )

    @property
    def newest(self) -> float | None:
        """The newest event time (Unix seconds); None before the first row."""
        newest = max((clock.newest for clock in self.gather.clocks.values()), default=-math.inf)
        return None if newest == -math.inf else newest

    def due(self, idle: Collection[str] = ()) -> Due:
        """Return the round that all parts have reached, and the measurements up to it."""
        return self._due(self.gather.limit(idle))

    def rest(self) -> Due:
        """Return the last round, and all measurements that are left: nothing more will come."""
        return self._due(self.gather.last())

    def _due(self, limit: int) -> Due:
        found = self.gather.due(limit)
        self.tally.measurements += len(found)
        if (coverage := self.gather.coverage) is not None:
            counts = coverage.tally
            self.tally.zeros, self.tally.unmeasured = counts.zeros, counts.unmeasured
            self.tally.exporter_gap_seconds = counts.gap_seconds
        return Due(limit, found)


def _first_misfit(chunk: RecordChunk, decoded: DecodedRecords) -> str:
    """Return place, reason and text of the first rejected record; an empty text when there is none."""
    if not decoded.rejected:
        return ""
    at, reason, detail = decoded.rejected[0]
    record = chunk.records[at]
    value = one_line((record.value or b"").decode(errors="replace"))
    return f"{chunk.part}:{record.offset}: {reason}: {detail}: {value}"
