"""Which entry of a calendar makes an outage expected, and the revisions that follow from it.

Pure. An expected outage is reported like any other, with the entry that suppresses it. See docs/calendar.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeAlias

from detectors.types import Change, ClosedBin, Suppression

from . import decide
from .detector_state import DetectorState, ScoredBin

HOUR = 3600.0
SHARE, LEAST, MOST = 0.25, HOUR / 2, 12 * HOUR  # of an entry's length, by which an outage may begin before it
LATER = 2  # bins after an entry's end: so many a return takes to be seen
RECURRING = "recurring"  # in place of an entry's id, where losses recur each day
FOREVER = ((float("-inf"), float("inf")),)
GOING_ON = ("suspected", "open")  # and neither over nor on its way back

Ask: TypeAlias = Callable[[int, int], Suppression | None]


class OutagePlace(Protocol):
    """Where an outage is: its entity, the country and region of that, and its facets."""

    @property
    def entity(self) -> str:
        """Such as `asn/43754`."""

    @property
    def country(self) -> str | None:
        """Its country."""

    @property
    def region(self) -> str | None:
        """Its region."""

    @property
    def facets(self) -> tuple[tuple[str, str], ...]:
        """The part of it that is down, such as an access technology."""


class CalendarWindow(NamedTuple):
    """An entry of the calendar: outages of these entities are expected from `starts` up to `ends` (Unix s).

    No facets: all facets. `valid`: the spans of event time in which the calendar had the entry.
    """

    entry_id: str
    starts: float
    ends: float
    entities: frozenset[str]
    facets: tuple[tuple[str, str], ...]
    note: str
    valid: tuple[tuple[float, float], ...] = FOREVER

    @property
    def early(self) -> float:
        """Seconds by which an outage may begin before the entry: a day begins half a day sooner or later elsewhere."""
        return min(max(SHARE * (self.ends - self.starts), LEAST), MOST)


def current(entries: Iterable[CalendarWindow], start: int, end: int) -> list[CalendarWindow]:
    """Return the entries that may suppress a change of the bin from `start` to `end` (Unix s), by their begin."""
    over = end - LATER * (end - start)
    near = [
        entry
        for entry in entries
        if entry.starts - entry.early <= end and over <= entry.ends and any(a <= end < b for a, b in entry.valid)
    ]
    return sorted(near, key=lambda entry: (entry.starts, entry.entry_id))


def suppression(entries: Iterable[CalendarWindow], place: OutagePlace, began: float) -> Suppression | None:
    """Return the first of these entries that covers an outage which began by then at the latest (Unix seconds)."""
    inside = within(place)
    for entry in entries:
        if began > entry.starts - entry.early and inside & entry.entities and set(entry.facets) <= set(place.facets):
            return Suppression(entry.entry_id, entry.note)
    return None


def within(place: OutagePlace) -> set[str]:
    """Return the entities that a place is, or is a part of."""
    kind, _, name = place.entity.partition("/")
    country = place.country or (name[:2] if kind == "region" else None)
    return {
        place.entity,
        *([f"country/{country}"] if country else ()),
        *([f"region/{place.region}"] if place.region else ()),
    }


@dataclass(frozen=True, slots=True)
class DecidedBin:
    """A bin that has just been decided: the state of the detector, the bin, and its scores."""

    state: DetectorState
    seen: ClosedBin
    scored: ScoredBin


def apply(now: DecidedBin, changes: Sequence[Change], ask: Ask) -> list[Change]:
    """Return the changes with what suppresses each, and a revision of each outage of which only that has changed.

    `ask`: what suppresses the outage of a row that began at a time at the latest.
    """
    suppressed = [_with(now.state, change, ask) for change in changes]
    rows = sorted(now.state.ongoing.keys() - {change.row for change in changes})
    more = [_turned(now, row, ask) for row in rows]
    return suppressed + [change for change in more if change]


def _with(state: DetectorState, change: Change, ask: Ask) -> Change:
    """Return a change with what suppresses it; what is over or recovering when an entry ends stays suppressed."""
    found = ask(change.row, change.started_between[1])
    if found is None and change.state not in GOING_ON:
        found = change.suppressed_by
    if change.row in state.ongoing:
        state.ongoing[change.row] = replace(state.ongoing[change.row], suppressed_by=found)
    return replace(change, suppressed_by=found)


def _turned(now: DecidedBin, row: int, ask: Ask) -> Change | None:
    """Return the next revision of an open outage, if an entry has come to suppress it, or no longer does."""
    old = now.state.ongoing[row]
    found = ask(row, old.started_to)
    if found == old.suppressed_by or (found is None and old.state not in GOING_ON):
        return None
    reason = _turn(found, old.suppressed_by)
    now.state.ongoing[row] = replace(old, revision=old.revision + 1, suppressed_by=found, reason=reason)
    return decide.repeat(now.state, row, now.seen, now.scored)


def _turn(found: Suppression | None, before: Suppression | None) -> str:
    """Return why an outage is expected now, or no longer is."""
    by = found or before
    if by is not None and by.entry_id == RECURRING:
        return found.note if found else "deeper than on the days before, or at other hours"
    return "the calendar has it" if found else "the calendar no longer has it"
