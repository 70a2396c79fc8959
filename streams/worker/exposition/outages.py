"""Outages that are going on: how many by country, signal and severity, and the worst of them one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from heapq import nsmallest
from typing import Final, get_args

from prometheus_client.core import GaugeMetricFamily

from schemas.outage import Outage, Severity
from schemas.times import parse_time
from streams.ingest.series_index import FACETS
from streams.worker.exposition.countries import alpha3
from streams.worker.exposition.families import Exported, gauge

SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
STABLE: Final = ("outage_id", "entity", "country", "feed", "signal", *FACETS)
CHANGING: Final = ("severity", "state", "suppressed_by", "incident_id")
Place = tuple[str, str]  # country, empty where it is not known, and signal


def by_place(running: Sequence[Outage], known: set[Place], limit: int) -> Exported:
    """Return how many outages are open in each place: zero is said where something is measured and none is.

    `limit`: of places, those with most outages first. What is only suspected is not counted.
    """
    counts = Counter(((o.country or "", o.signal), o.severity) for o in running if o.state != "suspected")
    total: Counter[Place] = Counter()
    for (place, _), count in counts.items():
        total[place] += count
    places = sorted(known | total.keys(), key=lambda place: (-total[place], place))
    samples = (
        ((*place, alpha3(place[0]), severity), float(counts[place, severity]))
        for place in places[:limit]
        for severity in SEVERITIES
    )
    labels = ("country", "signal", "alpha3", "severity")  # maps name countries by three letters
    family = gauge("open_outages", "Outages that are open or recovering.", labels, samples)
    return Exported([family], max(0, len(places) - limit))


def one_by_one(running: Sequence[Outage], incident_of: Mapping[str, str], limit: int) -> Exported:
    """Return the outages themselves, worst first. `incident_of`: incidents by the ids of their outages."""
    worst = nsmallest(limit, running, key=_rank)
    return Exported(list(_families(worst, incident_of)), len(running) - len(worst))


def _rank(outage: Outage) -> tuple[bool, int, float, str]:
    lost = float(outage.expected) * float(outage.drop)
    return outage.state == "suspected", -SEVERITIES.index(outage.severity), -lost, outage.outage_id


def _families(worst: Sequence[Outage], incident_of: Mapping[str, str]) -> Iterator[GaugeMetricFamily]:
    told = [(_stable(one), one) for one in worst]
    changing = [
        (one.severity, one.state, one.suppressed_by, one.incident_id or incident_of.get(one.outage_id))
        for _, one in told
    ]
    yield gauge(
        "outage_start_timestamp_seconds",
        "Event time at which an outage began, with what may change while it lasts.",
        (*STABLE, *CHANGING),
        (((*its, *now), parse_time(one.started_at)) for (its, one), now in zip(told, changing, strict=True)),
    )
    for name, text in (
        ("drop_ratio", "Share of the expected level that is missing now."),
        ("expected", "What the bin should have held, in the unit of the feed."),
        ("value", "What the bin held, in the unit of the feed; none where nothing was measured."),
    ):
        field = name.removesuffix("_ratio")
        yield gauge(f"outage_{name}", text, STABLE, ((its, getattr(one, field)) for its, one in told))


def _stable(one: Outage) -> tuple[str | None, ...]:
    return one.outage_id, one.entity, one.country, one.feed, one.signal, *(one.facets.get(name) for name in FACETS)
