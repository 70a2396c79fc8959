"""Incidents: revisions of outages go in, in the order of event time; revisions of incidents come out.

Pure: the same revisions and the same coverage give the same incidents, however often time advances in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf

from .candidates import Candidates
from .coincidence import MONTH
from .fault_refutation import cleared, refute, running_outages
from .model import FEED_FAULT, OVER, Coverage, IncidentRevision, IncidentState, OutageRevision, TrackedIncident
from .revision import over_at, revision_of, spreading_until, worth_sending
from .rules import belong_together, crowd
from .sums import with_summed_facets


def apply_revisions(
    state: IncidentState, outages: Sequence[OutageRevision], now: float, coverage: Coverage
) -> list[IncidentRevision]:
    """Apply the outage revisions of one instant; return new revisions of incidents, at most one each at an instant.

    What falls due before `now` comes first.
    """
    earlier = advance(state, now, coverage)
    changed = {root for root, incident in state.incidents.items() if _due_at(incident, state.now) == now}
    state.now, state.since = now, now if state.since is None else state.since
    for outage in sorted(outages, key=lambda outage: (outage.started_at, outage.outage_id, outage.revision)):
        changed |= set(_place(state, with_summed_facets(outage, coverage)))
    changed |= set(_refute_faults(state, coverage))
    countries = _note_starts(state, changed)
    merged = _regroup(state, changed, countries, coverage)
    return earlier + merged + _revise(state, changed, now, coverage)


def advance(state: IncidentState, now: float, coverage: Coverage) -> list[IncidentRevision]:
    """Return the revisions that time alone brings before `now`, each at its own instant."""
    revisions: list[IncidentRevision] = []
    while (due := min((_due_at(incident, state.now) for incident in state.incidents.values()), default=now)) < now:
        ready = {root for root, incident in state.incidents.items() if _due_at(incident, state.now) == due}
        state.now = due
        revisions += _revise(state, ready, due, coverage)
    return revisions


def _due_at(incident: TrackedIncident, after: float) -> float:
    """Return when time alone changes an incident next, after a time; infinite when it does not."""
    if incident.is_over:
        return inf
    times = [over_at(incident), spreading_until(incident)]
    return min((at for at in times if at is not None and at > after), default=inf)


def _place(state: IncidentState, outage: OutageRevision) -> list[str]:
    """Put an outage into its incident, or into one of its own; return the roots of the incidents that changed."""
    home = state.incidents.get(state.roots.get(outage.outage_id, ""))
    previous = home.outages.get(outage.outage_id) if home else None
    if (previous and not _is_news(previous, outage)) or (home is None and not outage.running):
        return []
    changed = []
    if home and home.is_over:
        home.outages[outage.outage_id] = outage
        _forget(state, home)
        return []
    if home and home.fault and not outage.suspected_fault and outage.running:
        # The network stays down while its feed is well again.
        changed, home = [_withdraw(home, outage)], None
    if outage.suspected_fault and outage.is_of_series and _is_corroborated(state, home, outage):
        outage = cleared(outage)
    elif outage.suspected_fault and outage.is_of_series and home and not home.fault:
        # What was announced before the fault was a mere suspicion: it is one of the fault now.
        changed, home = [_withdraw(home, replace(outage, suspected_fault=False))], None
    home = home or _new_home(state, outage)
    state.roots[outage.outage_id] = home.root
    home.outages[outage.outage_id] = outage
    return [*changed, home.root]


def _is_news(previous: OutageRevision, outage: OutageRevision) -> bool:
    """Whether a revision is newer, or the same with another verdict on whether its feed is at fault."""
    is_judged = outage.revision == previous.revision and outage.suspected_fault != previous.suspected_fault
    return outage.revision > previous.revision or (is_judged and outage.running)


def _withdraw(incident: TrackedIncident, outage: OutageRevision) -> str:
    """Retract an outage within an incident, as it is in another one now; return the root."""
    incident.outages[outage.outage_id] = replace(outage, state="retracted", suspected_fault=bool(incident.fault))
    return incident.root


def _is_corroborated(state: IncidentState, home: TrackedIncident | None, outage: OutageRevision) -> bool:
    """Whether another feed shows this outage, so that it is in an incident of networks, or refutes the feed's fault."""
    if home:
        return not home.fault and any(
            other.confirmed and other.entity == outage.entity for other in home.outages.values()
        )
    return any(incident.refuted and incident.fault == outage.feed for incident in state.incidents.values())


def _new_home(state: IncidentState, outage: OutageRevision) -> TrackedIncident:
    """Return the incident of the feed's fault if there is one, else a new incident."""
    root, fault = outage.outage_id, ""
    if outage.suspected_fault:
        for incident in state.incidents.values():
            if incident.fault == outage.feed and not incident.refuted:
                return incident
        root, fault = f"{FEED_FAULT}/{outage.outage_id}", outage.feed
    return state.incidents.setdefault(root, TrackedIncident(root, outage.updated_at, outage.country, fault))


