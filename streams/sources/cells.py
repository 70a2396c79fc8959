"""What is gathered of one bin, for each kind of feed. But for `presence`, the order of rows makes no difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

from detectors.types import Kind
from schemas.measurement import Measurement
from streams.sources.records import Row, Series

#: Parts of a whole number that a fraction is rounded to, so that sums are the same in any order.
PARTS = 1 << 36
#: Feed name and start of the bin (Unix seconds) to its measurements.
Made: TypeAlias = Iterator[Measurement]


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


def _number(parts: int) -> int | float:
    return parts // PARTS if parts % PARTS == 0 else parts / PARTS


def in_order(series: Series) -> tuple[tuple[bool, Any], ...]:
    """Return a key to sort series by; what is absent comes first."""
    return tuple((value is not None, value) for value in series)


class CountCells:
    """Sums of values."""

    def __init__(self) -> None:
        self._whole: dict[Series, int] = {}
        self._parts: dict[Series, int] = {}

    def add(self, row: Row) -> None:
        """Add the value."""
        value = row.value
        if isinstance(value, int):
            self._whole[row.series] = self._whole.get(row.series, 0) + value
        else:
            self._parts[row.series] = self._parts.get(row.series, 0) + _exact(value)

    def measurements(self, feed: str, start: int) -> Made:
        """Return the sum of each series."""
        for series in sorted({**self._whole, **self._parts}, key=in_order):
            value = _number(self._whole.get(series, 0) * PARTS + self._parts.get(series, 0))
            yield measurement(feed, start, series, value=value)


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
            yield measurement(feed, start, series, value=_number(value), of=_number(of))


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
