"""The incidents of a country while some of them are merged, and which of them may belong to a given one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from .model import Coverage, TrackedIncident
from .rules import operators


class Candidates:
    """Incidents of one country, indexed by what they can be merged for.

    Two incidents of single networks belong together only if they share an entity or an operator. Thousands of networks
    may fall at once, so each is compared only with the incidents that it may belong to.
    """

    def __init__(self, incidents: Iterable[TrackedIncident], coverage: Coverage) -> None:
        self._coverage = coverage
        self._incidents: dict[str, TrackedIncident] = {}
        self._large: set[str] = set()
        self._roots: defaultdict[str, set[str]] = defaultdict(set)  # of incidents with an entity or operator
        self._names: dict[str, set[str]] = {}
        for incident in incidents:
            self.put(incident)

    def put(self, incident: TrackedIncident) -> None:
        """Add an incident, or replace it when it has changed."""
        self.drop(incident.root)
        self._incidents[incident.root] = incident
        self._names[incident.root] = incident.entities | operators(incident, self._coverage)
        for name in self._names[incident.root]:
            self._roots[name].add(incident.root)
        if _is_large(incident):
            self._large.add(incident.root)

    def drop(self, root: str) -> None:
        """Remove an incident."""
        self._incidents.pop(root, None)
        self._large.discard(root)
        for name in self._names.pop(root, ()):
            self._roots[name].discard(root)

    def related(self, incident: TrackedIncident) -> list[TrackedIncident]:
        """Return the incidents that this one may belong to, oldest first."""
        if _is_large(incident):
            roots = set(self._incidents)
        else:
            roots = self._large.union(*(self._roots[name] for name in self._names[incident.root]))
        return sorted((self._incidents[root] for root in roots - {incident.root}), key=lambda other: other.age)


def _is_large(incident: TrackedIncident) -> bool:
    return incident.is_wide or incident.has_region or any(outage.summed for outage in incident.members)
