"""The rows of `sources.state` that say which exporters see which series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from streams.sources.records import Series

EXPORTERS = "exporters"  # the key of their row; those of series are numbers


class Exporter(msgspec.Struct):
    """`newest`: start of the newest bin with records. `silent_since`: first bin that it did not measure whole."""

    newest: int
    silent_since: int | None = None


class SeriesCoverage(msgspec.Struct):
    """What is remembered of a series.

    `weights`: of each exporter, what it saw, in 1/1024 of the unit, of the last 64 bins. `bins`: how many are in them.
    `newest`: start of the newest bin with a value. `gap`: first and last start of the newest bins that were unknown.
    """

    weights: dict[str, int] = msgspec.field(default_factory=dict)
    bins: int = 0
    newest: int = 0
    gap: tuple[int, int] = (0, -1)


class SeriesRow(NamedTuple):
    """A series and what is remembered of it."""

    series: Series
    seen: SeriesCoverage


class _ExportersRow(msgspec.Struct):
    closed: int
    exporters: dict[str, Exporter]


_SERIES = msgspec.json.Decoder(list[SeriesRow])
_EXPORTERS = msgspec.json.Decoder(_ExportersRow)


class CoverageRows(NamedTuple):
    """The content of all rows. `closed`: start of the newest closed bin."""

    exporters: dict[str, Exporter]
    series: list[SeriesRow]
    closed: int

    @staticmethod
    def encoded(
        exporters: Mapping[str, Exporter], closed: int, series: Mapping[int, list[SeriesRow]]
    ) -> dict[str, bytes | None]:
        """Return rows by their keys; None for one that is empty."""
        rows = {str(shard): msgspec.json.encode(found) if found else None for shard, found in sorted(series.items())}
        return {EXPORTERS: msgspec.json.encode(_ExportersRow(closed, dict(sorted(exporters.items())))), **rows}

    @staticmethod
    def decoded(rows: Mapping[str, bytes]) -> CoverageRows:
        """Return the content of rows. Raises msgspec.DecodeError."""
        head = _EXPORTERS.decode(rows[EXPORTERS]) if EXPORTERS in rows else _ExportersRow(0, {})
        series = [row for key, value in rows.items() if key.isdecimal() for row in _SERIES.decode(value)]
        return CoverageRows(head.exporters, series, head.closed)
