"""Routing beacons of RIPE RIS: prefixes that are announced and withdrawn by the clock, so that silence shows a fault.

They are announced at 00:00, 04:00, 08:00, 12:00, 16:00 and 20:00 UTC, and withdrawn two hours later
(https://ris.ripe.net/docs/routing-beacons). A stream that has had events of beacons and has none a while after such a
time is deaf, though other messages may come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from streams.sources.bgp_update import RouteChange
from streams.sources.ris_messages import prefix_of

EVERY: Final = 7200  # seconds from an announcement to a withdrawal, and on to the next announcement


@dataclass(slots=True)
class BeaconWatch:
    """Events of beacons on a connection. `seen_at`: the newest, in Unix seconds; None before the first."""

    patience: float
    prefixes: frozenset[bytes]
    seen_at: float | None = None
    _families: tuple[int, ...] = field(default=(0, 1))

    @classmethod
    def of(cls, texts: Iterable[str], patience: float) -> BeaconWatch:
        """Return the watch over prefixes. `patience`: seconds after the time of an event. Raises ValueError."""
        return cls(patience, frozenset(map(prefix_of, texts)))

    def see(self, change: RouteChange) -> None:
        """Note whether a change is of a beacon."""
        for family in self._families:
            for prefixes in (change.announced[family], change.withdrawn[family]):
                if prefixes and not self.prefixes.isdisjoint(prefixes):
                    self.seen_at = change.ts

    def missed(self, ts: float) -> int | None:
        """Return the time of the newest event that should have come by a time, and did not; None when all is well."""
        due = int((ts - self.patience) // EVERY) * EVERY
        return due if self.seen_at is not None and self.seen_at < due else None
