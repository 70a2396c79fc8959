"""Incidents: revisions of outages in the order of event time go in, revisions of incidents come out.

Pure: the same revisions and the same coverage give the same incidents, whatever came in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf

from .candidates import Neighbours, age
from .coincidence import MONTH
from .fault_refutation import agreed, believed, shown
from .model import FAULT, OVER, Book, Coverage, Fall, Incident, Told
from .revision import is_news, quiet_at, spread_until, view
from .rules import crowd, together


def take(book: Book, falls: Sequence[Fall], now: float, coverage: Coverage) -> list[Told]:
    """Apply the revisions of one instant, after whatever fell due before it. One revision an incident and instant."""
    told = advance(book, now, coverage)
    touched = {root for root, incident in book.incidents.items() if _due(incident, book.now) == now}
    book.now, book.since = now, now if book.since is None else book.since
    touched |= {root for fall in sorted(falls, key=_order) for root in _place(book, fall)}
    touched |= set(_release(book, coverage))
    fresh = _count(book, touched)
    merged = _regroup(book, touched, fresh, coverage)
    return told + merged + _tell(book, touched, now, coverage)


def advance(book: Book, now: float, coverage: Coverage) -> list[Told]:
    """Tell what changed by the passing of time alone before `now`, each at its own instant."""
    told: list[Told] = []
    while (due := min((_due(one, book.now) for one in book.incidents.values()), default=now)) < now:
        ready = {root for root, incident in book.incidents.items() if _due(incident, book.now) == due}
        book.now = due
        told += _tell(book, ready, due, coverage)
    return told


def _order(fall: Fall) -> tuple[float, str, int]:
    return fall.started_at, fall.outage_id, fall.revision


def _place(book: Book, fall: Fall) -> list[str]:
    """Put an outage into its incident, or into one of its own; return the roots of those that changed."""
    home = book.incidents.get(book.homes.get(fall.outage_id, ""))
    known = home.falls.get(fall.outage_id) if home else None
    if (known and known.revision >= fall.revision) or (home is None and not fall.running):
        return []
    left = []
    if home and home.is_over:
        home.falls[fall.outage_id] = fall
        _forget(book, home)
        return []
    if home and home.fault and not fall.held and fall.running:  # it stays down while the feed is well again
        left, home = [_leave(home, fall)], None
    if fall.held and fall.is_of_series and _is_borne_out(book, home, fall):
        fall = believed(fall)
    home = home or _home(book, fall)
    book.homes[fall.outage_id] = home.root
    home.falls[fall.outage_id] = fall
    return [*left, home.root]


def _leave(fault: Incident, fall: Fall) -> str:
    """Note that an outage was none of a feed's fault; return the root of that."""
    fault.falls[fall.outage_id] = replace(fall, state="retracted", held=True)
    return fault.root


def _is_borne_out(book: Book, home: Incident | None, fall: Fall) -> bool:
    """Whether another feed agrees: with this outage, so that its home is one of networks, or with its feed."""
    return not home.fault if home else any(one.refuted and one.fault == fall.feed for one in book.incidents.values())


def _release(book: Book, coverage: Coverage) -> Iterator[str]:
    """Let go of what is held and another feed shows, each to an incident of its own; yield the roots of all these."""
    faults = [one for one in book.incidents.values() if one.fault and not one.is_over and not one.refuted]
    faults = [one for one in faults if any(fall.running and fall.is_of_series for fall in one.falls.values())]
    others = shown(book) if faults else {}
    for fault in sorted(faults, key=age):
        falls, fault.refuted = agreed(fault, others, coverage)
        for fall in falls:
            book.incidents[fall.outage_id] = Incident(fall.outage_id, book.now, fall.country)
            book.incidents[fall.outage_id].falls[fall.outage_id] = believed(fall)
            book.homes[fall.outage_id] = fall.outage_id
            yield from (fall.outage_id, _leave(fault, fall))


