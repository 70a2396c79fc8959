"""Metrics of the watch list: value, expected level and band of the newest closed bin of each watched series."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from detectors.outages.detector import Detector
from detectors.types import Ints
from streams.ingest.series_index import FACETS, Series, SeriesIndex
from streams.pipeline.shard import Scored
from streams.worker.exposition.families import Exported, gauge

WIDTH: Final = 3.0  # spreads from the expected level to each edge of the band
NONE: Final[Ints] = np.zeros(0, np.int64)
LABELS: Final = ("feed", "entity", *FACETS)
TEXTS: Final = {
    "value": "Value of the newest closed bin, in the unit of the feed.",
    "expected": "Expected level of that bin.",
    "lower": "Three spreads below the expected level, or zero.",
    "upper": "Three spreads above the expected level.",
    "evidence": "Evidence of a fall, in nats; during an outage the evidence at its opening.",
}


class Watched(NamedTuple):
    """A series with the numbers of its newest closed bin."""

    feed: str
    series: Series
    value: float
    expected: float
    spread: float
    evidence: float

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


class WatchedStage(Protocol):
    """A stage of measurements or areas, as far as the watch list reads it."""

    def scored(self) -> Iterable[Scored]:
        """Return the name, the series index and the detector of each feed."""


class WatchList:
    """Finds the series of the watched entities, in each feed and with all facets.

    The rows found are cached until the series index changes.
    """

    def __init__(self, entities: Collection[str]) -> None:
        self.entities = frozenset(entities)
        self._found: WeakKeyDictionary[SeriesIndex, tuple[int, Ints]] = WeakKeyDictionary()

    def numbers(self, stages: Iterable[WatchedStage]) -> Iterator[Watched]:
        """Yield the watched series that have a baseline."""
        for stage in stages if self.entities else ():
            for feed, index, detector in stage.scored():
                yield from _numbers(feed, index, detector, self._rows(index))

    def _rows(self, index: SeriesIndex) -> Ints:
        edition, rows = self._found.get(index, (-1, NONE))
        if edition != index.edition:
            rows = np.array([row for (entity, _), row in index.by_series.items() if entity in self.entities], np.int64)
            self._found[index] = index.edition, rows
        return rows


def _numbers(feed: str, index: SeriesIndex, detector: Detector, rows: Ints) -> Iterator[Watched]:
    rows = rows[rows < detector.scored]
    now = detector.deviations(rows)
    for at in np.flatnonzero(np.isfinite(now.expected)).tolist():
        series = index.rows[rows[at]]
        if series is not None:
            yield Watched(feed, series, *(float(column[at]) for column in now))


def families(found: Iterable[Watched], limit: int) -> Exported:
    """Return families with a sample for each watched series, in the order of their labels."""
    by_labels = {watched.labels: watched for watched in found}
    shown = sorted(by_labels.items())[:limit]
    return Exported(
        [
            gauge(f"watched_{name}", text, LABELS, ((labels, getattr(watched, name)) for labels, watched in shown))
            for name, text in TEXTS.items()
        ],
        len(by_labels) - len(shown),
    )
