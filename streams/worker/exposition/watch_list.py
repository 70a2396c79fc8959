"""Series and areas on the watch list: what the bin closed last held, what was expected, and the band around that."""

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

WIDTH: Final = 3.0  # of the band to each side, in spreads
NONE: Final[Ints] = np.zeros(0, np.int64)
LABELS: Final = ("feed", "entity", *FACETS)
TEXTS: Final = {
    "value": "What the bin closed last held, in the unit of the feed.",
    "expected": "What it was expected to hold.",
    "lower": "Three spreads below what was expected, or nothing.",
    "upper": "Three spreads above what was expected.",
    "evidence": "Evidence of a fall, in nats; of an outage that is followed, that of its opening.",
}


class Watched(NamedTuple):
    """A series with the numbers of its last bin."""

    feed: str
    series: Series
    value: float
    expected: float
    spread: float
    evidence: float

    @property
    def lower(self) -> float:
        """Lower edge of the band: nothing is measured below zero."""
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


class Scoring(Protocol):
    """What has series with a detector: a partition of the measurements, or one of the areas."""

    def scored(self) -> Iterable[Scored]:
        """Return each feed's name, the rows of its series, and their detector."""


class WatchList:
    """Finds the series of some entities, in each feed and with all facets; looks through all when series change."""

    def __init__(self, entities: Collection[str]) -> None:
        self.entities = frozenset(entities)
        self._found: WeakKeyDictionary[SeriesIndex, tuple[int, Ints]] = WeakKeyDictionary()

    def numbers(self, those: Iterable[Scoring]) -> Iterator[Watched]:
        """Yield those that have a baseline."""
        for one in those if self.entities else ():
            for feed, index, detector in one.scored():
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
    """Return the numbers of what is watched, in the order of the labels."""
    those = {one.labels: one for one in found}
    shown = sorted(those.items())[:limit]
    return Exported(
        [
            gauge(f"watched_{name}", text, LABELS, ((labels, getattr(one, name)) for labels, one in shown))
            for name, text in TEXTS.items()
        ],
        len(those) - len(shown),
    )
