"""Measurements far ahead of all others: held until others agree on the time, or refuted by the next that does not."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
WITNESSES = 5  # how many a held stretch of two bins needs when few entities are back


class Claim(NamedTuple, Generic[Item]):
    """An event time (s), who measured, and whatever came with it."""

    ts: float
    who: Hashable
    item: Item


@dataclass(slots=True)
class Doubt(Generic[Item]):
    """One feed's claims that time has leapt.

    A lone clock that runs ahead is refuted by the next measurement in step with the rest. After a real pause all are
    ahead: once half of the entities active before it agree (two claims at least), or a stretch of two bins went by
    without a voice against it, time moves on to the earliest claim.
    """

    max_step: float
    width: int
    held: list[Claim[Item]] = field(default_factory=list)

    def refute(self) -> list[Item]:
        """Drop all claims: a measurement in step with the rest spoke against them."""
        refuted = [claim.item for claim in self.held]
        self.held.clear()
        return refuted

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
        stretch = len(times) >= WITNESSES and max(times) - min(times) >= 2 * self.width
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
