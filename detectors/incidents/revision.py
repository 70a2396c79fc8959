"""One revision of an incident out of what is remembered of it: its state, its scope, its figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf

from detectors.outages.outage_lifecycle import severity
from detectors.types import Suppression

from . import corroboration
from .affected_share import affected
from .coincidence import HOUR
from .model import DOUBT, Course, Coverage, Fall, Incident, Told, is_deep, stated, units

QUIET = HOUR / 2  # after the last outage's end, before the incident is over
STAGGER = HOUR / 2  # later than this after the first is not at once
SPREADING = 2 * HOUR  # after the newest entity fell
FAINT = 0.05  # a change of a share that is not worth a revision


def quiet_at(incident: Incident) -> float | None:
    """When it is over, unless something comes; None while an outage goes on that most feeds of its entity show."""
    ends = [most_back(its) for its in feeds_by_entity(incident.falls.values())]
    if any(end is None for end in ends):
        return None
    wait = QUIET if incident.confirmed and not _is_lost(incident.members) else 0.0
    return max(end for end in ends if end is not None) + wait


def feeds_by_entity(falls: Iterable[Fall]) -> list[list[list[Fall]]]:
    """Outages of each entity, those of each feed together."""
    found: dict[str, dict[str, list[Fall]]] = {}
    for fall in falls:
        found.setdefault(fall.entity, {}).setdefault(fall.feed, []).append(fall)
    return [list(its.values()) for its in found.values()]


def most_back(feeds: list[list[Fall]]) -> float | None:
    """When more than half of the feeds of an entity had told of the end of its outages; None when they have not."""
    told = sorted(
        inf if any(fall.running for fall in falls) else max(fall.updated_at for fall in falls) for falls in feeds
    )
    last = told[len(told) // 2]
    return None if last == inf else last


def spread_until(incident: Incident) -> float | None:
    """When it no longer counts as spreading; None when all fell at once."""
    fell = units(incident.confirmed).values()
    if incident.fault or not fell or max(fell) - min(fell) < STAGGER:
        return None
    return max(fell) + SPREADING


def course(incident: Incident, now: float) -> Course:
    """The state at an instant."""
    over, until = quiet_at(incident), spread_until(incident)
    members = incident.members
    if incident.refuted:
        return "ended"
    if over is not None and now >= over:
        return "expired" if _is_lost(members) else "ended"
    if not incident.confirmed and not incident.fault:
        return "suspected"
    if all(fall.state == "recovering" or not fall.running for fall in members):
        return "recovering"
    return "spreading" if until is not None and now < until else "ongoing"


def _is_lost(members: list[Fall]) -> bool:
    """Whether its feeds have stopped, and none has shown anything to be back."""
    return any(fall.state == "expired" for fall in members) and all(fall.state != "closed" for fall in members)


def view(incident: Incident, now: float, coverage: Coverage) -> Told:
    """The revision that would be told now."""
    members, state = incident.members, course(incident, now)
    loss = corroboration.loss(incident, coverage)
    incident.affected = max(incident.affected, 0.0 if incident.fault else affected(incident, coverage, loss.affected))
    seen = corroboration.witnesses(incident, now, coverage)
    places = [] if incident.fault else members
    return Told(
        root=incident.root,
        revision=incident.told.revision + 1 if incident.told else 1,
        state=state,
        is_sure=bool(incident.confirmed),
        is_wide=_is_wide(incident, coverage),
        countries=tuple(sorted({fall.country for fall in places if fall.country})),
        regions=tuple(sorted({_name(fall) for fall in places if fall.kind == "region"})),
        asns=tuple(sorted({int(_name(fall)) for fall in places if fall.kind == "asn"})),
        kinds=corroboration.kinds(incident, loss.drop, coverage),
        severity=severity(loss.drop),
        drop=round(loss.drop, 4),
        affected_share=None if incident.fault or incident.country is None else round(incident.affected, 4),
        services=tuple(sorted({dict(fall.facets)["service"] for fall in members if "service" in dict(fall.facets)})),
        started_at=incident.start,
        detected_at=min(fall.detected_at for fall in members),
        updated_at=now,
        ended_at=_ended_at(incident.edges) if state == "ended" else None,
        drops=() if incident.fault else loss.drops,
        spread=tuple((at, entity) for entity, at in units(places).items()),
        feeds=seen.seen_by,
        outage_ids=tuple(sorted(name for name, fall in incident.falls.items() if fall.is_of_series)),
        seen_by=seen.seen_by,
        against=seen.against,
        silent=seen.silent,
        routes_up=None if incident.fault else seen.routes_up,
        evidence=round(sum(fall.evidence for fall in members), 2),
        merged_into=None,
        absorbed=tuple(incident.absorbed),
        suppressed_by=_suppressed_by(members),
        is_doubted=any(fall.kind == DOUBT for fall in incident.falls.values()),
        facets=stated(members),
        is_refuted=incident.refuted,
    )


def _suppressed_by(members: list[Fall]) -> Suppression | None:
    """What suppresses the outage that began first, if all of them are suppressed."""
    first = min(members, key=lambda fall: (fall.started_at, fall.outage_id))
    return first.suppressed_by if all(fall.suppressed_by for fall in members) else None


def _is_wide(incident: Incident, coverage: Coverage) -> bool:
    """Whether it is told as one of the country: its own series is deeply down, or half of what is measured in it."""
    whole = [fall for fall in incident.members if fall.kind == "country"]
    fallen = {fall.entity for fall in incident.members if fall.kind != "country"}
    if not fallen or any(is_deep(fall) for fall in whole):
        return bool(whole)
    kind = "region/" if any(fall.kind == "region" for fall in incident.members) else "asn/"
    sides = {fall.facets for fall in whole} | ({()} if incident.broad else set())
    measured = [{e for e in coverage.entities(incident.country or "", side) if e.startswith(kind)} for side in sides]
    return any(2 * len(fallen & some) >= len(some) > 0 for some in measured)


def _name(fall: Fall) -> str:
    return fall.entity.partition("/")[2]


def _ended_at(edges: Sequence[Fall]) -> float:
    """When the last entity was back: each when more than half of the feeds that showed it down say so."""
    return max(_back_at(feeds) for feeds in feeds_by_entity(edges))


def _back_at(feeds: list[list[Fall]]) -> float:
    ends = sorted(max(fall.updated_at if fall.ended_at is None else fall.ended_at for fall in falls) for falls in feeds)
    return ends[len(ends) // 2]


def is_news(old: Told, new: Told) -> bool:
    """Whether there is more to say than what was told last: a changed share alone must have changed enough."""
    moved = [abs(old.drop - new.drop), abs((old.affected_share or 0) - (new.affected_share or 0))]
    same = {name: getattr(old, name) for name in ("revision", "updated_at", "evidence", "drop", "affected_share")}
    steady = tuple(drop[0] for drop in old.drops) == tuple(drop[0] for drop in new.drops)
    return max(moved) >= FAINT or not steady or replace(new, **same, drops=old.drops) != old
