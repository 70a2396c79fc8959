"""The share of a country that an incident affects, by weights that an operator knows: of users, or of addresses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from .model import Coverage, Facets, Fall, Incident, Key, Levels, key_of


def affected(incident: Incident, coverage: Coverage, measured: float) -> float:
    """Return the share, 0 to 1, where all that has fallen of one kind has weights; else the share as `measured`.

    A country's own series says at least as much as its networks that are known to have fallen.
    """
    country = incident.country or ""
    weights, groups = coverage.weights.get(country, {}), defaultdict[Key, list[Fall]](list)
    for fall in incident.members:
        groups[key_of(fall)].append(fall)
    smaller = [falls for key, falls in groups.items() if key[1] != "country"]
    known = [falls for falls in smaller if all(fall.entity in weights for fall in falls)]
    shares = [_share(falls, weights, coverage.levels(country)) for falls in known]
    if not shares:
        return measured
    return max([*shares, measured] if len(smaller) < len(groups) else shares)


def _share(falls: Iterable[Fall], weights: Mapping[str, float], levels: Levels) -> float:
    """What series that are alike have lost, of all entities of their kind in the country."""
    deepest: dict[tuple[str, Facets], Fall] = {}
    for fall in sorted(falls, key=lambda fall: (fall.max_drop, fall.outage_id)):
        deepest[fall.entity, fall.facets] = fall
    fallen = list(deepest.values())
    lost = sum(weights[fall.entity] * _part(fall, levels) * fall.max_drop for fall in fallen)
    whole = sum(weight for entity, weight in weights.items() if entity.startswith(f"{fallen[0].kind}/"))
    return min(lost / max(whole, 1e-9), 1.0)


def _part(fall: Fall, levels: Levels) -> float:
    """The share that the series of an outage is of its entity, by what is expected of those that are alike."""
    level = levels.series.get((fall.feed, fall.entity, fall.facets), fall.expected)
    whole = max(level, levels.entity.get((key_of(fall), fall.entity), 0.0))
    return level / whole if whole else 1.0
