"""Outages that are held, since their feed is in doubt, and that another feed shows as well: they are outages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .model import Book, Coverage, Fall, Incident
from .rules import at_once

ENOUGH = 3  # networks or places that two feeds show alike: by chance one or two are down in both

Shown = Mapping[str, Sequence[Fall]]  # by entity: outages that go on


def believed(fall: Fall) -> Fall:
    """A revision that was held, as it is told now that others bear it out."""
    state = {"suspected": "open", "retracted": "closed"}.get(fall.state, fall.state)
    return replace(fall, held=False, state=state)  # type: ignore[arg-type]


def shown(book: Book) -> Shown:
    """What is down by confirmed outages, and by those that are held."""
    found: defaultdict[str, list[Fall]] = defaultdict(list)
    for incident in book.incidents.values():
        for fall in incident.falls.values():
            if fall.running and (fall.confirmed or fall.held):
                found[fall.entity].append(fall)
    return found


def agreed(incident: Incident, others: Shown, coverage: Coverage) -> tuple[list[Fall], bool]:
    """The held outages of a feed in doubt that are none of its making, and whether that is no fault at all.

    Those that another feed shows, from about the same time on. It is no fault when these are half or more of the
    entities that others measure, and so many that it is no chance: then all are.
    """
    held = [fall for fall in incident.falls.values() if fall.running and fall.is_of_series]
    borne = [fall for fall in held if any(_same(fall, other, coverage) for other in others.get(fall.entity, ()))]
    down = {fall.entity for fall in borne}
    if len(down) < ENOUGH:
        return borne, False
    watched = {fall.entity for fall in held if _is_watched(fall, coverage)} | down
    is_none = 2 * len(down) >= len(watched)
    return (held if is_none else borne), is_none


def _same(fall: Fall, other: Fall, coverage: Coverage) -> bool:
    apart = abs(fall.started_at - other.started_at)
    return other.feed != fall.feed and apart <= at_once((fall.feed, other.feed), coverage)


def _is_watched(fall: Fall, coverage: Coverage) -> bool:
    """Whether another feed that speaks measures the entity."""
    deaf = {fall.feed, *coverage.mute}
    return any(one.entity == fall.entity and one.feed not in deaf for one in coverage.of(fall.country))