def _refute_faults(state: IncidentState, coverage: Coverage) -> Iterator[str]:
    """Move outages that another feed shows from feeds' faults to incidents of their own; yield the roots of all."""
    faults = [fault for fault in state.incidents.values() if fault.fault and not fault.is_over and not fault.refuted]
    faults = [
        fault for fault in faults if any(outage.running and outage.is_of_series for outage in fault.outages.values())
    ]
    running = running_outages(state) if faults else {}
    for fault in sorted(faults, key=lambda fault: fault.age):
        outages, fault.refuted = refute(fault, running, coverage)
        for outage in outages:
            incident = TrackedIncident(outage.outage_id, state.now, outage.country)
            incident.outages[outage.outage_id] = cleared(outage)
            state.incidents[outage.outage_id] = incident
            state.roots[outage.outage_id] = outage.outage_id
            yield from (outage.outage_id, _withdraw(fault, outage))


def _forget(state: IncidentState, incident: TrackedIncident) -> None:
    """Forget an incident that is over, once none of its outages runs."""
    if any(outage.running for outage in incident.outages.values()):
        return
    del state.incidents[incident.root]
    for outage_id in incident.outages:
        if state.roots.get(outage_id) == incident.root:
            del state.roots[outage_id]


def _note_starts(state: IncidentState, changed: set[str]) -> set[str]:
    """Note when confirmed incidents began; return the countries with newly confirmed ones."""
    countries = set()
    for incident in (state.incidents[root] for root in sorted(changed)):
        if incident.country and not incident.fault and incident.confirmed:
            starts = state.starts.setdefault(incident.country, {})
            if incident.root not in starts:
                countries.add(incident.country)
            starts[incident.root] = incident.start
            for old in [root for root, start in starts.items() if start < state.now - 2 * MONTH]:
                del starts[old]
    return countries


def _regroup(
    state: IncidentState, changed: set[str], countries: set[str], coverage: Coverage
) -> list[IncidentRevision]:
    """Merge incidents that belong together, beginning with those that changed; return the last revisions of the merged.

    `countries`: those in which a crowd of incidents is looked for.
    """
    revisions = _merge_pairs(state, changed, coverage)
    for country in sorted(countries):
        crowded = crowd(state, country, _incidents_of(state, country), coverage)
        if crowded:
            min(crowded, key=lambda incident: incident.age).broad = True
            revisions += _merge(state, crowded, changed)
            revisions += _merge_pairs(state, changed, coverage)
    return revisions


def _merge_pairs(state: IncidentState, changed: set[str], coverage: Coverage) -> list[IncidentRevision]:
    """Merge each changed incident with the first that it belongs to, until none is left."""
    revisions: list[IncidentRevision] = []
    queue = deque(sorted(changed))
    by_country: dict[str | None, Candidates] = {}
    while queue:
        incident = state.incidents.get(queue.popleft())
        if incident is None or incident.fault or incident.is_over:
            continue
        if incident.country not in by_country:
            by_country[incident.country] = Candidates(_incidents_of(state, incident.country), coverage)
        candidates = by_country[incident.country]
        related = candidates.related(incident)
        other = next((other for other in related if belong_together(state, incident, other, coverage)), None)
        if other:
            old, young = sorted((incident, other), key=lambda member: member.age)
            revisions += _merge(state, [old, young], changed)
            candidates.drop(young.root)
            candidates.put(old)
            queue.append(old.root)
    return revisions


def _incidents_of(state: IncidentState, country: str | None) -> list[TrackedIncident]:
    """Return the incidents of networks in a country that are not over, oldest first."""
    incidents = (incident for incident in state.incidents.values() if incident.country == country)
    return sorted(
        (incident for incident in incidents if not incident.fault and not incident.is_over),
        key=lambda incident: incident.age,
    )


def _merge(state: IncidentState, incidents: Sequence[TrackedIncident], changed: set[str]) -> list[IncidentRevision]:
    """Merge incidents into the oldest; return a last revision of each younger one that has been announced."""
    oldest, *rest = sorted(incidents, key=lambda incident: incident.age)
    revisions = []
    for young in rest:
        oldest.outages |= young.outages
        oldest.broad |= young.broad
        confirmed = [at for at in (oldest.confirmed_at, young.confirmed_at) if at is not None]
        oldest.confirmed_at = min(confirmed, default=None)
        state.roots |= dict.fromkeys(young.outages, oldest.root)
        del state.incidents[young.root]
        state.starts.get(young.country or "", {}).pop(young.root, None)
        changed.discard(young.root)
        if young.latest:
            oldest.absorbed.append(young.root)
            last = replace(young.latest, revision=young.latest.revision + 1, updated_at=state.now, ended_at=None)
            revisions.append(replace(last, state="ended", merged_into=oldest.root))
    changed.add(oldest.root)
    return revisions


def _revise(state: IncidentState, roots: set[str], now: float, coverage: Coverage) -> list[IncidentRevision]:
    """Return the next revisions that are worth sending, and forget incidents that are over."""
    revisions = []
    for root in sorted(roots):
        incident = state.incidents[root]
        revision = revision_of(incident, now, coverage)
        if incident.latest is None or worth_sending(incident.latest, revision):
            incident.latest = revision
            revisions.append(revision)
        if revision.state in OVER:
            _forget(state, incident)
    return revisions
