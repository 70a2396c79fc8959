"""Metrics of ongoing outages: their number by country, signal and severity, and the worst of them in detail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from heapq import nsmallest
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from schemas.incident import Incident
from schemas.measurement import FACETS
from schemas.outage import Outage
from schemas.severity import SEVERITIES
from schemas.times import parse_time
from streams.worker.exposition.countries import alpha3
from streams.worker.exposition.families import Exported, gauge
from streams.worker.exposition.incidents import share_of
from streams.worker.exposition.newest_bins import NewestBins

STABLE: Final = ("outage_id", "entity", "country", "feed", "signal", *FACETS)
CHANGING: Final = ("severity", "state", "suppressed_by", "incident_id")
CountrySignal = tuple[str, str]  # the country is empty where it is unknown


def by_place(running: Sequence[Outage], measured: Set[CountrySignal], limit: int) -> Exported:
    """Return the number of open outages in each country and signal, without suspected ones.

    A pair that is measured and has no outage gets zero. `limit`: number of pairs, those with most outages first.
    """
    counts = Counter(((o.country or "", o.signal), o.severity) for o in running if o.state != "suspected")
    total: Counter[CountrySignal] = Counter()
    for (place, _), count in counts.items():
        total[place] += count
    places = sorted(measured | total.keys(), key=lambda place: (-total[place], place))
    samples = (
        ((*place, alpha3(place[0]), severity), float(counts[place, severity]))
        for place in places[:limit]
        for severity in SEVERITIES
    )
    labels = ("country", "signal", "alpha3", "severity")  # Grafana's maps name countries by three letters
    family = gauge("open_outages", "Outages that are open or recovering.", labels, samples)
    return Exported([family], max(0, len(places) - limit))


def worst_outages(
    running: Sequence[Outage], incident_of: Mapping[str, Incident], newest: NewestBins, limit: int
) -> Exported:
    """Return families with a sample for each outage, worst first. `incident_of`: incidents by outage id."""

    def rank(outage: Outage) -> tuple[bool, float, float, str]:
        """Return a key that sorts by the share of the country, then by the level that is missing."""
        missing = float(outage.expected) * float(outage.drop)
        share = share_of(incident_of.get(outage.outage_id))
        return outage.state == "suspected", -share, -missing, outage.outage_id

    worst = nsmallest(limit, running, key=rank)
    return Exported(list(_families(worst, incident_of, newest)), len(running) - len(worst))


def _families(
    worst: Sequence[Outage], incident_of: Mapping[str, Incident], newest: NewestBins
) -> Iterator[GaugeMetricFamily]:
    labelled = [(_stable(outage), outage) for outage in worst]
    yield gauge(
        "outage_start_timestamp_seconds",
        "Event time at which an outage began, with labels that may change while it lasts.",
        (*STABLE, *CHANGING),
        (
            ((*stable, *_changing(outage, incident_of)), parse_time(outage.started_at))
            for stable, outage in labelled
        ),
    )  # fmt: skip
    levels = [newest.of(outage) for outage in worst]
    for name, field, text in (
        ("drop_ratio", "drop", "Share of the expected level that the newest bin lacks."),
        ("expected", "expected", "Expected level of the newest bin, in the unit of the feed; absent where unknown."),
        ("value", "value", "Value of the newest bin, in the unit of the feed; absent where unknown."),
    ):
        numbers = ((stable, getattr(level, field)) for (stable, _), level in zip(labelled, levels, strict=True))
        yield gauge(f"outage_{name}", text, STABLE, numbers)


def _stable(outage: Outage) -> tuple[str | None, ...]:
    facets = (outage.facets.get(name) for name in FACETS)
    return outage.outage_id, outage.entity, outage.country, outage.feed, outage.signal, *facets


def _changing(outage: Outage, incident_of: Mapping[str, Incident]) -> tuple[str | None, ...]:
    found = incident_of.get(outage.outage_id)
    incident = outage.incident_id or (found.incident_id if found else None)
    return outage.severity, outage.state, outage.suppressed_by, incident
