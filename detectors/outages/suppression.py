"""What was announced: which entry of a calendar makes an outage expected, and the revisions that follow from it.

Pure. An outage that is expected is told like any other, only with the entry that suppresses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeAlias

from detectors.types import Change, ClosedBin, Suppression

from . import decide
from .score_bins import Desk, Scored

HOUR = 3600.0
SHARE, LEAST, MOST = 0.25, HOUR / 2, 12 * HOUR  # of an entry's length, by which an outage may begin before it
LATER = 2  # bins after an entry's end: so many a return takes to be seen
FOREVER = ((float("-inf"), float("inf")),)
GOING_ON = ("suspected", "open")  # and neither over nor on its way back

Ask: TypeAlias = Callable[[int, int], Suppression | None]


class Place(Protocol):
    """Where an outage is: its entity, what is known of where that lies, and its facets."""

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
        """What of it is down."""


class Entry(NamedTuple):
    """What is expected of some entities, from `starts` up to `ends` (Unix seconds). No facets: of all.

    `known`: the spans of event time in which the entry counts, since nobody knew of it before or after.
    """

    entry_id: str
    starts: float
    ends: float
    entities: frozenset[str]
    facets: tuple[tuple[str, str], ...]
    note: str
    known: tuple[tuple[float, float], ...] = FOREVER

    @property
    def early(self) -> float:
        """Seconds by which an outage may begin before the entry: a day begins half a day sooner or later elsewhere."""
        return min(max(SHARE * (self.ends - self.starts), LEAST), MOST)


def current(entries: Iterable[Entry], start: int, end: int) -> list[Entry]:
    """Return the entries that may suppress what the bin from `start` to `end` has to tell, in order of their begin."""
    over = end - LATER * (end - start)
    some = [
        entry
        for entry in entries
        if entry.starts - entry.early <= end and over <= entry.ends and any(a <= end < b for a, b in entry.known)
    ]
    return sorted(some, key=lambda entry: (entry.starts, entry.entry_id))


def suppression(entries: Iterable[Entry], place: Place, began: float) -> Suppression | None:
    """Return the first of these entries that covers an outage which began by then at the latest (Unix seconds)."""
    inside = within(place)
    for entry in entries:
        if began > entry.starts - entry.early and inside & entry.entities and set(entry.facets) <= set(place.facets):
            return Suppression(entry.entry_id, entry.note)
    return None


def within(place: Place) -> set[str]:
    """Return the entities that a place is, or is a part of."""
    kind, _, name = place.entity.partition("/")
    country = place.country or (name[:2] if kind == "region" else None)
    return {
        place.entity,
        *([f"country/{country}"] if country else ()),
        *([f"region/{place.region}"] if place.region else ()),
    }


@dataclass(frozen=True, slots=True)
class Bin:
    """A bin that has just been decided: what the detector knows, what was seen, and how it was scored."""

    desk: Desk
    seen: ClosedBin
    scored: Scored


def apply(now: Bin, changes: Sequence[Change], ask: Ask) -> list[Change]:
    """Put into each change what suppresses it, and add a revision for each outage of which only that has changed.

    `ask`: what suppresses the outage of a row that began at a time at the latest.
    """
    told = [_with(now.desk, change, ask) for change in changes]
    rows = sorted(now.desk.ongoing.keys() - {change.row for change in changes})
    more = [_turned(now, row, ask) for row in rows]
    return told + [change for change in more if change]


def _with(desk: Desk, change: Change, ask: Ask) -> Change:
    """What is over or on its way back when an entry ends stays suppressed: nobody needs to get up for it."""
    found = ask(change.row, change.started_between[1])
    if found is None and change.state not in GOING_ON:
        found = change.suppressed_by
    if change.row in desk.ongoing:
        desk.ongoing[change.row] = replace(desk.ongoing[change.row], suppressed_by=found)
    return replace(change, suppressed_by=found)


def _turned(now: Bin, row: int, ask: Ask) -> Change | None:
    """The next revision of an outage that goes on, if an entry has come to suppress it, or no longer does."""
    old = now.desk.ongoing[row]
    found = ask(row, old.started_to)
    if found == old.suppressed_by or (found is None and old.state not in GOING_ON):
        return None
    reason = "the calendar has it" if found else "the calendar no longer has it"
    now.desk.ongoing[row] = replace(old, revision=old.revision + 1, suppressed_by=found, reason=reason)
    return decide.again(now.desk, row, now.seen, now.scored)
