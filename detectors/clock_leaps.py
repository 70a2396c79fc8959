"""Measurements far ahead of all others: held until others agree on the time, or refuted by the next that does not."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from detectors.types import Floats

Item = TypeVar("Item")
WITNESSES = 5  # how many a held stretch needs when few entities are back


class Claim(NamedTuple, Generic[Item]):
    """An event time (s), who measured, and whatever came with it."""

    ts: float
    who: Hashable
    item: Item


@dataclass(slots=True)
class Doubt(Generic[Item]):
    """One feed's claims that time has leapt.

    A lone clock that runs ahead is refuted by the next measurement in step with the rest, if that is not late itself:
    what a slow clock says is no news. A claim within `lateness` of such a voice was only out of order. After a real
    pause all are ahead: once half of the entities active before it agree (two claims at least), or a stretch of
    `max_step` went by without a voice against it, time moves on to the earliest claim.
    """

    max_step: float
    lateness: float
    held: list[Claim[Item]] = field(default_factory=list)

    def first_voice(self, ts: Floats, newest: float | None) -> int:
        """Index of the first measurement, of those in step in order of arrival, that decides on the claims held.

        `newest`: event time of the feed before them. The length where none decides, or nothing is held.
        """
        if not self.held or newest is None or not len(ts):
            return len(ts)
        before = np.maximum.accumulate(np.concatenate(([newest], ts[:-1])))
        speaks = ts > before - self.lateness
        return int(np.argmax(speaks)) if speaks.any() else len(ts)

    def settle(self, at: float) -> tuple[list[Item], list[Item]]:
        """Hear a voice of this event time: the items that are in order with it, and those that it refutes."""
        believed = [claim.item for claim in self.held if claim.ts <= at + self.lateness]
        refuted = [claim.item for claim in self.held if claim.ts > at + self.lateness]
        self.held.clear()
        return believed, refuted

    def claim(self, claim: Claim[Item], active: int) -> list[Item]:
        """Hear one more claim and return those that are believed now, oldest arrival first.

        `active` is how many entities spoke in the bin closed last.
        """
        self.held.append(claim)
        believed: list[Item] = []
        while self._agreed(active):
            believed += [held.item for held in self._release()]
        return believed

    def confirm(self, newest: float) -> list[Item]:
        """Hear that time has come to `newest` elsewhere and return those that are in step with it."""
        confirmed = [claim.item for claim in self.held if claim.ts <= newest + self.max_step]
        self.held[:] = [claim for claim in self.held if claim.ts > newest + self.max_step]
        return confirmed

    def _agreed(self, active: int) -> bool:
        if len(self.held) < 2:
            return False
        times = [claim.ts for claim in self.held]
        stretch = len(times) >= WITNESSES and max(times) - min(times) >= self.max_step
        return stretch or 2 * len({claim.who for claim in self.held}) >= active

    def _release(self) -> list[Claim[Item]]:
        """Move time to the earliest claim and let in those in step with it."""
        seen = min(claim.ts for claim in self.held)
        released: list[Claim[Item]] = []
        rest: list[Claim[Item]] = []
        for claim in self.held:
            in_step = claim.ts <= seen + self.max_step
            (released if in_step else rest).append(claim)
            seen = max(seen, claim.ts) if in_step else seen
        self.held[:] = rest
        return released
