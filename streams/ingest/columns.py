"""Columns of measurements, read while the decoded measurements are still in the processor's cache."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from detectors.types import Floats, Ints
from schemas.measurement import Measurement
from streams.ingest.layout_cache import LayoutCache

TS, VALUE, ASN = map(attrgetter, ("ts", "value", "asn"))
SORT = attrgetter("feed", "access", "direction", "service", "country")
MANY = 65_536  # sorts of measurements numbered at most before numbering starts anew
SHIFT = 31  # a code is an ASN of 32 bits and the number of a sort


Looked = tuple[Floats, Floats, Ints, Ints]  # event times, values, numbers of sorts, ASNs


class Columns(NamedTuple):
    """Columns of shape (n,) in order of arrival: event time (Unix s), value, number of the feed, code of the series.

    The code is -1 where there is none.
    """

    ts: Floats
    value: Floats
    feed: Ints
    code: Ints

    @classmethod
    def bare(cls, measurements: Sequence[Measurement]) -> Columns:
        """Return columns without numbers of feeds and codes of series: both are -1."""
        none = np.full(len(measurements), -1, dtype=np.int64)
        return cls(_floats(TS, measurements), _floats(VALUE, measurements), none, none)

    def at(self, which: slice | Ints | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Columns:
        """Return the rows that a slice, indices or flags select."""
        return Columns(self.ts[which], self.value[which], self.feed[which], self.code[which])


class Reader:
    """Reads columns. Numbers feeds, and sorts of measurements: each combination of feed, facets and country.

    Measurements of a feed with the same code belong to one series of an ASN and name the same country. `plain`: feeds
    that need only columns, except for a series seen for the first time.
    """

    def __init__(self, plain: Collection[str] = ()) -> None:
        self.layouts = LayoutCache(plain, self._number)
        self.feeds: dict[str, int] = {}
        self._sorts: dict[tuple[str | None, ...], int] = {}
        self._feed_of: list[int] = []

    def is_full(self) -> bool:
        """Whether numbering should start anew because of too many sorts; older codes then mean nothing."""
        return len(self._sorts) > MANY

    def look(self, measurements: list[Measurement]) -> Looked:
        """Return event times, values, sorts and ASNs, shape (n,) each; call it with as many as stay in the cache."""
        sorts, asns = self._numbers(measurements), _asns(measurements)
        return _floats(TS, measurements), _floats(VALUE, measurements), sorts, asns

    def columns(self, looked: Sequence[Looked]) -> Columns:
        """Return the joined columns of measurements that `look` has read part by part."""
        if not looked:
            return Columns.bare([])
        ts, value, sorts, asns = map(np.concatenate, zip(*looked, strict=True))
        feed_of = np.array(self._feed_of, dtype=np.int64)
        return Columns(ts, value, feed_of[sorts], np.where(asns > 0, asns << SHIFT | sorts, -1))

    def _numbers(self, measurements: list[Measurement]) -> Ints:
        try:
            return np.fromiter(map(self._sorts.get, map(SORT, measurements)), dtype=np.int64, count=len(measurements))
        except TypeError:  # None: some sort is new
            return np.fromiter(map(self._number, map(SORT, measurements)), dtype=np.int64, count=len(measurements))

    def _number(self, sort: tuple[str | None, ...]) -> int:
        number = self._sorts.get(sort)
        if number is None:
            number = self._sorts[sort] = len(self._sorts)
            self._feed_of.append(self.feeds.setdefault(str(sort[0]), len(self.feeds)))
        return number


def _asns(measurements: list[Measurement]) -> Ints:
    """Return the ASN of each measurement as int64 (n,), 0 where there is none."""
    try:
        return np.fromiter(map(ASN, measurements), dtype=np.int64, count=len(measurements))
    except TypeError:
        return np.array([m.asn or 0 for m in measurements], dtype=np.int64)


def _floats(number: attrgetter[float], measurements: Sequence[Measurement]) -> Floats:
    return np.fromiter(map(number, measurements), dtype=np.float64, count=len(measurements))
