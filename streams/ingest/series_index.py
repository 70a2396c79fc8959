"""The rows of a feed's series: finds the row of each measurement, by entity and facets."""

from __future__ import annotations

import math
from binascii import crc32
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from functools import cache, lru_cache
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from babel import Locale, UnknownLocaleError

from detectors.bins import padded
from detectors.types import FRIDAYS, HOUR, Flags, Ints, Zones
from schemas.measurement import FACETS, Measurement, entity_of
from streams.ingest.code_table import CodeTable
from streams.ingest.country_moves import CountryMoves
from streams.ingest.local_time import ahead

Key = tuple[int | str | None, ...]
Identity = tuple[str, tuple[tuple[str, str], ...]]
KEY = attrgetter("asn", "country", "region", "access", "direction", "service")
ASN_KEY = attrgetter("asn", "access", "direction", "service")  # a place is no part of an ASN's series
NEVER = np.iinfo(np.int64).max
SPARE = 65_536  # keys and codes beyond four a series that are kept: a series has as many as countries are named with it
FRIDAY = 4
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio


class Series(NamedTuple):
    """One series of a feed: its entity, its facets, and its place; the country is that of its newest measurement."""

    entity: str
    facets: tuple[tuple[str, str], ...]
    country: str | None
    region: str | None


