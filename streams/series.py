"""Which row a measurement belongs to: series by entity and facets, and what is known of each."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from detectors.bins import padded
from detectors.observed import Ints
from schemas.measurement import Measurement, entity_of

Key = tuple[int | str | None, ...]
KEY = attrgetter("asn", "country", "region", "access", "direction", "service")
ASN_KEY = attrgetter("asn", "access", "direction", "service")  # the places of an ASN tell none of its series apart
FACETS = ("access", "direction", "service")
NEVER = np.iinfo(np.int64).max


class Series(NamedTuple):
    """One series of a feed: its entity, its facets, and the place that its first measurement named."""

    entity: str
    facets: tuple[tuple[str, str], ...]
    country: str | None
    region: str | None


class SeriesIndex:
    """Rows of a feed's series. `born` and `last_seen`: starts of the first and newest bin with a measurement."""

    def __init__(self) -> None:
        self.home: Callable[[str], str | None] = lambda _: None  # the country of an entity that none is measured with
        self.rows: list[Series | None] = []
        self.keys: dict[Key, int] = {}
        self.by_series: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
        self.countries: dict[str, int] = {}
        self.codes: Ints = np.zeros(0, dtype=np.int64)  # sorted; the row of each in `coded`
        self.coded: Ints = np.zeros(0, dtype=np.int64)
        self.free: list[int] = []
        self.changed: set[int] = set()  # rows given or freed since the last snapshot
        self.edition = 0  # grows when rows are given or freed
        self.born: Ints = np.zeros(0, dtype=np.int64)
        self.last_seen: Ints = np.zeros(0, dtype=np.int64)
        self.group: Ints = np.zeros(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def look_up(self, measurements: list[Measurement]) -> Ints:
        """Return the row of each measurement; new series get a row, one that was forgotten or one at the end."""
        # Most feeds measure either ASNs or areas; whatever is unlike the first is looked up one by one.
        key = KEY if measurements and measurements[0].asn is None else ASN_KEY
        rows = list(map(self.keys.get, map(key, measurements)))
        if None in rows:
            rows = [self._row(m) if row is None else row for row, m in zip(rows, measurements, strict=True)]
        return np.array(rows, dtype=np.int64)

    def rows_of(self, codes: Ints, some: Callable[[Ints], list[Measurement]]) -> Ints:
        """Return the row of each code (see `streams.columns`); `some` gives measurements by their index."""
        at = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        rows = np.where(self.codes[at] == codes, self.coded[at], -1) if len(self.codes) else np.full(len(codes), -1)
        new = np.flatnonzero(rows < 0)
        if len(new):
            rows[new] = self.look_up(some(new))
            self._learn(codes[new], rows[new])
        return rows

    def _learn(self, codes: Ints, rows: Ints) -> None:
        """Note the rows of codes not seen before, keeping the codes sorted."""
        codes, first = np.unique(codes, return_index=True)
        rows, codes = rows[first][codes >= 0], codes[codes >= 0]
        codes, rows = np.concatenate([self.codes, codes]), np.concatenate([self.coded, rows])
        order = np.argsort(codes, kind="stable")  # quick, as nearly all are in order
        self.codes, self.coded = codes[order], rows[order]

    def forget_codes(self) -> None:
        """Forget which code is of which row: codes are given anew."""
        self.codes = self.coded = np.zeros(0, dtype=np.int64)

    def touch(self, rows: Ints, starts: Ints) -> None:
        """Note that the rows were measured in the bins of these starts."""
        np.minimum.at(self.born, rows, starts)
        np.maximum.at(self.last_seen, rows, starts)

    def forget(self, rows: Ints) -> None:
        """Free rows for other series."""
        gone = set(rows.tolist())
        self.edition += 1
        kept = ~np.isin(self.coded, rows)
        self.codes, self.coded = self.codes[kept], self.coded[kept]
        self.keys = {key: row for key, row in self.keys.items() if row not in gone}
        self.by_series = {key: row for key, row in self.by_series.items() if row not in gone}
        for row in sorted(gone):
            self.rows[row] = None
            self.free.append(row)
            self.changed.add(row)
        self.born[rows] = NEVER

    def _row(self, measurement: Measurement) -> int:
        key = KEY(measurement) if measurement.asn is None else ASN_KEY(measurement)
        row = self.keys.get(key)
        if row is None:
            series = at_home(series_of(measurement), self.home)
            row = self.by_series.get((series.entity, series.facets))
            row = self.append(series) if row is None else row
            self.keys[key] = row
        return row

    def append(self, series: Series) -> int:
        """Give a series a row: one that was freed, or one at the end."""
        row = self.free.pop() if self.free else len(self.rows)
        self.put(row, series)
        return row

    def put(self, row: int, series: Series | None) -> None:
        """Give a series this row, which is free or the next one; None leaves it free."""
        if row == len(self.rows):
            self.extend([series])
            return
        self.rows[row] = series
        self._start(row, [series])

    def extend(self, many: list[Series | None]) -> None:
        """Append a row for each of these series; None leaves it free."""
        first = len(self.rows)
        self.rows += many
        self.born, self.last_seen = padded(self.born, len(self.rows)), padded(self.last_seen, len(self.rows))
        self.group = padded(self.group, len(self.rows))
        self._start(first, many)

    def _start(self, first: int, many: list[Series | None]) -> None:
        """Begin with nothing in these rows."""
        rows = slice(first, first + len(many))
        self.edition += 1
        self.changed.update(range(rows.start, rows.stop))
        self.born[rows], self.last_seen[rows] = NEVER, 0
        self.group[rows] = [0 if series is None else self._code(series.country) for series in many]
        self.by_series.update({self.identity(s): row for row, s in enumerate(many, first) if s is not None})

    @staticmethod
    def identity(series: Series) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Name the series among all of the feed."""
        return series.entity, series.facets

    def _code(self, country: str | None) -> int:
        return self.countries.setdefault(country, len(self.countries) + 1) if country else 0


def at_home(series: Series, home: Callable[[str], str | None]) -> Series:
    """Return the series in its country, if only others know that."""
    return series._replace(country=home(series.entity)) if series.country is None else series


def series_of(measurement: Measurement) -> Series:
    """Return the series that a measurement belongs to."""
    facets = tuple((name, value) for name in FACETS if (value := getattr(measurement, name)) is not None)
    region = measurement.region if measurement.asn is None else None
    return Series(entity_of(measurement), facets, measurement.country, region)
