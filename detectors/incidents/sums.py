"""Series that are sums over facets, such as a country's over its services: what falls is what some of their parts lost.

A feed that measures single services says nothing of a network as a whole, nor does their sum. Of accesses and
directions the sum is the whole, unless the feed measures only one, or only some of its parts have fallen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from .fusion import Doubt
from .model import Coverage, Facets, OutageRevision

NAMES = ("access", "direction", "service")
Shown = Mapping[str, set[str]]  # values by the facet's name
Summed = tuple[tuple[str, tuple[str, ...]], ...]


def with_summed_facets(outage: OutageRevision, coverage: Coverage) -> OutageRevision:
    """Return an outage with the facets that its series is summed over."""
    return replace(outage, summed=summed_facets(outage, coverage)) if coverage.sums else outage


def summed_facets(series: OutageRevision | Doubt, coverage: Coverage) -> Summed:
    """Return the facets that a series is summed over, and the values of each that the feed measures."""
    kind, own = series.entity.partition("/")[0], dict(series.facets)
    if (series.feed, kind, tuple(own)) not in coverage.sums:
        return ()
    measured = coverage.facets_measured(series.feed, series.country or "", series.entity if kind == "asn" else "")
    parts = [facets for facets in map(dict, measured) if own.items() <= facets.items()]
    names = [name for name in NAMES if name not in own and all(name in facets for facets in parts)]
    return tuple((name, tuple(sorted({facets[name] for facets in parts}))) for name in names if parts)


def is_sum_of(whole: OutageRevision, part: OutageRevision) -> bool:
    """Whether the series of `part` is one that `whole` is summed over."""
    return (
        whole.feed == part.feed
        and whole.country == part.country
        and (whole.entity == part.entity or whole.kind == "country" or (whole.kind, part.kind) == ("region", "asn"))
        and set(whole.facets) <= set(part.facets)
        and bool({name for name, _ in whole.summed} & dict(part.facets).keys())
    )


def facets_shown(outages: Sequence[OutageRevision]) -> list[Shown]:
    """Return what each outage is confined to: its facets; of a sum those of its parts that have fallen with it."""
    parts: defaultdict[str, set[Facets]] = defaultdict(set)
    if any(outage.summed for outage in outages):
        for outage in outages:
            parts[outage.feed].add(outage.facets)
    return [_shown(outage, parts[outage.feed]) for outage in outages]


def _shown(outage: OutageRevision, parts: Collection[Facets]) -> Shown:
    shown = {name: {value} for name, value in outage.facets}
    fallen = [dict(facets) for facets in parts if set(outage.facets) <= set(facets)] if outage.summed else []
    for name, measured in outage.summed:
        down, every = {facets[name] for facets in fallen if name in facets}, set(measured)
        if name == "service" or len(every) == 1 or (down and down < every):
            shown[name] = down or every
    return shown


def common_facets(outages: Iterable[OutageRevision]) -> Facets:
    """Return the facets that all of these outages are confined to, each with every value that occurs.

    Where every outage is confined to something, but not to the same, these are the facets of the feed with the most.
    """
    found = list(outages)
    found = [outage for outage in found if not outage.is_service] or found  # services say nothing of the rest
    shown = facets_shown(found)
    names = _common_names(shown)
    if found and not any(facets.keys() <= names for facets in shown):
        counts = Counter(outage.feed for outage in found)
        most = min(counts, key=lambda feed: (-counts[feed], feed))
        shown = [facets for outage, facets in zip(found, shown, strict=True) if outage.feed == most]
        names = _common_names(shown)
    values = {name: set().union(*(facets[name] for facets in shown)) for name in NAMES if name in names}
    return tuple((name, value) for name in values for value in sorted(values[name]))


def _common_names(shown: Sequence[Shown]) -> set[str]:
    return set.intersection(*({*facets} for facets in shown)) if shown else set()
