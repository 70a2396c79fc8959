"""What is gathered of one bin, for each kind of feed. But for `presence`, the order of rows makes no difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

from detectors.types import Kind
from schemas.measurement import Measurement
from streams.sources.records import NOBODY, Row, Series

#: Parts of a whole number that a fraction is rounded to, so that sums are the same in any order.
PARTS = 1 << 36
#: Feed name and start of the bin (Unix seconds) to its measurements.
Made: TypeAlias = Iterator[Measurement]
#: Each exporter to the sum of what it saw, in parts.
ExporterSums: TypeAlias = dict[str, int]


class BinCells(Protocol):
    """The sums of one bin."""

    def add(self, row: Row) -> None:
        """Add a row."""

    def measurements(self, feed: str, start: int) -> Made:
        """Return the measurements of the bin, in an order that does not depend on that of the rows."""


def cells_of(kind: Kind) -> Callable[[], BinCells]:
    """Return what makes the cells of a kind of feed."""
    kinds: dict[Kind, Callable[[], BinCells]] = {
        "count": CountCells,
        "ratio": RatioCells,
        "gauge": GaugeCells,
        "distinct": DistinctCells,
        "presence": PresenceCells,
    }
    return kinds[kind]


def measurement(feed: str, ts: float, series: Series, **fields: Any) -> Measurement:  # noqa: ANN401
    """Return a measurement of a series."""
    asn, country, region, access, direction, service = series
    return Measurement(feed, _plain(ts), asn, country, region, access, direction, service, **fields)  # type: ignore[arg-type]


def _plain(number: float) -> int | float:
    return int(number) if number == int(number) else number


def _exact(number: float) -> int:
    """Return a number in parts."""
    return number * PARTS if isinstance(number, int) else round(number * PARTS)


def number_of(parts: int) -> int | float:
    """Return a number of parts."""
    return parts // PARTS if parts % PARTS == 0 else parts / PARTS


def in_order(series: Series) -> tuple[tuple[bool, Any], ...]:
    """Return a key to sort series by; what is absent comes first."""
    return tuple((value is not None, value) for value in series)


class CountCells:
    """Sums of values, by exporter."""

    def __init__(self) -> None:
        self._whole: defaultdict[str | None, dict[Series, int]] = defaultdict(dict)
        self._parts: defaultdict[str | None, dict[Series, int]] = defaultdict(dict)

    def add(self, row: Row) -> None:
        """Add the value."""
        value = row.value
        if isinstance(value, int):
            sums = self._whole[row.exporter]
            sums[row.series] = sums.get(row.series, 0) + value
        else:
            sums = self._parts[row.exporter]
            sums[row.series] = sums.get(row.series, 0) + _exact(value)

    def exporters(self) -> frozenset[str]:
        """Return who measured; a text that is empty for who has no name."""
        return frozenset(name or "" for name in (*self._whole, *self._parts))

    def by_series(self) -> dict[Series, ExporterSums]:
        """Return the sums of each series."""
        found: dict[Series, ExporterSums] = {}
        for scale, sums in ((PARTS, self._whole), (1, self._parts)):
            for name, inner in sums.items():
                for series, value in inner.items():
                    of_series = found.setdefault(series, {})
                    of_series[name or ""] = of_series.get(name or "", 0) + value * scale
        found.pop(NOBODY, None)
        return found

    def measurements(self, feed: str, start: int) -> Made:
        """Return the sum of each series."""
        found = self.by_series()
        for series in sorted(found, key=in_order):
            yield measurement(feed, start, series, value=number_of(sum(found[series].values())))


class RatioCells:
    """Sums of successes and of trials."""

    def __init__(self) -> None:
        self._sums: dict[Series, tuple[int, int]] = {}

    def add(self, row: Row) -> None:
        """Add successes and trials."""
        value, of = self._sums.get(row.series, (0, 0))
        self._sums[row.series] = (value + _exact(row.value), of + _exact(row.of))

    def measurements(self, feed: str, start: int) -> Made:
        """Return both sums of each series."""
        for series in sorted(self._sums, key=in_order):
            value, of = self._sums[series]
            yield measurement(feed, start, series, value=number_of(value), of=number_of(of))


class GaugeCells:
    """The last value, by event time; of several at once the largest."""

    def __init__(self) -> None:
        self._last: dict[Series, tuple[float, float]] = {}

    def add(self, row: Row) -> None:
        """Keep the value if it is the last."""
        found = (row.ts, row.value)
        if found > self._last.get(row.series, (-1.0, 0.0)):
            self._last[row.series] = found

    def measurements(self, feed: str, start: int) -> Made:
        """Return the last value of each series, at its own time."""
        for series in sorted(self._last, key=in_order):
            ts, value = self._last[series]
            yield measurement(feed, ts, series, value=value)


class DistinctCells:
    """Members, each once."""

    def __init__(self) -> None:
        self._members: set[tuple[Series, str]] = set()

    def add(self, row: Row) -> None:
        """Add the member."""
        self._members.add((row.series, str(row.member)))

    def measurements(self, feed: str, start: int) -> Made:
        """Return each member of each series."""
        for series, member in sorted(self._members, key=lambda pair: (in_order(pair[0]), pair[1])):
            yield measurement(feed, start, series, member=member)


class PresenceCells:
    """Members that came and went, in order of event time; of one time in the order of the rows."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Add what happened."""
        self._rows.append(row)

    def measurements(self, feed: str, start: int) -> Made:
        """Return all that happened."""
        for row in sorted(self._rows, key=lambda row: row.ts):
            yield measurement(feed, row.ts, row.series, member=row.member, up=row.up)
