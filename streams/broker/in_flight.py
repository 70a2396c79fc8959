"""Tracks the batches of one partition: which are delivered and acknowledged, and which offset may be committed."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from streams.broker.batch_topic import RecordBatch


class BatchEnvelope(Protocol):
    """The part of Faust's message around a batch that is used here."""

    @property
    def value(self) -> RecordBatch:
        """The batch."""

    @property
    def acked(self) -> bool:
        """Whether every agent has acknowledged it."""

    @property
    def tracked(self) -> bool:
        """Whether an agent has taken it out of its queue."""


class InFlight:
    """Batches of one partition from their fetch to their acknowledgement, in offset order.

    The messages themselves are kept, not their offsets: an acknowledgement of the same offset that was read before a
    seek or a rebalance counts for the older message only, and never for the batch that is in flight now.
    """

    def __init__(self) -> None:
        self._messages: deque[BatchEnvelope] = deque()
        self._committable: int | None = None

    def __len__(self) -> int:
        """Number of batches that are not yet known to be committable."""
        return len(self._messages)

    def add(self, message: BatchEnvelope) -> None:
        """Append a batch that has just been fetched."""
        self._messages.append(message)

    def void(self) -> None:
        """Mark all batches as void: those not yet taken must be ignored."""
        for message in self._messages:
            message.value.is_void = True

    def committable(self) -> int | None:
        """Return the offset to commit: behind the acknowledged run from the first batch on; None without one."""
        while self._messages and self._messages[0].acked:
            self._committable = self._messages.popleft().value.offset + 1
        return self._committable

    def first_untaken(self) -> int | None:
        """Return the first offset that no agent has taken yet; None when all batches were taken."""
        first = None
        for message in reversed(self._messages):
            if message.tracked:
                break
            first = message.value.first_offset
        return first
