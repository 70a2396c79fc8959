"""Expected levels of series: reported by country in bin reports, stored as bytes, decoded on demand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from detectors.incidents.model import Facets, MeasuredSeries
from detectors.outages.detector import Detector
from detectors.types import HOUR, Floats
from schemas.bin_report import Levels
from schemas.measurement import FACETS
from streams.ingest.series_index import SeriesIndex

DIGITS = 4  # significant ones, so that the last bits of arithmetic do not reach the wire
_decoder = msgspec.json.Decoder(Levels)
Source = tuple[str, str]  # a reporter and a feed
Table = dict[str, list[bytes]]  # by country


def is_due(start: int, end: int, detectors: Iterable[Detector]) -> bool:
    """Whether a bin's report includes levels: the hour turns, or the first series have left warm-up."""
    return start // HOUR != end // HOUR or any(detector.is_fresh for detector in detectors)


def levels_of(scored: Iterable[tuple[SeriesIndex, Detector]]) -> list[Levels]:
    """Return the levels of all series that have a country and a baseline, by country and facets."""
    tables = []
    for index, detector in scored:
        now = detector.levels()
        expected, spread = significant(now.expected), significant(now.spread)
        for (country, facets), rows in _groups(index, np.flatnonzero(now.ready).tolist()).items():
            entities = [series.entity for row in rows if (series := index.rows[row])]
            tables.append(Levels(country, dict(facets), entities, expected[rows].tolist(), spread[rows].tolist()))
    return sorted(tables, key=lambda levels: (levels.country, facets_of(levels)))


def _groups(index: SeriesIndex, rows: Iterable[int]) -> Mapping[tuple[str, Facets], list[int]]:
    """Return rows by the country and the facets of their series."""
    groups: defaultdict[tuple[str, Facets], list[int]] = defaultdict(list)
    for row in rows:
        series = index.rows[row]
        if series is not None and series.country:
            groups[series.country, series.facets].append(row)
    return groups


def significant(numbers: Floats) -> Floats:
    """Return numbers of at least 0 with their first `DIGITS` digits.

    >>> significant(np.array([0.0, 0.00123456, 402.16, 1234567.0])).tolist()
    [0.0, 0.001235, 402.2, 1235000.0]
    """
    places = DIGITS - 1 - np.floor(np.log10(np.where(numbers > 0, numbers, 1)))
    # Powers of ten are exact only upwards: a number is divided by them, or multiplied, never by a fraction.
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    return np.asarray(np.rint(numbers / down * up) / up * down)


def facets_of(levels: Levels) -> Facets:
    """Return the facets as grouping has them."""
    return tuple((name, levels.facets[name]) for name in FACETS if name in levels.facets)


class ByCountry(Mapping[str, Sequence[MeasuredSeries]]):
    """The scored series by country; those of a country are decoded when it is accessed."""

    def __init__(self, tables: Sequence[tuple[str, Table]]) -> None:
        self._tables = tables  # with the feed of each
        self._made: dict[str, list[MeasuredSeries]] = {}

    def __getitem__(self, country: str) -> Sequence[MeasuredSeries]:
        if country not in self._made:
            packed = [(feed, levels) for feed, table in self._tables for levels in table.get(country, ())]
            if not packed:
                raise KeyError(country)
            self._made[country] = [measured for feed, levels in packed for measured in _measured(feed, levels)]
        return self._made[country]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({country for _, table in self._tables for country in table}))

    def __len__(self) -> int:
        return len({country for _, table in self._tables for country in table})


def _measured(feed: str, packed: bytes) -> Iterator[MeasuredSeries]:
    levels = _decoder.decode(packed)
    facets = facets_of(levels)
    for entity, expected, spread in zip(levels.entities, levels.expected, levels.spread, strict=True):
        yield MeasuredSeries(feed, entity, facets, expected, spread)


class LevelTables:
    """The levels of each feed by reporter: those in use, and those to be used from a later instant on.

    `tables`: instant (Unix seconds), end of the bin, and levels. `changed`: tables not yet written to a snapshot.
    """

    def __init__(self) -> None:
        self.tables: dict[Source, list[tuple[float, int, Table]]] = {}
        self.changed: set[tuple[Source, int]] = set()

    def put(self, source: Source, at: float, end: int, levels: Iterable[Levels]) -> None:
        """Add a piece of the levels of the bin of that end, to be used from `at` on."""
        tables = self.tables.setdefault(source, [])
        if not tables or tables[-1][1] != end:
            tables.append((at, end, {}))
        self.changed.add((source, end))
        for piece in levels:
            tables[-1][2].setdefault(piece.country, []).append(msgspec.json.encode(piece))

    def go_back(self, source: Source, end: int) -> None:
        """Drop the tables of bins that end later: they have not been. One that is in use and all there is stays."""
        tables = self.tables.get(source, [])
        kept = [table for table in tables if table[1] <= end]
        self.changed = {(of, at) for of, at in self.changed if of != source or at <= end}
        if tables and not kept:
            kept = [(0.0, end - 1, tables[0][2])]
            self.changed.add((source, end - 1))
        self.tables[source] = kept

    def restore(self, source: Source, at: float, end: int, table: Table) -> None:
        """Restore levels from a snapshot."""
        self.tables[source] = sorted([*self.tables.get(source, []), (at, end, table)], key=lambda entry: entry[:2])

    def pass_to(self, at: float) -> bool:
        """Drop the tables that are replaced by an instant; return whether a table is used from then on."""
        passed = False
        for source, tables in self.tables.items():
            past = [table for table in tables if table[0] <= at]
            passed |= bool(past) and past[-1][0] == at
            self.tables[source] = [*past[-1:], *tables[len(past) :]]
        return passed

    def by_country(self, at: float, feeds: Iterable[str]) -> ByCountry:
        """Return the levels in use at an instant for these feeds, in an order that depends only on names."""
        sources = sorted(self.tables, key=_order)
        candidates = [(feed, self.tables[source]) for feed in feeds for source in sources if source[1] == feed]
        return ByCountry(
            [(feed, table) for feed, tables in candidates for since, _, table in tables[:1] if since <= at]
        )


def _order(source: Source) -> tuple[bool, int, str]:
    """Shards by number, then areas by name."""
    reporter, _, name = source[0].partition("/")
    return (False, int(name), "") if reporter == "shard" else (True, 0, name)
