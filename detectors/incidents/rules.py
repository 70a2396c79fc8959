"""Which incidents belong together: the same entity, a place inside another, one operator, or too many for chance."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence

from .coincidence import HOUR, at_least, rate
from .model import Book, Coverage, Facets, Fall, Incident, is_deep

WINDOW = 6 * HOUR  # an outage that begins later than this after all others has a reason of its own
CLOSE = HOUR  # as near as the start of a network's and of its region's outage are to one another, or two bins
SELDOM = 0.25  # the chance of an unrelated outage below which a country's incident takes in a network or region
RARE = 0.05  # the same for the incident of a region and a network of its country
LEAST = 3
NEVER = 1e-5  # the chance of so many at once below which they are one
HALF = 1e-3  # the same when they are half of what is measured


def near(one: Incident, other: Incident) -> float:
    """Seconds between the nearest signs of life of two incidents: an entity's first fall, or a further one."""
    mine, others = _signs(one), _signs(other)
    return min(abs(a - b) for a in mine for b in others)


def _signs(incident: Incident) -> list[float]:
    areas = [fall for fall in incident.members if fall.kind != "asn"]
    further = [at for fall in areas for at, _ in fall.drops[1:]]
    return sorted({fall.started_at for fall in incident.members} | set(further))


def together(book: Book, one: Incident, other: Incident, coverage: Coverage) -> bool:
    """Whether two incidents of one country are one."""
    if _part_of(one, other) or _part_of(other, one):
        return True
    if one.is_service != other.is_service:
        return False
    gap = near(one, other)
    if entities(one) & entities(other) and gap <= WINDOW:
        return True
    close = _close(one, other, coverage)
    if gap <= close and operators(one, coverage) & operators(other, coverage):
        return True
    return one.country is not None and _is_no_chance(book, one, other, (gap, close), coverage)


def _is_no_chance(book: Book, one: Incident, other: Incident, times: tuple[float, float], coverage: Coverage) -> bool:
    """Whether so near to an incident of their country or region an unrelated one would be seldom, or it explains it.

    `times`: seconds between them, and within which they begin at once.
    """
    gap, close = times
    if explains(one, other) or explains(other, one):
        return True
    is_near = is_wide(one) or is_wide(other)
    if gap > (WINDOW if is_near else close) or not (is_near or has_region(one) != has_region(other)):
        return False
    pace = _rate(book, min(one.start, other.start), str(one.country), coverage)
    return at_least(1, max(gap, CLOSE / 2) * pace) <= (SELDOM if is_near else RARE)


def _close(one: Incident, other: Incident, coverage: Coverage) -> float:
    """Seconds within which two begin at once."""
    return at_once({fall.feed for incident in (one, other) for fall in incident.members}, coverage)


def at_once(feeds: Collection[str], coverage: Coverage) -> float:
    """Seconds within which outages begin at once: an hour, or two bins of their feeds if that is longer."""
    return max(CLOSE, *(2 * coverage.feeds.get(feed, 0.0) for feed in feeds))


def entities(incident: Incident) -> set[str]:
    """What has fallen."""
    return {fall.entity for fall in incident.members}


def _part_of(part: Incident, whole: Incident) -> bool:
    """Whether each outage of a part is another round of one of the whole, or inside one that goes on."""
    return all(
        any(
            inner.entity == outer.entity
            and inner.started_at >= outer.started_at - CLOSE
            and (_series(inner) == _series(outer) or (outer.running and set(outer.facets) <= set(inner.facets)))
            for outer in whole.members
        )
        for inner in part.members
    )


def _series(fall: Fall) -> tuple[str, Facets]:
    return fall.feed, fall.facets


def is_wide(incident: Incident) -> bool:
    """Whether it is of a country, not of single networks or regions in it."""
    return bool(incident.confirmed) and (incident.broad or any(fall.kind == "country" for fall in incident.members))


def has_region(incident: Incident) -> bool:
    """Whether a region has fallen, by a series of its own."""
    return any(fall.kind == "region" for fall in incident.confirmed)


def explains(whole: Incident, part: Incident) -> bool:
    """Whether a country that is deeply down, or by one facet, explains what of that falls in it after."""
    return any(
        fall.kind == "country"
        and fall.state == "open"
        and (is_deep(fall) or fall.facets)
        and fall.started_at <= part.start
        and all(set(fall.facets) <= set(inner.facets) for inner in part.members)
        for fall in whole.members
    )


def operators(incident: Incident, coverage: Coverage) -> set[str]:
    """Who runs the networks that have fallen, where that is known."""
    known = coverage.operators
    return {known[fall.entity] for fall in incident.confirmed if fall.entity in known}


def _rate(book: Book, before: float, country: str, coverage: Coverage) -> float:
    """Independent incidents a second that this country has."""
    starts = book.begun.get(country, {}).values()
    watched = before - (before if book.since is None else book.since)
    return rate(starts, before, max(watched, 0.0), max(len(coverage.entities(country)), len(starts)))


def crowd(book: Book, country: str, incidents: Sequence[Incident], coverage: Coverage) -> list[Incident]:
    """The most incidents of a country that begin too close together for chance; none when there are no such.

    Only confirmed ones that are not wide count, one each, however many networks they have.
    """
    lone = sorted((i for i in incidents if i.confirmed and not is_wide(i)), key=lambda i: (i.start, i.root))
    found: list[Incident] = []
    paces: dict[float, float] = {}
    for is_service in (False, True):
        some = [incident for incident in lone if incident.is_service == is_service]
        starts = [incident.start for incident in some]
        for first, start in enumerate(starts):
            pace = paces[start] if start in paces else paces.setdefault(start, _rate(book, start, country, coverage))
            # The longest first: that a whole country fell at once is seen at the first look.
            for last in range(bisect_right(starts, start + WINDOW), first + max(LEAST, len(found) + 1) - 1, -1):
                if _is_crowd(some[first:last], starts[last - 1] - start, pace, coverage):
                    found = some[first:last]
                    break
    return found


def _is_crowd(part: Sequence[Incident], span: float, pace: float, coverage: Coverage) -> bool:
    """Whether so many within a span are not by chance, where one expects `pace` a second."""
    chance = at_least(len(part) - 1, max(span, HOUR) * pace)
    if chance > HALF:
        return False
    falls = [fall for incident in part for fall in incident.confirmed]
    shared = set.intersection(*(set(fall.facets) for fall in falls))
    measured = coverage.entities(str(part[0].country), tuple(sorted(shared)))
    fallen = measured & {fall.entity for fall in falls}
    return chance <= (HALF if measured and 2 * len(fallen) >= len(measured) else NEVER)
