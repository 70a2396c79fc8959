"""Which ongoing outages the overview folds under which of its incidents, and which stand alone, as pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import nlargest, nsmallest
from typing import NamedTuple

from schemas.incident import Incident
from schemas.outage import Outage, lost
from streams.worker.exposition.membership import is_fault
from streams.worker.web.filters import key

#: Kinds of entities, the widest first, with the nouns for one and for more of them.
NOUNS: Mapping[str, tuple[str, str]] = {
    "country": ("country", "countries"),
    "region": ("region", "regions"),
    "asn": ("network", "networks"),
}
_RANKS = {kind: rank for rank, kind in enumerate(NOUNS)}


class Fold(NamedTuple):
    """The outages of one incident. `shown`: the first of them, countries and regions before networks.

    `total`: how many they are; `words`: what they are, as "1 country, 5 regions, 3 networks".
    """

    shown: Sequence[Outage]
    total: int
    words: str


class Folded(NamedTuple):
    """`folds`: of each incident that has ongoing outages, by its id. `lone`: the newest outages of none of them.

    `lone_count`: how many these are in all.
    """

    folds: Mapping[str, Fold]
    lone: Sequence[Outage]
    lone_count: int


def folded(incidents: Sequence[Incident], open_: Sequence[Outage], most: int) -> Folded:
    """Return ongoing outages under the incidents of a page.

    `most`: outages shown in all, but one of each incident in any case; where both are many, half of them stand alone.
    """
    by_id = {outage.outage_id: outage for outage in open_}
    members: dict[str, list[Outage]] = {}
    for incident in sorted(incidents, key=is_fault):  # an outage is shown once: under the first incident that has it
        members[incident.incident_id] = [found for name in incident.outage_ids if (found := by_id.pop(name, None))]
    inside = sum(map(len, members.values()))
    lone = nlargest(most - min(inside, most // 2), by_id.values(), key=key)
    each = max(1, (most - len(lone)) // max(1, len(incidents)))
    folds = {name: _fold(outages, each) for name, outages in members.items() if outages}
    return Folded(folds, lone, len(by_id))


def _fold(outages: Sequence[Outage], most: int) -> Fold:
    return Fold(nsmallest(most, outages, key=widest_first), len(outages), _words(outages))


def widest_first(outage: Outage) -> tuple[int, int, float, str]:
    """Return the key that sorts countries before regions before networks, whole ones and what lost most first."""
    return _RANKS.get(_kind(outage), len(_RANKS)), len(outage.facets), -lost(outage), outage.outage_id


def _words(outages: Sequence[Outage]) -> str:
    """Return how many entities of each kind the outages are of."""
    counts = Counter(kind for kind, _ in {(_kind(outage), outage.entity) for outage in outages})
    return ", ".join(f"{count:,} {NOUNS[kind][count > 1]}" for kind in NOUNS if (count := counts[kind]))


def _kind(outage: Outage) -> str:
    return outage.entity.partition("/")[0]
