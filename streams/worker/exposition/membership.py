"""Which incident an outage is in. Incidents judge whole feeds, so they decide which outages are a feed's fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas.incident import OVER, Incident
from schemas.outage import Outage


def incidents_by_outage(incidents: Iterable[Incident]) -> Mapping[str, Incident]:
    """Return the incident of each outage, by the outage's id, of the incidents that are not over.

    An outage that has left a feed's fault is still named there: its other incident counts.
    """
    lasting = sorted((incident for incident in incidents if incident.state not in OVER), key=is_fault, reverse=True)
    return {name: incident for incident in lasting for name in incident.outage_ids}


def split_by_faults(outages: Iterable[Outage], incidents: Iterable[Incident]) -> tuple[list[Outage], list[Outage]]:
    """Return the outages that are a feed's fault, and the others."""
    homes = incidents_by_outage(incidents)
    inside: list[Outage] = []
    others: list[Outage] = []
    for outage in outages:
        home = homes.get(outage.outage_id)
        (inside if home is not None and is_fault(home) else others).append(outage)
    return inside, others


def is_fault(incident: Incident) -> bool:
    """Return whether an incident is the fault of a feed."""
    return "feed-fault" in incident.kinds
