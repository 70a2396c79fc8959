"""The incidents of a country while some of them are joined: which ones another can be one with at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from .model import Coverage, Incident
from .rules import entities, has_region, is_wide, operators


def age(incident: Incident) -> tuple[float, str]:
    """What orders incidents, the oldest first."""
    return incident.opened, incident.root


class Neighbours:
    """Incidents by root, and by what they can be joined for: two lone networks of different operators cannot be one.

    Thousands of networks may fall at once: each looks only at those that it may belong to.
    """

    def __init__(self, incidents: Iterable[Incident], coverage: Coverage) -> None:
        self._coverage = coverage
        self._all: dict[str, Incident] = {}
        self._large: set[str] = set()
        self._roots: defaultdict[str, set[str]] = defaultdict(set)  # of incidents with an entity or operator
        self._names: dict[str, set[str]] = {}
        for incident in incidents:
            self.put(incident)

    def put(self, incident: Incident) -> None:
        """Take in an incident, or what it has become."""
        self.drop(incident.root)
        self._all[incident.root] = incident
        self._names[incident.root] = entities(incident) | operators(incident, self._coverage)
        for name in self._names[incident.root]:
            self._roots[name].add(incident.root)
        if _is_large(incident):
            self._large.add(incident.root)

    def drop(self, root: str) -> None:
        """Forget an incident."""
        self._all.pop(root, None)
        self._large.discard(root)
        for name in self._names.pop(root, ()):
            self._roots[name].discard(root)

    def related(self, incident: Incident) -> list[Incident]:
        """Return those that this one can be one with, oldest first."""
        if _is_large(incident):
            roots = set(self._all)
        else:
            roots = self._large.union(*(self._roots[name] for name in self._names[incident.root]))
        return sorted((self._all[root] for root in roots - {incident.root}), key=age)


def _is_large(incident: Incident) -> bool:
    return is_wide(incident) or has_region(incident)
