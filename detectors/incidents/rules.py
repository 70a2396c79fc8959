"""Which incidents belong together: one entity, one operator, a place within another, or too many at once for chance."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence

from detectors.types import HOUR

from .coincidence import incident_rate, poisson_tail
from .model import Coverage, Facets, IncidentState, OutageRevision, TrackedIncident
from .sums import is_sum_of

WINDOW = 6 * HOUR  # outages that begin further apart than this have causes of their own
CLOSE = HOUR  # how near the starts of a network's and its region's outage are, unless two bins are longer
COUNTRY_CHANCE = 0.25  # of an unrelated outage, below which a country's incident takes in a network or region
REGION_CHANCE = 0.05  # the same for a region's incident and a network of its country
CROWD_SIZE = 3  # incidents at the least
CROWD_CHANCE = 1e-5  # of so many incidents at once, below which they are one
HALF_CHANCE = 1e-3  # the same when they are half of the entities that are measured


def belong_together(state: IncidentState, first: TrackedIncident, second: TrackedIncident, coverage: Coverage) -> bool:
    """Whether two incidents of one country are one."""
    if _is_part_of(first, second) or _is_part_of(second, first):
        return True
    gap = seconds_between(first, second)
    window = WINDOW + _dated_within(first) + _dated_within(second)
    close = simultaneous_within({outage.feed for outage in (*first.members, *second.members)}, coverage)
    if _falls_by_its_parts(first, second, window, close) or _falls_by_its_parts(second, first, window, close):
        return True
    if first.is_service != second.is_service:
        return False
    if first.entities & second.entities and gap <= window:
        return True
    if gap <= close and operators(first, coverage) & operators(second, coverage):
        return True
    return first.country is not None and _is_no_chance(state, first, second, (gap, close, window), coverage)


def _dated_within(incident: TrackedIncident) -> float:
    """Return the seconds by which the falls of an incident may be dated wrongly."""
    return max(outage.dated_within for outage in incident.members)


def _is_part_of(part: TrackedIncident, whole: TrackedIncident) -> bool:
    """Whether each outage of `part` repeats one of `whole`, or lies within one that still runs."""
    outages = whole.members
    return all(any(_repeats_or_within(inner, outer) for outer in outages) for inner in part.members)


def _falls_by_its_parts(whole: TrackedIncident, parts: TrackedIncident, window: float, close: float) -> bool:
    """Whether `whole` has a sum that falls with a part of it in `parts`, or while that is down.

    `window`, `close`: seconds between the two falls; `close` where only the country is known of a part of a region.
    """
    sums = [outage for outage in whole.members if outage.summed]
    feeds = {outage.feed for outage in sums}
    fallen = [outage for outage in parts.members if outage.feed in feeds and outage.facets] if sums else []
    return any(
        is_sum_of(outage, part) and _falls_with(outage, part, close if outage.kind == "region" != part.kind else window)
        for outage in sums
        for part in fallen
    )


def _falls_with(whole: OutageRevision, part: OutageRevision, within: float) -> bool:
    """Whether a sum falls within so many seconds of its part, or while that is down."""
    falls = [whole.started_at, *(at for at, _ in whole.drops)]
    return any(abs(part.started_at - at) <= within or (part.running and part.started_at <= at) for at in falls)


def _repeats_or_within(inner: OutageRevision, outer: OutageRevision) -> bool:
    if inner.entity != outer.entity or inner.started_at < outer.started_at - CLOSE:
        return False
    is_same_series = (inner.feed, inner.facets) == (outer.feed, outer.facets)
    return is_same_series or (outer.running and (inner.is_within(outer) or _outgrows(inner, outer)))


def _outgrows(later: OutageRevision, earlier: OutageRevision) -> bool:
    """Whether a network now shows more of what it has lost by a facet, other than a service.

    Of a network that is half mobile, a feed of the whole may need hours to see what the mobile half shows at once.
    """
    return later.kind == "asn" and earlier.is_within(later) and not (earlier.is_service or later.is_service)


def seconds_between(first: TrackedIncident, second: TrackedIncident) -> float:
    """Return the seconds between the nearest falls of two incidents."""
    others = _falls(second)
    return min(abs(a - b) for a in _falls(first) for b in others)


def _falls(incident: TrackedIncident) -> list[float]:
    """Return when its entities first fell, and when regions and countries fell further, in order."""
    members = incident.members
    further = [at for outage in members if outage.kind != "asn" for at, _ in outage.drops[1:]]
    return sorted({outage.started_at for outage in members} | set(further))


def simultaneous_within(feeds: Collection[str], coverage: Coverage) -> float:
    """Return the seconds within which outages begin at once: an hour, or two bins of their feeds if that is longer."""
    return max(CLOSE, *(2 * coverage.feeds.get(feed, 0.0) for feed in feeds))


def operators(incident: TrackedIncident, coverage: Coverage) -> set[str]:
    """Return the operators of the networks that are down, as far as they are known."""
    names = coverage.operators
    return {names[outage.entity] for outage in incident.confirmed if outage.entity in names}


def _is_no_chance(
    state: IncidentState,
    first: TrackedIncident,
    second: TrackedIncident,
    times: tuple[float, float, float],
    coverage: Coverage,
) -> bool:
    """Whether one incident explains the other, or chance seldom puts one so near to its country's or region's incident.

    `times`: seconds between the two, those within which incidents begin at once, and within a country's incident.
    """
    gap, close, window = times
    if explains(first, second) or explains(second, first):
        return True
    is_country = first.is_wide or second.is_wide
    if gap > (window if is_country else close) or not (is_country or first.has_region != second.has_region):
        return False
    rate = _country_rate(state, min(first.start, second.start), str(first.country), coverage)
    return poisson_tail(1, max(gap, CLOSE / 2) * rate) <= (COUNTRY_CHANCE if is_country else REGION_CHANCE)


def explains(whole: TrackedIncident, part: TrackedIncident) -> bool:
    """Whether a country that is deeply down, or down by one facet, explains all later outages of `part`."""
    members = part.members
    return any(
        outage.kind == "country"
        and outage.state == "open"
        and (outage.is_deep or outage.facets)
        and outage.started_at - outage.dated_within <= part.start
        and all(inner.is_within(outage) for inner in members)
        for outage in whole.members
    )


def _country_rate(state: IncidentState, before: float, country: str, coverage: Coverage) -> float:
    """Return the independent incidents a second that this country has."""
    starts = state.starts.get(country, {}).values()
    watched = before - (before if state.since is None else state.since)
    members = max(len(coverage.entities(country)), len(starts))
    return incident_rate(starts, before, max(watched, 0.0), members)


def crowd(
    state: IncidentState, country: str, incidents: Sequence[TrackedIncident], coverage: Coverage
) -> list[TrackedIncident]:
    """Return the most incidents of a country that begin too close together for chance; empty when there are none.

    Only confirmed ones that are not of the whole country count, each once, however many networks it has.
    """
    narrow = [incident for incident in incidents if incident.confirmed and not incident.is_wide]
    if len(narrow) < CROWD_SIZE:
        return []
    dated = sorted(((incident.start, incident.root, incident) for incident in narrow), key=lambda entry: entry[:2])
    found: list[TrackedIncident] = []
    rates: dict[float, float] = {}
    for is_service in (False, True):
        alike = [(start, incident) for start, _, incident in dated if incident.is_service == is_service]
        starts = [start for start, _ in alike]
        for first, start in enumerate(starts):
            if start not in rates:
                rates[start] = _country_rate(state, start, country, coverage)
            # The longest first: when a whole country falls at once, the first look finds it.
            for last in range(bisect_right(starts, start + WINDOW), first + max(CROWD_SIZE, len(found) + 1) - 1, -1):
                part = [incident for _, incident in alike[first:last]]
                if _is_crowd(part, starts[last - 1] - start, rates[start], coverage):
                    found = part
                    break
    return found


def _is_crowd(part: Sequence[TrackedIncident], span: float, rate: float, coverage: Coverage) -> bool:
    """Whether so many incidents within a span of seconds are not by chance, at a rate of incidents a second."""
    chance = poisson_tail(len(part) - 1, max(span, HOUR) * rate)
    if chance > HALF_CHANCE:
        return False
    outages = [outage for incident in part for outage in incident.confirmed]
    shared: Facets = tuple(sorted(set.intersection(*(set(outage.facets) for outage in outages))))
    measured = coverage.entities(str(part[0].country), shared)
    down = measured & {outage.entity for outage in outages}
    return chance <= (HALF_CHANCE if measured and 2 * len(down) >= len(measured) else CROWD_CHANCE)
