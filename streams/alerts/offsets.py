"""Up to which offset each partition may be committed: the oldest record that is not settled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from streams.alerts.delivery_types import RecordLocation

Part: TypeAlias = tuple[str, int]


@dataclass(slots=True)
class Offsets:
    """For each partition, `following`: the next offset; `waiting`: the receivers of each unsettled record."""

    following: dict[Part, int] = field(default_factory=dict)
    waiting: dict[Part, dict[int, set[str]]] = field(default_factory=dict)

    def restart(self, starts: Mapping[Part, int]) -> None:
        """Start again, with these partitions and offsets."""
        self.following = dict(starts)
        self.waiting.clear()

    def add(self, location: RecordLocation, receivers: Iterable[str]) -> None:
        """Add a record that these receivers get."""
        part = (location.topic, location.partition)
        self.following[part] = location.offset + 1
        if names := set(receivers):
            self.waiting.setdefault(part, {})[location.offset] = names

    def settle(self, location: RecordLocation, receiver: str) -> None:
        """Settle a record for a receiver. Records of partitions that moved away, and settled ones, are ignored."""
        waiting = self.waiting.get((location.topic, location.partition), {})
        names = waiting.get(location.offset, set())
        names.discard(receiver)
        if not names:
            waiting.pop(location.offset, None)

    def settled(self) -> dict[Part, int]:
        """Return for each partition the first offset that is not settled."""
        return {part: min(self.waiting.get(part) or (end,)) for part, end in self.following.items()}
