"""Metrics of the incidents that have not ended: their number by severity, and the worst of them in detail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from schemas.incident import Incident
from schemas.severity import SEVERITIES
from schemas.times import parse_time
from streams.worker.exposition.families import Exported, gauge

STABLE: Final = ("incident_id", "country")
CHANGING: Final = ("severity", "state", "suppressed_by", "kinds")
DESCRIPTIVE: Final = ("headline", "feeds", "regions", "services")
Labelled = tuple[tuple[str, str], Incident]  # the values of `STABLE`, and the incident


def counted(incidents: Sequence[Incident]) -> GaugeMetricFamily:
    """Return the number of open incidents by severity, without suspected ones and feed faults."""
    confirmed = [incident for incident in incidents if incident.state != "suspected"]
    counts = Counter(incident.severity for incident in confirmed if "feed-fault" not in incident.kinds)
    samples = (((severity,), float(counts[severity])) for severity in SEVERITIES)
    return gauge("open_incidents", "Incidents that have not ended.", ("severity",), samples)


def share_of(incident: Incident | None) -> float:
    """Return the share of the country that an incident affects, 0 where that is unknown."""
    return (incident.affected_share or 0.0) if incident else 0.0


def worst_incidents(incidents: Sequence[Incident], limit: int) -> Exported:
    """Return families with a sample for each incident, worst first."""
    worst = nsmallest(limit, incidents, key=_rank)
    return Exported(list(_families(worst)), len(incidents) - len(worst))


def _rank(incident: Incident) -> tuple[bool, float, int, int, str]:
    """Return a key that sorts by the share of the country: a network that is wholly dark is no worse than a country."""
    severity, outages = SEVERITIES[incident.severity].rank, len(incident.outage_ids)
    return incident.state == "suspected", -share_of(incident), -severity, -outages, incident.incident_id


def _families(worst: Sequence[Incident]) -> Iterator[GaugeMetricFamily]:
    labelled = [((incident.incident_id, ",".join(incident.scope.countries)), incident) for incident in worst]
    yield _start(labelled)
    yield _info(labelled)
    yield from _numbers(labelled)


def _start(labelled: Sequence[Labelled]) -> GaugeMetricFamily:
    samples = (
        ((*stable, *_changing(incident)), parse_time(incident.started_at)) for stable, incident in labelled
    )  # fmt: skip
    text = "Event time at which an incident began, with labels that may change while it lasts."
    return gauge("incident_start_timestamp_seconds", text, (*STABLE, *CHANGING), samples)


def _changing(incident: Incident) -> tuple[str | None, ...]:
    return incident.severity, incident.state, incident.suppressed_by, ",".join(incident.kinds)


def _info(labelled: Sequence[Labelled]) -> GaugeMetricFamily:
    samples = (((*stable, *_descriptive(incident)), 1.0) for stable, incident in labelled)
    text = "Description in the newest revision of an incident; always 1."
    return gauge("incident_info", text, (*STABLE, *DESCRIPTIVE), samples)


def _descriptive(incident: Incident) -> tuple[str, ...]:
    return incident.headline, *map(",".join, (incident.feeds, incident.scope.regions, incident.services))


def _numbers(labelled: Sequence[Labelled]) -> Iterator[GaugeMetricFamily]:
    yield gauge(
        "incident_affected_ratio",
        "Missing share of all that is measured in the country, where that is known.",
        STABLE,
        ((stable, incident.affected_share) for stable, incident in labelled),
    )
    yield gauge(
        "incident_drop_ratio",
        "Missing share of the expected level, at its largest.",
        STABLE,
        ((stable, max((drop.drop for drop in incident.drops), default=None)) for stable, incident in labelled),
    )
    yield gauge(
        "incident_networks",
        "Networks with a confirmed outage.",
        STABLE,
        ((stable, float(len(incident.scope.asns))) for stable, incident in labelled),
    )
