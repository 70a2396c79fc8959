"""Since when each entity of a feed has measured late: tells, once a time has proved false, which bins it closed early.

Example: a clock that is ahead closes the bin of 12:00 at 12:01. What a network measured at 12:02 is late, and so is all
that follows. Its run of late measurements starts at 12:02.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from detectors.clock_agreement import SLOTS, hashes_of, slots_of
from detectors.types import Flags, Floats, Ints

SHARE: Final = 0.1  # of the entities may have been late before the time was false


class LateRuns:
    """Of one feed. `first`: event time of the first of an entity's late measurements in a row (Unix s), inf for none.

    By slot, shape (`SLOTS`,).
    """

    def __init__(self) -> None:
        self.first: Floats = np.full(SLOTS, np.inf)
        self._any = False

    def note(self, entity: Ints, ts: Floats, late: Flags) -> None:
        """Take measurements in order of arrival, columns of shape (n,)."""
        slots, order = slots_of(hashes_of(entity)), np.arange(len(ts))
        on_time = np.full(SLOTS, -1)
        on_time[slots[~late]] = order[~late]
        self.first[on_time >= 0] = np.inf
        begins = np.flatnonzero(late & (order > on_time[slots]))[::-1]
        new = np.full(SLOTS, np.inf)
        new[slots[begins]] = ts[begins]
        self.first = np.where(np.isinf(self.first), new, self.first)
        self._any = bool(np.isfinite(self.first).any())

    def concerns(self, late: Flags) -> bool:
        """Return whether `note` would change anything."""
        return self._any or bool(late.any())

    def began(self, chosen: Flags, otherwise: float) -> float:
        """Return since when (Unix s) all but a tenth of the chosen slots that are late have been; `otherwise` if none.

        The tenth that has been late for longest is left out: some always are.
        """
        runs = np.sort(self.first[chosen & np.isfinite(self.first)])
        return float(runs[int(SHARE * len(runs))]) if len(runs) else otherwise

    def clear(self) -> None:
        """Forget all runs."""
        self.first, self._any = np.full(SLOTS, np.inf), False

    def stored(self) -> list[list[Any]]:
        """Return the state as plain values; nothing while no entity is late."""
        slots = np.flatnonzero(np.isfinite(self.first))
        return [slots.tolist(), self.first[slots].tolist()] if self._any else []

    def restore(self, stored: list[list[Any]]) -> None:
        """Continue from what `stored` returned."""
        if stored:
            self.first[np.array(stored[0], dtype=np.int64)] = stored[1]
            self._any = True
