"""Incidents that are not over: how many by severity, and the worst of them one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from schemas.incident import Incident
from schemas.times import parse_time
from streams.worker.exposition.families import Exported, gauge
from streams.worker.exposition.outages import SEVERITIES

STABLE: Final = ("incident_id", "country")
CHANGING: Final = ("severity", "state", "suppressed_by", "kinds")
TOLD: Final = ("headline", "feeds", "regions", "services")
Named = tuple[tuple[str, str], Incident]  # the values of `STABLE`, and the incident


def counted(incidents: Sequence[Incident]) -> GaugeMetricFamily:
    """Return how many incidents are open by severity. Suspected ones and faults of feeds are not counted."""
    counts = Counter(one.severity for one in incidents if one.state != "suspected" and "feed-fault" not in one.kinds)
    samples = (((severity,), float(counts[severity])) for severity in SEVERITIES)
    return gauge("open_incidents", "Incidents that are not over.", ("severity",), samples)


def one_by_one(incidents: Sequence[Incident], limit: int) -> Exported:
    """Return the incidents themselves, worst first."""
    worst = nsmallest(limit, incidents, key=_rank)
    return Exported(list(_families(worst)), len(incidents) - len(worst))


def _rank(one: Incident) -> tuple[bool, int, float, str]:
    return one.state == "suspected", -SEVERITIES.index(one.severity), -len(one.outage_ids), one.incident_id


def _families(worst: Sequence[Incident]) -> Iterator[GaugeMetricFamily]:
    told = [((one.incident_id, ",".join(one.scope.countries)), one) for one in worst]
    yield from _said(told)
    yield from _measured(told)


def _said(told: Sequence[Named]) -> Iterator[GaugeMetricFamily]:
    changing = [(one.severity, one.state, one.suppressed_by, ",".join(one.kinds)) for _, one in told]
    yield gauge(
        "incident_start_timestamp_seconds",
        "Event time at which an incident began, with what may change while it lasts.",
        (*STABLE, *CHANGING),
        (((*its, *now), parse_time(one.started_at)) for (its, one), now in zip(told, changing, strict=True)),
    )
    yield gauge(
        "incident_info",
        "What an incident's newest revision says; always 1.",
        (*STABLE, *TOLD),
        (
            ((*its, one.headline, *map(",".join, (one.feeds, one.scope.regions, one.services))), 1.0)
            for its, one in told
        ),
    )


def _measured(told: Sequence[Named]) -> Iterator[GaugeMetricFamily]:
    yield gauge(
        "incident_affected_ratio",
        "Share that is missing of all that is measured in the country, where that is known.",
        STABLE,
        ((its, one.affected_share) for its, one in told),
    )
    yield gauge(
        "incident_drop_ratio",
        "Share of the expected level that has fallen, at its deepest.",
        STABLE,
        ((its, max((drop.drop for drop in one.drops), default=None)) for its, one in told),
    )
    yield gauge(
        "incident_networks",
        "Networks in which an outage was confirmed.",
        STABLE,
        ((its, float(len(one.scope.asns))) for its, one in told),
    )
