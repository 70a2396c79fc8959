"""Metrics of the watch list: value, expected level and band of the newest closed bin of each watched series."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from detectors.outages.detector import Detector, Deviation
from detectors.types import Ints
from schemas.measurement import FACETS
from streams.ingest.series_index import Series
from streams.pipeline.shard import Scored
from streams.worker.exposition.families import Exported, gauge

WIDTH: Final = 3.0  # spreads from the expected level to each edge of the band
LABELS: Final = ("feed", "entity", *FACETS)
TEXTS: Final = {
    "value": "Value of the newest closed bin, in the unit of the feed.",
    "expected": "Expected level of that bin.",
    "lower": "Three spreads below the expected level, or zero.",
    "upper": "Three spreads above the expected level.",
    "evidence": "Evidence of a fall, in nats; during an outage the evidence at its opening.",
    "threshold": "Evidence from which on an outage opens, in nats.",
}


class Watched(NamedTuple):
    """A series with the numbers of its newest closed bin."""

    feed: str
    series: Series
    value: float
    expected: float
    spread: float
    evidence: float
    threshold: float

    @property
    def lower(self) -> float:
        """Lower edge of the band, at least zero."""
        return max(0.0, self.expected - WIDTH * self.spread)

    @property
    def upper(self) -> float:
        """Upper edge of the band."""
        return self.expected + WIDTH * self.spread

    @property
    def labels(self) -> tuple[str, ...]:
        """Values of `LABELS`."""
        facets = dict(self.series.facets)
        return self.feed, self.series.entity, *(facets.get(name, "") for name in FACETS)


class WatchedRows(NamedTuple):
    """Rows of a feed that may be of a watched entity, with their series and numbers as the event loop copied them.

    `threshold`: evidence from which on an outage opens, in nats; `left_out`: how many more rows there are.
    """

    feed: str
    series: Sequence[Series | None]
    now: Deviation
    threshold: float
    left_out: int


class WatchList:
    """Finds the series of the watched entities, in each feed and with all facets.

    `limit`: rows that are copied of an entity in one feed of a partition, those of the oldest series.
    """

    def __init__(self, entities: Collection[str], limit: int) -> None:
        self.entities, self.limit = frozenset(entities), limit

    def rows(self, scored: Iterable[Scored]) -> Iterator[WatchedRows]:
        """Yield copies of the rows of the watched entities, quickly; `numbers` chooses among them."""
        if self.entities:
            for feed, index, detector in scored:
                for entity in sorted(self.entities):
                    yield self._copied(feed, detector, *index.rows_of_entity(entity))

    def _copied(self, feed: str, detector: Detector, rows: Ints, series: Sequence[Series | None]) -> WatchedRows:
        scored = int(np.searchsorted(rows, detector.scored))  # newer rows are in no closed bin yet
        shown = min(scored, self.limit)
        now = detector.deviations(rows[:shown])
        return WatchedRows(feed, series[:shown], now, detector.state.threshold, scored - shown)

    def numbers(self, found: Iterable[WatchedRows]) -> Iterator[Watched]:
        """Yield the watched series that have a baseline, in any thread."""
        for rows in found:
            for at in np.flatnonzero(np.isfinite(rows.now.expected)).tolist():
                series = rows.series[at]
                if series is not None and series.entity in self.entities:
                    value, expected, spread, evidence = (float(column[at]) for column in rows.now)
                    yield Watched(rows.feed, series, value, expected, spread, evidence, rows.threshold)


def families(found: Iterable[Watched], limit: int, left_out: int = 0) -> Exported:
    """Return families with a sample for each watched series, in the order of their labels.

    `left_out`: how many more there are.
    """
    by_labels = {watched.labels: watched for watched in found}
    shown = sorted(by_labels.items())[:limit]
    return Exported(
        [
            gauge(f"watched_{name}", text, LABELS, ((labels, getattr(watched, name)) for labels, watched in shown))
            for name, text in TEXTS.items()
        ],
        len(by_labels) - len(shown) + left_out,
    )
