"""The share of a country that an incident affects, by weights that the operator gives: of users, or of addresses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from .model import CountryLevels, Coverage, Facets, OutageRevision, SeriesKey, key_of


def weighted_share(country: str, members: Iterable[OutageRevision], coverage: Coverage, measured: float) -> float:
    """Return the share of the country, 0 to 1, by weights; `measured` where an entity that is down has no weight.

    Where the country's own series is down too, the share is no less than `measured`.
    """
    weights, groups = coverage.weights.get(country, {}), defaultdict[SeriesKey, list[OutageRevision]](list)
    for outage in members:
        groups[key_of(outage)].append(outage)
    smaller = [outages for key, outages in groups.items() if key[1] != "country"]
    weighted = [outages for outages in smaller if all(outage.entity in weights for outage in outages)]
    shares = [_share(outages, weights, coverage.levels(country)) for outages in weighted]
    if not shares:
        return measured
    return max([*shares, measured] if len(smaller) < len(groups) else shares)


def _share(outages: Iterable[OutageRevision], weights: Mapping[str, float], levels: CountryLevels) -> float:
    """Return the weight lost by outages of one key, as a share of all entities of their kind in the country."""
    deepest: dict[tuple[str, Facets], OutageRevision] = {}
    for outage in sorted(outages, key=lambda outage: (outage.max_drop, outage.outage_id)):
        deepest[outage.entity, outage.facets] = outage
    down = list(deepest.values())
    lost = sum(weights[outage.entity] * _part_of_entity(outage, levels) * outage.max_drop for outage in down)
    whole = sum(weight for entity, weight in weights.items() if entity.startswith(f"{down[0].kind}/"))
    return min(lost / max(whole, 1e-9), 1.0)


def _part_of_entity(outage: OutageRevision, levels: CountryLevels) -> float:
    """Return the series' share of its entity, by the expected levels of the entity's series of the same key."""
    level = levels.series.get((outage.feed, outage.entity, outage.facets), outage.expected)
    whole = max(level, levels.entity.get((key_of(outage), outage.entity), 0.0))
    return level / whole if whole else 1.0
