"""Outages under a suspected fault of their feed that another feed shows as well: they are real."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .model import Coverage, IncidentState, OutageRevision, TrackedIncident
from .rules import simultaneous_within

MIN_ENTITIES = 3  # that two feeds show alike: one or two are down in both by chance
AGAIN = 2  # times the bins of its evidence, for which an outage of a shard must be down after a fault of the whole feed
UNSEEN = 8  # times as many bins, where the series of its country do not show it

OutagesByEntity = Mapping[str, Sequence[OutageRevision]]


def cleared(outage: OutageRevision) -> OutageRevision:
    """Return an outage without the suspicion, and with the state that it has then."""
    state = {"suspected": "open", "retracted": "closed"}.get(outage.state, outage.state)
    return replace(outage, suspected_fault=False, state=state)  # type: ignore[arg-type]


def running_outages(state: IncidentState) -> OutagesByEntity:
    """Return running outages that are confirmed or under a suspected fault, by entity."""
    found: defaultdict[str, list[OutageRevision]] = defaultdict(list)
    for incident in state.incidents.values():
        for outage in incident.outages.values():
            if outage.running and (outage.confirmed or outage.suspected_fault):
                found[outage.entity].append(outage)
    return found


def refute(
    incident: TrackedIncident, running: OutagesByEntity, coverage: Coverage
) -> tuple[list[OutageRevision], bool]:
    """Return the outages of a feed's fault that are real, and whether the feed is not at fault at all.

    An outage is real when another feed shows one of the same entity from about the same time on. The feed is not at
    fault when these are half or more of the entities that other feeds measure, and too many for chance: then all
    its outages are real.
    """
    suspected = [outage for outage in incident.outages.values() if outage.running and outage.is_of_series]
    shown = [
        outage
        for outage in suspected
        if any(_agree(outage, other, coverage) for other in running.get(outage.entity, ()))
    ]
    down = {outage.entity for outage in shown}
    if len(down) < MIN_ENTITIES:
        return shown, False
    watched = {outage.entity for outage in suspected if _is_watched(outage, coverage)} | down
    is_no_fault = 2 * len(down) >= len(watched)
    return (suspected if is_no_fault else shown), is_no_fault


def _agree(outage: OutageRevision, other: OutageRevision, coverage: Coverage) -> bool:
    """Whether outages of one entity are of two feeds and begin at once."""
    apart = abs(outage.started_at - other.started_at)
    return other.feed != outage.feed and apart <= simultaneous_within((outage.feed, other.feed), coverage)


def _is_watched(outage: OutageRevision, coverage: Coverage) -> bool:
    """Whether another feed that is not mute measures the entity."""
    excluded = {outage.feed, *coverage.mute}
    return any(series.entity == outage.entity and series.feed not in excluded for series in coverage.of(outage.country))
