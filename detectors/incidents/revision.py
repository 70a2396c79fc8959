"""The next revision of an incident: its phase, its scope and its figures."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from detectors.outages.outage_lifecycle import severity
from detectors.types import HOUR, Suppression

from .affected_share import weighted_share
from .corroboration import Loss, kinds_of, loss_of, witnesses_of
from .model import (
    DEEP_DROP,
    DOUBTED_FEED,
    OVER,
    Coverage,
    IncidentPhase,
    IncidentRevision,
    OutageRevision,
    TrackedIncident,
    first_falls,
    names_by_kind,
    of_kind,
)
from .sums import common_facets

QUIET = HOUR / 2  # from the end of the last outage to the end of the incident
STAGGER = HOUR / 2  # an entity that falls later than this after the first shows that the incident spreads
SPREADING = 2 * HOUR  # how long an incident counts as spreading after the newest entity fell
MIN_CHANGE = 0.05  # a change of a share that is worth a revision
RETURNING = 0.2  # the share of the loss that is back when an incident recovers
UNCONFIRMED = ("suspected", "retracted")


def revision_of(incident: TrackedIncident, now: float, coverage: Coverage) -> IncidentRevision:
    """Return the revision that describes the incident at an instant.

    Raises `incident.affected` where it has grown, and notes when the incident was confirmed and what it has lost.
    """
    members = incident.members
    loss, witnesses = loss_of(incident, members, coverage), witnesses_of(incident, members, now, coverage)
    is_down = any(outage.running and outage.state != "recovering" for outage in members)
    incident.loss = incident.loss.until(now, loss.drop * (1 - loss.back) if is_down else 0.0)
    return IncidentRevision(
        root=incident.root,
        revision=incident.latest.revision + 1 if incident.latest else 1,
        is_sure=bool(incident.confirmed),
        kinds=kinds_of(incident, members, loss.drop, coverage),
        severity=severity(loss.drop),
        drop=round(loss.drop, 4),
        affected_share=_affected_share(incident, members, loss, coverage),
        drops=() if incident.fault else loss.drops,
        outage_ids=tuple(sorted(name for name, outage in incident.outages.items() if outage.is_announced)),
        seen_by=witnesses.seen_by,
        against=witnesses.against,
        silent=witnesses.silent,
        routes_up=None if incident.fault else witnesses.routes_up,
        merged_into=None,
        absorbed=tuple(incident.absorbed),
        is_doubted=bool(of_kind(incident.outages.values(), DOUBTED_FEED)),
        is_refuted=incident.refuted,
        by_feed=_by_feed(members),
        incomplete=tuple(sorted({outage.feed for outage in members if outage.missing})),
        mean_drop=_mean_drop(incident, loss),
        **_times(incident, members, now, loss.back),
        **_scope(incident, members, coverage),
    )


def _mean_drop(incident: TrackedIncident, loss: Loss) -> float | None:
    """Return the share lost on average so far; None where the incident was over when it was first seen."""
    mean = incident.loss.mean
    return None if mean is None else round(min(mean, loss.drop), 4)


def _by_feed(members: Sequence[OutageRevision]) -> tuple[tuple[str, float], ...]:
    """Return what each feed gave when the strongest outage opened that several feeds show together."""
    found = [outage for outage in members if outage.by_feed]
    return (
        max(found, key=lambda outage: (sum(nats for _, nats in outage.by_feed), outage.outage_id)).by_feed
        if found
        else ()
    )


def _affected_share(
    incident: TrackedIncident, members: Sequence[OutageRevision], loss: Loss, coverage: Coverage
) -> float | None:
    """Return the largest share of the country so far; None for a feed's fault, and where the country is not known."""
    if incident.fault:
        return None
    share = weighted_share(incident.country or "", members, coverage, loss.affected)
    incident.affected = max(incident.affected, share)
    return None if incident.country is None else round(incident.affected, 4)


def _times(incident: TrackedIncident, members: Sequence[OutageRevision], now: float, back: float) -> dict[str, Any]:
    """Return the phase, the times and what is back of a revision."""
    phase = phase_at(incident, now, back)
    if phase not in UNCONFIRMED and incident.confirmed_at is None:
        incident.confirmed_at = now
    return {
        "state": phase,
        "started_at": incident.start,
        "detected_at": min(outage.detected_at for outage in members),
        "updated_at": now,
        "ended_at": _ended_at(incident.edges) if phase in ("ended", "retracted") else None,
        "back": 0.0 if incident.fault or phase in (*UNCONFIRMED, *OVER) else round(back, 4),
        "confirmed_at": None if phase in UNCONFIRMED else incident.confirmed_at,
    }


def _scope(incident: TrackedIncident, members: Sequence[OutageRevision], coverage: Coverage) -> dict[str, Any]:
    """Return what is down, and what its outages have in common. A feed's fault has no places."""
    places = [] if incident.fault else members
    names = names_by_kind(places)
    services = {value for outage in members for name, value in outage.facets if name == "service"}
    return {
        "is_wide": _is_wide(incident, members, coverage),
        "countries": tuple(sorted({outage.country for outage in places if outage.country})),
        "regions": tuple(sorted(names["region"])),
        "asns": tuple(sorted(map(int, names["asn"]))),
        "services": tuple(sorted(services)),
        "spread": tuple((at, entity) for entity, at in first_falls(places).items()),
        "evidence": round(sum(outage.evidence for outage in members), 2),
        "suppressed_by": _suppressed_by(members),
        "facets": common_facets(members),
    }