class SeriesIndex:
    """Rows of a feed's series.

    `born`, `last_seen`: int64 (rows,), start of the first and newest bin with a measurement (Unix s). `group`: int64
    (rows,), code of the country. `side`: int64 (rows,), code of the access, 0 for none. `hashes`: int64 (rows,), number
    of the entity, by which `rows_of_entity` finds its rows; 0 for a free row. `faceted`: how many series have a facet.
    `lot`: the partition that an entity counts in; `taken`: series by lot; `services`: series by lot and name of a
    service.
    """

    def __init__(self, lot: Callable[[str], int] = lambda _: 0) -> None:
        self.lot = lot
        self.taken: Counter[int] = Counter()
        self.services: Counter[tuple[int, str]] = Counter()
        self.service_counts: Counter[int] = Counter()  # names of services by lot
        self.home: Callable[[str], str | None] = lambda _: None  # country of an entity whose measurements name none
        self.rows: list[Series | None] = []
        self.keys: dict[Key, int] = {}
        self.by_series: dict[Identity, int] = {}
        self.countries: dict[str, int] = {}
        self.sides: dict[str, int] = {}
        self.codes = CodeTable()
        self.moves = CountryMoves()
        self.free: list[int] = []
        self.changed: set[int] = set()  # rows given or freed since the last snapshot
        self.born: Ints = np.zeros(0, dtype=np.int64)
        self.last_seen: Ints = np.zeros(0, dtype=np.int64)
        self._zones: tuple[int, int, Zones] | None = None  # of an hour, and of so many countries
        self.group: Ints = np.zeros(0, dtype=np.int64)
        self.side: Ints = np.zeros(0, dtype=np.int64)
        self.hashes: Ints = np.zeros(0, dtype=np.int64)
        self.faceted = 0

    def __len__(self) -> int:
        return len(self.rows)

    def find(self, measurements: list[Measurement]) -> list[int | None]:
        """Return the row of each measurement whose key is known, None for all others."""
        # Most feeds measure either ASNs or areas; measurements unlike the first are looked up singly.
        key = KEY if measurements and measurements[0].asn is None else ASN_KEY
        return list(map(self.keys.get, map(key, measurements)))

    def look_up(self, measurements: list[Measurement], found: list[int | None] | None = None) -> Ints:
        """Return the row of each measurement as int64 (n,); new series get a freed row or one at the end.

        `found`: what `find` returned of them.
        """
        rows = self.find(measurements) if found is None else found
        if None in rows:
            self._meet([m for row, m in zip(rows, measurements, strict=True) if row is None])
            rows = [self.keys[self._key(m)] if row is None else row for row, m in zip(rows, measurements, strict=True)]
        return np.array(rows, dtype=np.int64)

    def row_of(self, measurement: Measurement) -> int | None:
        """Return the row of a measurement's series, None for a new one; the country that it names is no part of it."""
        row = self.keys.get(self._key(measurement))
        return self.by_series.get(self.identity(self.named(measurement))) if row is None else row

    def rows_of(self, codes: Ints, select: Callable[[Ints], list[Measurement]], found: Ints | None = None) -> Ints:
        """Return the row of each code (see `streams.ingest.columns`); `select` returns measurements by their index.

        `found`: what `codes.find` returned of them.
        """
        rows = self.codes.find(codes) if found is None else found
        new = np.flatnonzero(rows < 0)
        if len(new):
            if len(self.codes.codes) > 4 * len(self.rows) + SPARE:
                self.codes.clear()
            measurements = select(new)
            self._number(codes[new], measurements)
            rows[new] = self.look_up(measurements)
            self.codes.learn(codes[new], rows[new])
            self.moves.learn(codes[new], [self._code(measurement.country) for measurement in measurements])
        return rows

    def _number(self, codes: Ints, measurements: list[Measurement]) -> None:
        """Number the countries in the order in which they are named, however batches are cut."""
        for at in sorted({*np.unique(codes, return_index=True)[1].tolist(), *np.flatnonzero(codes < 0).tolist()}):
            self._code(self.named(measurements[at]).country)
            self._code(measurements[at].country)

    def forget_codes(self) -> None:
        """Forget all codes, since they are numbered anew."""
        self.codes.clear()
        self.moves.forget_codes()

    def note_countries(
        self, codes: Ints, select: Callable[[Ints], list[Measurement]], rows: Ints, starts: Ints
    ) -> None:
        """Note which countries measurements name; those that waited to be believed have no code."""
        named, bare = self.moves.named(codes), np.flatnonzero(codes < 0)
        if len(bare):
            named[bare] = [self._code(measurement.country) for measurement in select(bare)]
        self.moves.note(named, rows, starts, self.group)

    def move(self, start: int, busy: Collection[int]) -> None:
        """Give the rows the countries that measurements up to the bin of that start named last; not those `busy`."""
        names = {code: country for country, code in self.countries.items()}
        for row, code in self.moves.take(start, busy):
            series = self.rows[row]
            if series is not None and code != self.group[row]:
                self.rows[row], self.group[row] = series._replace(country=names[code]), code
                self.changed.add(row)

    def zones(self, start: int) -> Zones:
        """Return the local time of each country in the hour of a time (Unix s), by code; that of 0 is UTC."""
        hour, count = start - start % HOUR, len(self.countries)
        if self._zones is None or self._zones[:2] != (hour, count):
            codes = [0, *self.countries.values()]
            west, east = np.zeros((2, max(codes) + 1), np.int64)
            west[codes], east[codes] = zip(*(ahead(country, hour) for country in ("", *self.countries)), strict=True)
            self._zones = hour, count, Zones(west, east)
        return self._zones[2]

    def touch(self, rows: Ints, starts: Ints) -> None:
        """Note that the rows were measured in the bins of these starts."""
        np.minimum.at(self.born, rows, starts)
        np.maximum.at(self.last_seen, rows, starts)

    def go_back(self, start: int) -> None:
        """Go back to the bin of this start, which closes next (Unix s): nothing was measured later."""
        self.born = np.where(self.born < NEVER, np.minimum(self.born, start), NEVER)
        np.minimum(self.last_seen, start, out=self.last_seen)
        self.moves.go_back(start)

    def number(self, countries: Iterable[str]) -> None:
        """Number countries in this order, as they were before a restart."""
        for country in countries:
            self._code(country)

    def restore_moves(self, moves: Iterable[tuple[int, int, str]]) -> None:
        """Restore what waits in a snapshot: the start of a bin, a row and its country from then on."""
        for start, row, country in moves:
            self.moves.waiting.setdefault(start, {})[row] = self._code(country)

    def forget(self, rows: Ints) -> None:
        """Free rows for other series."""
        gone = set(rows.tolist())
        self._count([self.rows[row] for row in gone], -1)
        self.codes.forget(rows)
        self.moves.forget(gone)
        self.keys = {key: row for key, row in self.keys.items() if row not in gone}
        self.by_series = {key: row for key, row in self.by_series.items() if row not in gone}
        for row in sorted(gone):
            self.rows[row] = None
            self.free.append(row)
            self.changed.add(row)
        self.born[rows] = NEVER
        self.group[rows] = self.side[rows] = self.hashes[rows] = 0  # as after a restart: a country counts its rows

    @staticmethod
    def _key(measurement: Measurement) -> Key:
        return KEY(measurement) if measurement.asn is None else ASN_KEY(measurement)

    def named(self, measurement: Measurement) -> Series:
        """Return the series that a measurement belongs to, with its country."""
        return at_home(series_of(measurement), self.home)

    def _meet(self, measurements: list[Measurement]) -> None:
        """Add rows for measurements whose keys are new; new series get their rows at once."""
        if len(self.keys) > 4 * len(self.rows) + SPARE:
            self.keys = {}
        new: dict[Identity, Series] = {}
        waiting: dict[Key, Identity] = {}
        for measurement in measurements:
            key = self._key(measurement)
            if key not in waiting:
                series = self.named(measurement)
                waiting[key] = name = self.identity(series)
                if name not in self.by_series and name not in new:
                    new[name] = series
        self.add(list(new.values()))
        self.keys.update({key: self.by_series[name] for key, name in waiting.items()})

    def add(self, many: list[Series]) -> list[int]:
        """Give each of these new series a row: freed rows first, then rows at the end."""
        freed = [self.free.pop() for _ in many[: len(self.free)]]
        for row, series in zip(freed, many, strict=False):
            self.put(row, series)
        first = len(self.rows)
        self.extend(list(many[len(freed) :]))
        return [*freed, *range(first, len(self.rows))]

    def append(self, series: Series) -> int:
        """Give a series a row: a freed row, or one at the end."""
        return self.add([series])[0]

    def put(self, row: int, series: Series | None) -> None:
        """Give a series this row, which is free or next; None leaves it free."""
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
        self.group, self.side = padded(self.group, len(self.rows)), padded(self.side, len(self.rows))
        self.hashes = padded(self.hashes, len(self.rows))
        self._start(first, many)

    def _start(self, first: int, many: list[Series | None]) -> None:
        """Begin with nothing in these rows."""
        rows = slice(first, first + len(many))
        self.changed.update(range(rows.start, rows.stop))
        self.born[rows], self.last_seen[rows] = NEVER, 0
        self.group[rows] = [0 if series is None else self._code(series.country) for series in many]
        self.side[rows] = [0 if series is None else self._access(series.facets) for series in many]
        self.hashes[rows] = [0 if series is None else entity_number(series.entity) for series in many]
        self.by_series.update({self.identity(s): row for row, s in enumerate(many, first) if s is not None})
        self._count(many, 1)

    def _count(self, many: Iterable[Series | None], by: int) -> None:
        """Count series that begin (1) or end (-1) in their lots."""
        for series in many:
            if series is not None:
                lot, service = self.lot(series.entity), service_of(series)
                self.faceted += by if series.facets else 0
                self.taken[lot] += by
                if service is not None:
                    before = len(self.services)
                    self.services[lot, service] += by
                    if not self.services[lot, service]:
                        del self.services[lot, service]
                    self.service_counts[lot] += len(self.services) - before

    def rows_of_entity(self, entity: str) -> tuple[Ints, list[Series | None]]:
        """Return the rows that may be of an entity, and their series: a few are free, or of another with this hash."""
        rows: Ints = np.flatnonzero(self.hashes[: len(self.rows)] == entity_number(entity))
        return rows, list(map(self.rows.__getitem__, rows.tolist()))

    def count_entities(self, flags: Flags) -> int:
        """Return how many entities the rows flagged are of, to a few per cent; `flags`: bool (rows,)."""
        rows = int(np.count_nonzero(flags))
        return min(rows, distinct(self.hashes[: len(flags)][flags])) if self.faceted else rows

    @staticmethod
    def identity(series: Series) -> Identity:
        """Name the series among all of the feed."""
        return series.entity, series.facets

    def _code(self, country: str | None) -> int:
        first = FRIDAYS if country and rests_on_friday(country) else 1
        return self.countries.setdefault(country, first + len(self.countries)) if country else 0

    def _access(self, facets: tuple[tuple[str, str], ...]) -> int:
        access = dict(facets).get("access")
        return self.sides.setdefault(access, 1 + len(self.sides)) if access else 0


