"""Whether the time of a feed is false: far ahead of receipt, and has been for long.

Receipt is what the broker stamps, else when the worker reads. No measurement moves time past it. So time is far ahead
of receipt only after the clock of a broker or of a worker was ahead. What comes then is late until real time has caught
up. Time goes back instead once receipts have disagreed with it for `TimeRule.max_step`, in five messages at least, and
more entities measure in step with the receipts than ahead of them: where most are ahead, the clock of receipt is what
is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np

from detectors.clock_agreement import SLOTS, hashes_of, slots_of
from detectors.types import Flags, Floats, Ints
from detectors.watermark import TimeRule

WITNESSES: Final = 5  # messages that disagree at least


def _nobody() -> Flags:
    return np.zeros(SLOTS, dtype=np.bool_)


@dataclass(slots=True)
class FalseLead:
    """What receipts say against the time of one feed, while they do; times in Unix seconds.

    `since`: the first receipt that disagreed, inf while none does. `received`: the newest receipt since. `messages`:
    how many came since. `reached`: the newest event time that a receipt confirms; `front`: the newest that was usable.
    `in_step`, `ahead`: slots of the entities that measured in step with receipts, or ahead of them, shape (`SLOTS`,).
    """

    SCALARS: ClassVar = ("since", "received", "messages", "reached", "front")
    COLUMNS: ClassVar = ("in_step", "ahead")

    rule: TimeRule
    since: float = np.inf
    received: float = -np.inf
    messages: int = 0
    reached: float = -np.inf
    front: float = -np.inf
    in_step: Flags = field(default_factory=_nobody)
    ahead: Flags = field(default_factory=_nobody)

    @property
    def is_open(self) -> bool:
        """Whether receipts disagree with the time at present."""
        return self.since < np.inf

    def is_possible(self, received: Floats | float, newest: float | None) -> bool:
        """Return whether any of these receipts, in order of arrival, may disagree with the time, or has before."""
        reached = -np.inf if newest is None else newest
        if isinstance(received, float):
            return self.is_open or received < reached - self.rule.max_step
        before = np.maximum(np.maximum.accumulate(received), reached)
        return self.is_open or bool((received < before - self.rule.max_step).any())

    def note(self, entity: Ints, ts: Floats, received: float, newest: float) -> bool:
        """Take one message; return whether the feed's time is false. `newest`: the feed's time before it.

        `entity`: a number of who measured, `ts`: event times (Unix s), both of shape (n,).
        """
        if received >= newest - self.rule.max_step:
            self.clear()
            return False
        self.since, self.received = min(self.since, received), max(self.received, received)
        self.messages += 1
        usable = ts <= received + self.rule.max_ahead
        live = usable & (ts >= received - self.rule.max_step - self.rule.lateness)
        slots = slots_of(hashes_of(entity))
        self.in_step[slots[live]] = True
        self.ahead[slots[~usable]] = True
        if usable.any():
            self.reached = max(self.reached, min(received, float(ts[usable].max())))
            self.front = max(self.front, float(ts[usable].max()))
        return self.is_over

    @property
    def is_over(self) -> bool:
        """Whether receipts have disagreed for long enough, and most entities agree with them."""
        is_long = self.messages >= WITNESSES and self.received - self.since >= self.rule.max_step
        return is_long and int(self.in_step.sum()) > int(self.ahead.sum())

    def clear(self) -> None:
        """Forget what receipts said, since time and receipts agree."""
        if self.is_open:
            fresh = FalseLead(self.rule)
            for name in (*self.SCALARS, *self.COLUMNS):
                setattr(self, name, getattr(fresh, name))

    def stored(self) -> dict[str, Any]:
        """Return the state as plain values; nothing while there is none."""
        if not self.is_open:
            return {}
        scalars = {name: value for name in self.SCALARS if (value := getattr(self, name)) != -np.inf}
        return scalars | {name: np.flatnonzero(getattr(self, name)).tolist() for name in self.COLUMNS}

    def restore(self, stored: dict[str, Any]) -> None:
        """Continue from what `stored` returned."""
        for name in self.SCALARS:
            setattr(self, name, stored.get(name, getattr(self, name)))
        for name in self.COLUMNS:
            getattr(self, name)[stored.get(name, [])] = True