def _suppressed_by(members: Sequence[OutageRevision]) -> Suppression | None:
    """Return what suppresses the outage that began first, if all of them are suppressed."""
    first = min(members, key=lambda outage: (outage.started_at, outage.outage_id))
    return first.suppressed_by if all(outage.suppressed_by for outage in members) else None


def _is_wide(incident: TrackedIncident, members: Sequence[OutageRevision], coverage: Coverage) -> bool:
    """Whether it is one of the country: its own series is deeply down, or half of what is measured in it."""
    whole = of_kind(members, "country")
    down = {outage.entity for outage in members} - {outage.entity for outage in whole}
    if not down or any(outage.is_deep for outage in whole):
        return bool(whole)
    kind = "region/" if any(entity.startswith("region/") for entity in down) else "asn/"
    sides = {outage.facets for outage in whole} | ({()} if incident.broad else set())
    measured = [{e for e in coverage.entities(incident.country or "", side) if e.startswith(kind)} for side in sides]
    return any(2 * len(down & entities) >= len(entities) > 0 for entities in measured)


def phase_at(incident: TrackedIncident, now: float, back: float) -> IncidentPhase:
    """Return the phase at an instant. `back`: the share of the loss that is back."""
    if incident.refuted:
        return "retracted"
    over, until, members = over_at(incident), spreading_until(incident), incident.members
    is_over, is_sure = over is not None and now >= over, bool(incident.confirmed or incident.fault)
    if is_over and is_sure:
        return "expired" if _is_lost(members) else "ended"
    if not is_sure:
        return "retracted" if is_over else "suspected"
    is_returning = back >= RETURNING and not incident.fault
    if is_returning or all(outage.state == "recovering" or not outage.running for outage in members):
        return "recovering"
    return "spreading" if until is not None and now < until else "ongoing"


def over_at(incident: TrackedIncident) -> float | None:
    """Return when it is over unless a further outage joins it; None while most feeds of an entity show it down."""
    outages = list(incident.outages.values())
    ends = [_reported_end(feeds) for feeds in outages_by_entity(outages if incident.fault else _deciding(outages))]
    last, confirmed = max(ends), incident.confirmed
    wait = QUIET if confirmed and not _is_lost(confirmed) else 0.0
    return None if last == inf else last + wait


def spreading_until(incident: TrackedIncident) -> float | None:
    """Return when it no longer counts as spreading; None when all entities fell at once."""
    fell = [] if incident.fault else list(first_falls(incident.confirmed).values())
    if not fell or max(fell) - min(fell) < STAGGER:
        return None
    return max(fell) + SPREADING


def _is_lost(members: Iterable[OutageRevision]) -> bool:
    """Whether a feed has stopped, and no outage is known to have ended."""
    states = {outage.state for outage in members}
    return "expired" in states and "closed" not in states


def outages_by_entity(outages: Iterable[OutageRevision]) -> list[list[list[OutageRevision]]]:
    """Return the outages of each entity, grouped by feed."""
    found: dict[str, dict[str, list[OutageRevision]]] = {}
    for outage in outages:
        found.setdefault(outage.entity, {}).setdefault(outage.feed, []).append(outage)
    return [list(by_feed.values()) for by_feed in found.values()]


def _deciding(outages: Sequence[OutageRevision]) -> Sequence[OutageRevision]:
    """Return the outages that say when an incident is over: not what is doubtful or small on the first day of a series.

    Where an older series shows an entity down, one on its first day counts while it is confirmed and shows half lost.
    """
    sure = {outage.entity for outage in outages if outage.confirmed and not outage.is_young}
    return [outage for outage in outages if not sure or not outage.is_young or _counts_though_young(outage, sure)]


def _counts_though_young(outage: OutageRevision, sure: Collection[str]) -> bool:
    """Whether an outage counts though its series is young. `sure`: entities that older series show down."""
    small = outage.state == "open" and outage.still_lost < DEEP_DROP  # what recovers is about to say when it ended
    return outage.confirmed and not (small and outage.entity in sure)


def _reported_end(feeds: Sequence[Sequence[OutageRevision]]) -> float:
    """Return when more than half of an entity's feeds reported the end of its outages; infinite before that."""
    ends = sorted(
        inf if any(outage.running for outage in outages) else max(outage.updated_at for outage in outages)
        for outages in feeds
    )
    return ends[len(ends) // 2]


def _ended_at(edges: Sequence[OutageRevision]) -> float:
    """Return when the last entity was back: for each, when more than half of the feeds that showed it down agree."""
    return max(_back_at(feeds) for feeds in outages_by_entity(_deciding(edges)))


def _back_at(feeds: Sequence[Sequence[OutageRevision]]) -> float:
    ends = sorted(
        max(outage.updated_at if outage.ended_at is None else outage.ended_at for outage in outages)
        for outages in feeds
    )
    return ends[len(ends) // 2]


def worth_sending(old: IncidentRevision, new: IncidentRevision) -> bool:
    """Whether a revision differs enough from the one before: shares by `MIN_CHANGE`, anything else at all."""
    moved = [abs(a - b) for a, b in zip(_shares(old), _shares(new), strict=True)]
    names = ("revision", "updated_at", "evidence", "drop", "affected_share", "back", "mean_drop")
    unchanged = {name: getattr(old, name) for name in names}
    is_steady = tuple(at for at, _ in old.drops) == tuple(at for at, _ in new.drops)
    return max(moved) >= MIN_CHANGE or not is_steady or replace(new, **unchanged, drops=old.drops) != old


def _shares(revision: IncidentRevision) -> tuple[float, float, float]:
    return revision.drop, revision.affected_share or 0.0, revision.back