def entity_number(entity: str) -> int:
    """Return the number of an AS, or a hash less than 0 for a region or a country.

    >>> entity_number("asn/43754"), entity_number("country/IR") < 0
    (43754, True)
    """
    kind, _, name = entity.partition("/")
    return int(name) if kind == "asn" else -1 - crc32(entity.encode())


def distinct(numbers: Ints) -> int:
    """Return about how many numbers differ, by linear counting: sorting would take longer than closing the bin.

    Whang, Vander-Zanden and Taylor, ACM Transactions on Database Systems 15 (1990): with four places a number the
    error is far below a per cent of many, and of a few none is likely to be missed.
    """
    bits = max(10, (4 * len(numbers)).bit_length())
    places = np.zeros(1 << bits, np.bool_)
    places[(numbers.view(np.uint64) * _FACTOR) >> np.uint64(64 - bits)] = True
    return round(-len(places) * math.log1p(-int(np.count_nonzero(places)) / len(places)))


@cache
def rests_on_friday(country: str) -> bool:
    """Whether the weekend of a country begins on a Friday or before.

    >>> rests_on_friday("IQ"), rests_on_friday("DE"), rests_on_friday("XX")
    (True, False, False)
    """
    try:
        return Locale.parse(f"und_{country}").weekend_start <= FRIDAY
    except (UnknownLocaleError, ValueError):
        return False


def at_home(series: Series, home: Callable[[str], str | None]) -> Series:
    """Return the series with its country; `home` supplies it where measurements name none."""
    return series._replace(country=home(series.entity)) if series.country is None else series


def series_of(measurement: Measurement) -> Series:
    """Return the series that a measurement belongs to; a region's name begins with its country."""
    facets = _facets(measurement.access, measurement.direction, measurement.service)
    country, region = measurement.country, measurement.region
    country = region[:2] if country is None and region is not None else country
    return Series(entity_of(measurement), facets, country, region if measurement.asn is None else None)


def service_of(series: Series) -> str | None:
    """Return the service in the facets of a series."""
    return next((value for name, value in series.facets if name == "service"), None)


@lru_cache(maxsize=1024)
def _facets(*values: str | None) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in zip(FACETS, values, strict=True) if value is not None)