def _forget(book: Book, incident: Incident) -> None:
    """Forget an incident that is over, once none of its outages runs."""
    if any(fall.running for fall in incident.falls.values()):
        return
    del book.incidents[incident.root]
    for outage_id in incident.falls:
        if book.homes.get(outage_id) == incident.root:
            del book.homes[outage_id]


def _home(book: Book, fall: Fall) -> Incident:
    """The incident of the feed's fault, or a new one."""
    if fall.held:
        found = next((one for one in book.incidents.values() if one.fault == fall.feed and not one.refuted), None)
        root, fault = f"{FAULT}/{fall.outage_id}", fall.feed
    else:
        found, root, fault = None, fall.outage_id, ""
    return found or book.incidents.setdefault(root, Incident(root, fall.updated_at, fall.country, fault))


def _count(book: Book, touched: set[str]) -> set[str]:
    """Note when newly confirmed incidents began; return the countries that have such."""
    fresh = set()
    for incident in (book.incidents[root] for root in sorted(touched)):
        if incident.country and not incident.fault and incident.confirmed:
            begun = book.begun.setdefault(incident.country, {})
            if incident.root not in begun:
                fresh.add(incident.country)
            begun[incident.root] = incident.start
            for old in [root for root, start in begun.items() if start < book.now - 2 * MONTH]:
                del begun[old]
    return fresh


def _regroup(book: Book, touched: set[str], fresh: set[str], coverage: Coverage) -> list[Told]:
    """Join what belongs together, starting from what changed; return the last revisions of those that were joined."""
    told: list[Told] = []
    queue = deque(sorted(touched))
    by_country: dict[str | None, Neighbours] = {}
    while queue:
        incident = book.incidents.get(queue.popleft())
        if incident is None or incident.fault or incident.is_over:
            continue
        if incident.country not in by_country:
            by_country[incident.country] = Neighbours(_of(book, incident.country), coverage)
        near = by_country[incident.country]
        pair = next((other for other in near.related(incident) if together(book, incident, other, coverage)), None)
        if pair:
            old, young = sorted((incident, pair), key=age)
            told += _merge(book, [old, young], touched)
            near.drop(young.root)
            near.put(old)
            queue.append(old.root)
    for country in sorted(fresh):
        many = crowd(book, country, _of(book, country), coverage)
        if many:
            min(many, key=age).broad = True
            told += _merge(book, many, touched)
            told += _regroup(book, touched, set(), coverage)
    return told


def _of(book: Book, country: str | None) -> list[Incident]:
    """Incidents of networks in a country, oldest first."""
    alive = (one for one in book.incidents.values() if one.country == country and not one.fault and not one.is_over)
    return sorted(alive, key=age)


def _merge(book: Book, incidents: Sequence[Incident], touched: set[str]) -> list[Told]:
    """Join incidents to the oldest; the younger ones that somebody was told of say where they went."""
    oldest, *rest = sorted(incidents, key=age)
    told = []
    for young in rest:
        oldest.falls |= young.falls
        oldest.broad |= young.broad
        book.homes |= dict.fromkeys(young.falls, oldest.root)
        del book.incidents[young.root]
        book.begun.get(young.country or "", {}).pop(young.root, None)
        touched.discard(young.root)
        if young.told:
            oldest.absorbed.append(young.root)
            last = replace(young.told, revision=young.told.revision + 1, updated_at=book.now, ended_at=None)
            told.append(replace(last, state="ended", merged_into=oldest.root))
    touched.add(oldest.root)
    return told


def _tell(book: Book, roots: set[str], now: float, coverage: Coverage) -> list[Told]:
    """The next revisions of incidents, of those that have something to say; those that are over are forgotten."""
    told = []
    for root in sorted(roots):
        incident = book.incidents[root]
        new = view(incident, now, coverage)
        if incident.told is None or is_news(incident.told, new):
            incident.told = new
            told.append(new)
        if new.state in OVER:
            _forget(book, incident)
    return told


def _due(incident: Incident, after: float) -> float:
    """When time alone changes it next, after a time; infinite when it does not."""
    if incident.is_over:
        return inf
    times = [quiet_at(incident), spread_until(incident)]
    return min((at for at in times if at is not None and at > after), default=inf)
