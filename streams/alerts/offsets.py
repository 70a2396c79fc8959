"""How far a partition may be committed: up to the oldest message that is not settled yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from streams.alerts.delivery import Origin

Part: TypeAlias = tuple[str, int]


@dataclass(slots=True)
class Offsets:
    """Of each partition: the next message, and of each message that is not settled, how many receivers it waits for."""

    following: dict[Part, int] = field(default_factory=dict)
    waiting: dict[Part, dict[int, int]] = field(default_factory=dict)

    def took(self, origin: Origin, receivers: int) -> None:
        """Note a message that so many receivers are to be told of."""
        part = (origin.topic, origin.partition)
        self.following[part] = origin.offset + 1
        if receivers:
            self.waiting.setdefault(part, {})[origin.offset] = receivers

    def settle(self, origin: Origin) -> None:
        """Note that one receiver is done with a message; of one that is not known here, nothing follows."""
        waiting = self.waiting.get((origin.topic, origin.partition), {})
        left = waiting.get(origin.offset, 0) - 1
        if left > 0:
            waiting[origin.offset] = left
        else:
            waiting.pop(origin.offset, None)

    def settled(self) -> dict[Part, int]:
        """Return up to which offset each partition is settled; that one is not included."""
        return {part: min(self.waiting.get(part) or (end,)) for part, end in self.following.items()}

    def begin(self, starts: Mapping[Part, int]) -> None:
        """Begin again, with other partitions, at these offsets."""
        self.following = dict(starts)
        self.waiting.clear()
