"""Members of each row: which have been seen, which are up, and which were lost or came back within a bin."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.bins import padded
from detectors.types import Floats

MANY = 50_000  # events of a bin below which none is dropped
MemberEvent = tuple[int, str, float, bool]  # row, member, event time, up


class MemberCounts(NamedTuple):
    """Members up at the end of a bin, members ever seen, and those lost and back in the bin: float64 (rows)."""

    up: Floats
    seen: Floats
    lost: Floats
    back: Floats


class Members:
    """The members of each row and whether they are up, as of the bin closed last.

    >>> members = Members()
    >>> members.add(300, (0, "a", 301.0, True))
    >>> members.add(300, (0, "b", 302.0, False))
    >>> members.close(300, rows=1)
    MemberCounts(up=array([1.]), seen=array([2.]), lost=array([1.]), back=array([0.]))
    """

    def __init__(self) -> None:
        self.events: dict[int, list[MemberEvent]] = {}
        self.size = 0  # members of all rows, without those that are in events only
        self._awaited: set[tuple[int, str]] | None = None  # see `awaited`; None where it has to be counted anew
        self._thinned: dict[int, int] = {}  # events of a bin when they were thinned last
        self.since: dict[int, dict[str, tuple[bool, float]]] = {}  # row: member: (up, time of the newest event)
        self.up = np.zeros(0)
        self.count = np.zeros(0)

    def add(self, start: int, event: MemberEvent) -> None:
        """Keep an event, in order of arrival, until the bin of that start closes.

        A late event belongs to the bin that was open when it arrived.
        """
        self.events.setdefault(start, []).append(event)
        if self._awaited is not None and not self.has(*event[:2]):
            self._awaited.add(event[:2])

    def close(self, start: int, rows: int) -> MemberCounts:
        """Apply the events of a bin in event-time order (equal times: order of arrival) and count.

        Late events correct who was up before the bin; they count as neither a loss nor a return.
        """
        self._awaited = None
        self.up, self.count = padded(self.up, rows), padded(self.count, rows)
        lost, back = np.zeros(rows), np.zeros(rows)
        before: dict[tuple[int, str], bool | None] = {}
        for row, member, ts, up in self._due(start):
            if ts >= start:
                before.setdefault((row, member), self._was_up(row, member, up))
            self._set(row, member, up, ts)
        for (row, member), was_up in before.items():
            is_up = self.since[row][member][0]
            lost[row] += was_up is True and not is_up
            back[row] += was_up is False and is_up
        return MemberCounts(self.up[:rows].copy(), self.count[:rows].copy(), lost, back)

    def thin(self, start: int) -> None:
        """Drop events of an open bin without an effect when they have doubled: memory follows members, not events.

        It is not worth while as long as there are few for each member.
        """
        events = self.events.get(start, [])
        if len(events) > MANY + 2 * max(self._thinned.get(start, 0), 2 * self.size):
            self.events[start] = effective(events, start)
            self._thinned[start] = len(self.events[start])

    def has(self, row: int, member: str) -> bool:
        """Return whether a member of a row is known from closed bins."""
        return member in self.since.get(row, ())

    def awaited(self) -> set[tuple[int, str]]:
        """Return the rows and members of events in open bins that are not known yet."""
        if self._awaited is None:
            pairs = {event[:2] for events in self.events.values() for event in events}
            self._awaited = {pair for pair in pairs if not self.has(*pair)}
        return self._awaited

    def _due(self, start: int) -> list[MemberEvent]:
        """Return the events of this bin, and of earlier ones that never closed, by event time."""
        due = [event for bin_ in sorted(self.events) if bin_ <= start for event in self.events.pop(bin_)]
        self._thinned = {bin_: count for bin_, count in self._thinned.items() if bin_ > start}
        return sorted(due, key=lambda event: event[2])

    def put(self, row: int, members: dict[str, tuple[bool, float]]) -> None:
        """Set the members of a row: name to (up, time of the newest event)."""
        self._awaited = None
        self.up, self.count = padded(self.up, row + 1), padded(self.count, row + 1)
        self.size += len(members) - len(self.since.get(row, ()))
        self.since[row] = members
        self.up[row], self.count[row] = sum(up for up, _ in members.values()), len(members)

    def forget(self, row: int) -> None:
        """Drop all members of a row and their pending events."""
        self._awaited = None
        for start, pending in self.events.items():
            self.events[start] = [event for event in pending if event[0] != row]
        gone = self.since.pop(row, None)
        if gone:
            self.size -= len(gone)
            self.up[row] = self.count[row] = 0.0

    def forget_down(self, row: int, before: int) -> None:
        """Drop the members of a row that are down and have had no event since that time."""
        members = self.since.get(row, {})
        for member in [name for name, (up, at) in members.items() if not up and at < before]:
            del members[member]
            self._awaited = None
            self.size -= 1
            self.count[row] -= 1.0

    def go_back(self, start: int, since: float, until: float) -> None:
        """Go back to the bin of this start (Unix s), which closes next, as the time was false.

        Events until `until` were late and are kept for it; what members showed of later times counts as of `since`.
        """
        kept = [event for bin_ in sorted(self.events) for event in self.events[bin_] if event[2] <= until]
        self.events, self._thinned, self._awaited = ({start: kept} if kept else {}), {}, None
        for members in self.since.values():
            for member in [name for name, (_, at) in members.items() if at > until]:
                members[member] = members[member][0], since

    def _was_up(self, row: int, member: str, up: bool) -> bool | None:
        """Return whether a member was up before its first event of a bin; a new one that goes down was."""
        state = self.since.get(row, {}).get(member)
        if state is None:
            return None if up else True
        return state[0]

    def _set(self, row: int, member: str, up: bool, ts: float) -> None:
        members = self.since.setdefault(row, {})
        was_up, newest = members.get(member, (None, ts))
        if ts < newest:
            return
        members[member] = (up, ts)
        if was_up is None:
            self.size += 1
            self.count[row] += 1.0
        if up != (was_up or False):
            self.up[row] += 1.0 if up else -1.0


def effective(events: list[MemberEvent], start: int) -> list[MemberEvent]:
    """Return the events of a bin that have an effect, in order of arrival.

    Of a member, the first event within the bin says whether it was up before, and the last whether it is up. Of those
    before the bin, which came late, the last counts.
    """
    first, last, late = dict[tuple[int, str], int](), dict[tuple[int, str], int](), dict[tuple[int, str], int]()
    for at in sorted(range(len(events)), key=lambda at: events[at][2]):
        row, member, ts, _ = events[at]
        if ts < start:
            late[row, member] = at
        else:
            first.setdefault((row, member), at)
            last[row, member] = at
    return [events[at] for at in sorted({*first.values(), *last.values(), *late.values()})]
