"""Zero and unknown: what a source of counts says of a series in a bin in which it sees nothing of it, or too little.

Exporters (routers, samplers) measure, and each sees some of the series. An exporter is healthy in a bin when records
of it are in this bin and in the bins before and after it, so that it measured all of the bin. A series that healthy
exporters see is zero where they report nothing of it. A series of which silent exporters saw more than a twentieth is
unknown, and nothing is said, unless the others see as much of it as all did before.

Everything here is a function of the rounds that were closed, and is saved with the positions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from zlib import crc32

import msgspec

from schemas.measurement import Measurement
from schemas.times import format_time
from streams.sources.cells import PARTS, CountCells, ExporterSums, in_order, measurement, number_of
from streams.sources.coverage_rows import CoverageRows, Exporter, SeriesCoverage, SeriesRow
from streams.sources.records import Series

SHARE: Final = 20  # a series is unknown when more than this part of it is not measured
MEMORY: Final = 64  # bins over which shares and levels are averaged
RECENT: Final = 10  # bins for which late parts may come
MOST_EXPORTERS: Final = 4096  # more have no health of their own
SHARDS: Final = 256  # rows of the saved state
UNIT: Final = PARTS >> 10  # weights are in 1/1024
MOST_WEIGHT: Final = 1 << 62
NAMED: Final = 5  # exporters in a notice


class CoverageRule(NamedTuple):
    """The feed, its bin width (s), the most series to remember, and silences (s) after which to forget."""

    feed: str
    width: int
    most_series: int
    forget_series: float
    forget_exporters: float


@dataclass(slots=True)
class CoverageTally:
    """Counts: zeros that were sent, series and bins without a measurement, seconds of silence of all exporters."""

    zeros: int = 0
    unmeasured: int = 0
    gap_seconds: int = 0


@dataclass(slots=True)
class ExporterCoverage:
    """Which exporters are healthy and which series each of them sees. `closed`: start of the newest closed bin."""

    rule: CoverageRule
    exporters: dict[str, Exporter] = field(default_factory=dict)
    series: dict[Series, SeriesCoverage] = field(default_factory=dict)
    closed: int = 0
    tally: CoverageTally = field(default_factory=CoverageTally)
    notices: list[str] = field(default_factory=list)
    _changed: set[int] = field(default_factory=set)
    _healthy: frozenset[str] = frozenset()
    _is_changed: bool = False

    @classmethod
    def restored(cls, rule: CoverageRule, saved: Mapping[str, bytes]) -> ExporterCoverage:
        """Return what was saved. Raises msgspec.DecodeError."""
        rows = CoverageRows.decoded(saved)
        return cls(rule, rows.exporters, {row.series: row.seen for row in rows.series}, rows.closed)

    @property
    def silent(self) -> list[str]:
        """The exporters that are not healthy, sorted."""
        return sorted(name for name, exporter in self.exporters.items() if exporter.silent_since is not None)

    def close(self, end: int, bins: Mapping[int, CountCells], after: Collection[str] | None) -> Iterator[Measurement]:
        """Yield the measurements of a round, which ends a bin and may have late parts of earlier ones.

        `after`: the exporters of the next bin; None at the end of the input, where silence means nothing.
        """
        start = end - self.rule.width
        own = bins[start].by_series() if start in bins else {}
        self._judge(start, bins[start].exporters() if start in bins else frozenset(), after)
        for late in sorted(bins.keys() - {start}):
            yield from self._late(late, bins[late].by_series())
        yield from self._bin(start, own, is_end=after is None)
        self._forget(start)
        self.closed, self._is_changed = start, True

    def _judge(self, start: int, here: frozenset[str], after: Collection[str] | None) -> None:
        """Decide which exporters are healthy in a bin."""
        before = start - self.rule.width
        for name in sorted(here - self.exporters.keys())[: MOST_EXPORTERS - len(self.exporters)]:
            self.exporters[name] = Exporter(newest=before)
        was_silent = set(self.silent)
        self._healthy = frozenset(
            name
            for name in here & self.exporters.keys()
            if self.exporters[name].newest == before and (after is None or name in after)
        )
        for name in here & self.exporters.keys():
            self.exporters[name].newest = start
        for name, exporter in self.exporters.items():
            if name in self._healthy:
                exporter.silent_since = None
            elif exporter.silent_since is None:
                exporter.silent_since = start
        self._count_gaps(start, was_silent)

    def _count_gaps(self, start: int, was_silent: set[str]) -> None:
        silent = set(self.silent)
        began, ended = sorted(silent - was_silent), sorted(was_silent - silent)
        elapsed = start - self.closed
        self.tally.gap_seconds += len(began) * self.rule.width + len(silent & was_silent) * elapsed
        if began:
            self.notices.append(f"{_named(began)} silent since {format_time(start)}: what only they see is unknown")
        if ended:
            self.notices.append(f"{_named(ended)} back since {format_time(start)}")

    def _bin(self, start: int, own: Mapping[Series, ExporterSums], is_end: bool) -> Iterator[Measurement]:
        """Yield the measurements of the bin that ends with the round."""
        for series in sorted(own.keys() | self.series.keys(), key=in_order):
            sums, seen = own.get(series, {}), self.series.get(series)
            total = sum(sums.values())
            if seen is not None and self._is_unknown(seen, total):
                self._withhold(series, seen, start)
            elif sums or not is_end:
                self.tally.zeros += not sums
                yield measurement(self.rule.feed, start, series, value=number_of(total))
                self._learn(series, sums, start)

    def _is_unknown(self, seen: SeriesCoverage, total: int) -> bool:
        """Return whether too much of a series is not measured, and its sum (in parts) is below its level."""
        lost = sum(weight for name, weight in seen.weights.items() if name not in self._healthy)
        whole = sum(seen.weights.values())
        return lost * SHARE > whole and total * min(seen.bins, MEMORY) < whole * UNIT

    def _withhold(self, series: Series, seen: SeriesCoverage, start: int) -> None:
        self.tally.unmeasured += 1
        first, last = seen.gap
        seen.gap = (first if start - last <= RECENT * self.rule.width else start, start)
        self._changed.add(_shard(series))

    def _late(self, start: int, sums: Mapping[Series, ExporterSums]) -> Iterator[Measurement]:
        """Yield late parts of a bin, but for series that were unknown in it: a part would pass for the whole."""
        for series in sorted(sums, key=in_order):
            seen = self.series.get(series)
            if seen is not None and seen.gap[0] <= start <= seen.gap[1]:
                self.tally.unmeasured += 1
                continue
            yield measurement(self.rule.feed, start, series, value=number_of(sum(sums[series].values())))
            if seen is None:
                self._learn(series, sums[series], start)

    def _learn(self, series: Series, sums: ExporterSums, start: int) -> None:
        """Move the level of a series, and the share of each exporter in it, towards the sums of a bin."""
        added = {name: -(-parts // UNIT) for name, parts in sums.items() if parts and name in self.exporters}
        if not added or (series not in self.series and len(self.series) >= self.rule.most_series):
            return
        seen = self.series.setdefault(series, SeriesCoverage())
        old = seen.weights
        if seen.bins >= MEMORY:
            old = {name: weight - weight // MEMORY for name, weight in old.items()}
        weights = {name: min(old.get(name, 0) + added.get(name, 0), MOST_WEIGHT) for name in {**old, **added}}
        least = sum(weights.values()) >> 10
        seen.weights = {name: weights[name] for name in sorted(weights) if weights[name] >= least}
        seen.bins, seen.newest = min(seen.bins + 1, MEMORY), max(start, seen.newest)
        self._changed.add(_shard(series))

    def _forget(self, start: int) -> None:
        """Forget exporters that are silent for too long, with what only they saw, and series that are."""
        after = self.rule.forget_exporters
        gone = {name for name, exporter in self.exporters.items() if start - exporter.newest > after}
        for name in gone:
            del self.exporters[name]
        for series, seen in list(self.series.items()):
            if gone & seen.weights.keys():
                seen.weights = {name: weight for name, weight in seen.weights.items() if name not in gone}
                self._changed.add(_shard(series))
            if not seen.weights or start - seen.newest > self.rule.forget_series:
                del self.series[series]
                self._changed.add(_shard(series))

    def taken_notices(self) -> list[str]:
        """Return what is to be said to the operator since the last call."""
        found, self.notices = self.notices, []
        return found

    def rows(self) -> dict[str, bytes | None]:
        """Return the rows that have changed since the last call, to save with the positions; None for one to delete."""
        if not self._is_changed:
            return {}
        found: dict[int, list[SeriesRow]] = {shard: [] for shard in self._changed}
        for series in sorted(self.series, key=in_order) if self._changed else ():
            if (shard := _shard(series)) in found:
                found[shard].append(SeriesRow(series, self.series[series]))
        self._changed, self._is_changed = set(), False
        return CoverageRows.encoded(self.exporters, self.closed, found)


def _shard(series: Series) -> int:
    """Return the row of a series: the same in all versions and processes."""
    return crc32(msgspec.json.encode(series)) % SHARDS


def _named(exporters: list[str]) -> str:
    names = [name or "(without a name)" for name in exporters[:NAMED]]
    more = f" and {len(exporters) - NAMED} more" if len(exporters) > NAMED else ""
    return f"exporter{'s' if len(exporters) > 1 else ''} {', '.join(names)}{more}"
