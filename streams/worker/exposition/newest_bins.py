"""The newest closed bin of the series of an outage. A revision has the bin that caused it, which may be hours old."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import isfinite
from typing import NamedTuple

from detectors.outages.detector import Detector
from schemas.measurement import FACETS
from schemas.outage import Outage, lost
from streams.ingest.series_index import SeriesIndex
from streams.pipeline.shard import Scored


class NewestLevel(NamedTuple):
    """What a bin shows of an outage, in the unit of the feed; None where unknown. `drop`: the share lost."""

    value: float | None
    expected: float | None
    drop: float


class NewestBins:
    """Reads bins in any thread: the row of a series is given to no other while its numbers are those of a closed bin.

    `scored`: the series and detectors of each feed. Feeds that are silent are not among them, as their bins are old.
    """

    def __init__(self, scored: Iterable[Scored]) -> None:
        self._by_feed: defaultdict[str, list[tuple[SeriesIndex, Detector]]] = defaultdict(list)
        for feed, index, detector in scored:
            self._by_feed[feed].append((index, detector))

    def of(self, outage: Outage) -> NewestLevel:
        """Return the level of an outage; where the newest bin is unknown, only the drop, of the last revision."""
        identity = outage.entity, tuple((name, outage.facets[name]) for name in FACETS if name in outage.facets)
        for index, detector in self._by_feed[outage.feed]:
            row = index.by_series.get(identity)
            value, expected = (float("nan"),) * 2 if row is None else detector.levels_of(row)
            if isfinite(value) and expected > 0:
                return NewestLevel(value, expected, min(max(1 - value / expected, 0.0), 1.0))
        return NewestLevel(None, None, lost(outage))
