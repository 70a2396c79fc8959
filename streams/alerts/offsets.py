"""How far a partition may be committed: up to the oldest message that is not settled yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from streams.alerts.delivery_types import Origin

Part: TypeAlias = tuple[str, int]


@dataclass(slots=True)
class Offsets:
    """Of each partition: the next message, and of each message that is not settled, which receivers it waits for."""

    following: dict[Part, int] = field(default_factory=dict)
    waiting: dict[Part, dict[int, set[str]]] = field(default_factory=dict)

    def took(self, origin: Origin, receivers: Iterable[str]) -> None:
        """Note a message that these receivers are to be told of."""
        part = (origin.topic, origin.partition)
        self.following[part] = origin.offset + 1
        if names := set(receivers):
            self.waiting.setdefault(part, {})[origin.offset] = names

    def settle(self, origin: Origin, receiver: str) -> None:
        """Note that a receiver is done with a message, be it twice, or with one that is not known here."""
        waiting = self.waiting.get((origin.topic, origin.partition), {})
        names = waiting.get(origin.offset, set())
        names.discard(receiver)
        if not names:
            waiting.pop(origin.offset, None)

    def settled(self) -> dict[Part, int]:
        """Return up to which offset each partition is settled; that one is not included."""
        return {part: min(self.waiting.get(part) or (end,)) for part, end in self.following.items()}

    def begin(self, starts: Mapping[Part, int]) -> None:
        """Begin again, with other partitions, at these offsets."""
        self.following = dict(starts)
        self.waiting.clear()
