"""Measurements far ahead of all others: pending until others agree on the time, or the next refutes them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from detectors.types import Floats

Item = TypeVar("Item")
WITNESSES = 5  # messages that a pending stretch needs when few entities are back
ROOM = 1_000  # claims that may wait, beside two of each active entity


class Claim(NamedTuple, Generic[Item]):
    """An event time (s), who measured, the item that came with it, and the offset of the message that had it."""

    ts: float
    who: Hashable
    item: Item
    message: int


@dataclass(slots=True)
class LeapGuard(Generic[Item]):
    """One feed's pending claims that time has leapt. `max_step` and `lateness` in seconds.

    The next measurement in step with the rest refutes a lone clock that runs ahead, unless that measurement is late
    itself: a slow clock is no evidence. A claim within `lateness` of such a measurement was only out of order. After a
    real pause all are ahead: time moves on to the earliest claim once half of the entities active before it agree in
    two messages at least, or once claims of `WITNESSES` messages span `max_step` and nothing has refuted them.
    """

    max_step: float
    lateness: float
    pending: list[Claim[Item]] = field(default_factory=list)
    _who: set[Hashable] = field(default_factory=set)
    _messages: set[int] = field(default_factory=set)
    _span: tuple[float, float] = (math.inf, -math.inf)  # the earliest and the latest claim

    def first_claim(self, ts: Floats, newest: float | None) -> int:
        """Return the index of the first measurement that decides on the pending claims, or the length if none does.

        `ts`: event times (s) in order of arrival, all in step. `newest`: event time of the feed before them.
        """
        if not self.pending or newest is None or not len(ts):
            return len(ts)
        before = np.maximum.accumulate(np.concatenate(([newest], ts[:-1])))
        decides = ts > before - self.lateness
        return int(np.argmax(decides)) if decides.any() else len(ts)

    def settle(self, at: float) -> tuple[list[Item], list[Item]]:
        """Return the items in order with a measurement of this event time, and those that it refutes."""
        believed = [claim.item for claim in self.pending if claim.ts <= at + self.lateness]
        refuted = [claim.item for claim in self.pending if claim.ts > at + self.lateness]
        self.restore([])
        return believed, refuted

    def has_room(self, ts: float, who: Hashable, active: int) -> bool:
        """Return whether another claim may wait: one that says nothing new does not when many do.

        A new entity, or a second earlier or later than all others, is something new.
        """
        earliest, latest = self._span
        is_new = who not in self._who or ts >= latest + 1 or ts <= earliest - 1
        return is_new or len(self.pending) < ROOM + 2 * active

    def restore(self, claims: Iterable[Claim[Item]]) -> None:
        """Replace the pending claims."""
        self.pending[:], self._span = [], (math.inf, -math.inf)
        self._who.clear()
        self._messages.clear()
        for claim in claims:
            self._add(claim)

    def claim(self, claim: Claim[Item], active: int) -> list[Item]:
        """Add a claim and return the items that are believed now, oldest arrival first.

        `active`: how many entities were measured in the bin closed last.
        """
        self._add(claim)
        believed: list[Item] = []
        while self._agreed(active):
            believed += [released.item for released in self._release()]
        return believed

    def confirm(self, newest: float) -> list[Item]:
        """Return the items in step with the event time that the feed has reached elsewhere, and release them."""
        confirmed = [claim.item for claim in self.pending if claim.ts <= newest + self.max_step]
        if confirmed:
            self.restore([claim for claim in self.pending if claim.ts > newest + self.max_step])
        return confirmed

    def _add(self, claim: Claim[Item]) -> None:
        self.pending.append(claim)
        self._who.add(claim.who)
        self._messages.add(claim.message)
        self._span = min(self._span[0], claim.ts), max(self._span[1], claim.ts)

    def _agreed(self, active: int) -> bool:
        if len(self._messages) < 2:
            return False
        stretch = len(self._messages) >= WITNESSES and self._span[1] - self._span[0] >= self.max_step
        return stretch or 2 * len(self._who) >= active

    def _release(self) -> list[Claim[Item]]:
        """Move time to the earliest claim and release those in step with it."""
        newest = min(claim.ts for claim in self.pending)
        released: list[Claim[Item]] = []
        rest: list[Claim[Item]] = []
        for claim in self.pending:
            in_step = claim.ts <= newest + self.max_step
            (released if in_step else rest).append(claim)
            newest = max(newest, claim.ts) if in_step else newest
        self.restore(rest)
        return released
