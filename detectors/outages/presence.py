"""Members that come and go: who is known, who is up, and who was lost or came back within a bin."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.bins import padded
from detectors.types import Floats

Event = tuple[int, str, float, bool]  # row, member, event time, up


class Presence(NamedTuple):
    """Members up at the end of a bin, members known, and those lost and back in it: an element per row."""

    up: Floats
    known: Floats
    lost: Floats
    back: Floats


class Members:
    """Who is known of each row and whether they are up, as of the bin closed last.

    >>> members = Members()
    >>> members.add(300, (0, "a", 301.0, True))
    >>> members.add(300, (0, "b", 302.0, False))
    >>> members.close(300, rows=1)
    Presence(up=array([1.]), known=array([2.]), lost=array([1.]), back=array([0.]))
    """

    def __init__(self) -> None:
        self.events: dict[int, list[Event]] = {}
        self.since: dict[int, dict[str, tuple[bool, float]]] = {}  # row: member: (up, time of the newest event)
        self.up = np.zeros(0)
        self.known = np.zeros(0)

    def add(self, start: int, event: Event) -> None:
        """Hold an event, in order of arrival, until the bin of that start closes.

        One that came after its own bin had closed is held for a bin that is still open.
        """
        self.events.setdefault(start, []).append(event)

    def close(self, start: int, rows: int) -> Presence:
        """Apply the events of a bin in event-time order (equal times: order of arrival) and count.

        Late ones only put right who was up before the bin; they are nobody's loss or return.
        """
        self.up, self.known = padded(self.up, rows), padded(self.known, rows)
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
        return Presence(self.up[:rows].copy(), self.known[:rows].copy(), lost, back)

    def _due(self, start: int) -> list[Event]:
        """What is held for this bin, and for earlier ones that never closed, by event time."""
        held = [event for bin_ in sorted(self.events) if bin_ <= start for event in self.events.pop(bin_)]
        return sorted(held, key=lambda event: event[2])

    def put(self, row: int, known: dict[str, tuple[bool, float]]) -> None:
        """Set who is known of a row: member to (up, time of its newest event)."""
        self.up, self.known = padded(self.up, row + 1), padded(self.known, row + 1)
        self.since[row] = known
        self.up[row], self.known[row] = sum(up for up, _ in known.values()), len(known)

    def forget(self, row: int) -> None:
        """Drop all members of a row, and what is held of them."""
        for start, held in self.events.items():
            self.events[start] = [event for event in held if event[0] != row]
        if self.since.pop(row, None):
            self.up[row] = self.known[row] = 0.0

    def forget_down(self, row: int, before: int) -> None:
        """Drop the members of a row that are down and have not been heard of since that time."""
        known = self.since.get(row, {})
        for member in [m for m, (up, at) in known.items() if not up and at < before]:
            del known[member]
            self.known[row] -= 1.0

    def _was_up(self, row: int, member: str, up: bool) -> bool | None:
        """Whether a member was up before its first event of a bin: one that goes down must have been; else unknown."""
        state = self.since.get(row, {}).get(member)
        if state is None:
            return None if up else True
        return state[0]

    def _set(self, row: int, member: str, up: bool, ts: float) -> None:
        known = self.since.setdefault(row, {})
        was_up, newest = known.get(member, (None, ts))
        if ts < newest:
            return
        known[member] = (up, ts)
        self.known[row] += was_up is None
        self.up[row] += int(up) - int(was_up or False)
