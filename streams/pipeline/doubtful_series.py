"""Series in doubt: reported by country in bin reports, so that the evidence of several feeds can be added up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from detectors.incidents.fusion import Doubt
from detectors.incidents.model import Facets
from detectors.outages.detector import Detector
from schemas.bin_report import Doubts
from schemas.measurement import FACETS
from schemas.outage import rounded
from streams.ingest.series_index import SeriesIndex

Entry = tuple[str, float, float, int]  # entity, evidence (nats), share lost, since (Unix s)


def doubts_of(scored: Iterable[tuple[SeriesIndex, Detector]]) -> list[Doubts]:
    """Return the series in doubt by the bins closed last that have a country, by country and facets."""
    groups: defaultdict[tuple[str, Facets], list[Entry]] = defaultdict(list)
    for index, detector in scored:
        now = detector.doubtful()
        columns = (now.rows.tolist(), now.evidence.tolist(), now.drop.tolist(), now.since.tolist())
        for row, evidence, drop, since in zip(*columns, strict=True):
            series = index.rows[row]
            if series is not None and series.country:
                entry = (series.entity, rounded(evidence), rounded(drop), since)
                groups[series.country, series.facets].append(entry)
    return [_table(country, facets, sorted(entries)) for (country, facets), entries in sorted(groups.items())]


def _table(country: str, facets: Facets, entries: list[Entry]) -> Doubts:
    entities, evidence, drop, since = (list(column) for column in zip(*entries, strict=True))
    return Doubts(country, dict(facets), entities, evidence, drop, since)


def doubts_in(feed: str, tables: Iterable[Doubts]) -> Iterator[Doubt]:
    """Yield the doubts of a feed that a report has."""
    for table in tables:
        facets = tuple((name, table.facets[name]) for name in FACETS if name in table.facets)
        for entity, evidence, drop, since in zip(table.entities, table.evidence, table.drop, table.since, strict=True):
            yield Doubt(feed, entity, table.country, facets, float(evidence), float(drop), float(since))
