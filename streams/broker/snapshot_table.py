"""The table of the snapshots: its changes are awaited, so that a broker that refuses one is noticed."""

from __future__ import annotations

import asyncio
from typing import Any

import faust


class SnapshotTable(faust.Table):  # type: ignore[misc]
    """Faust's table of bytes, whose changes go to the changelog with `deliver` and not by themselves.

    Faust sends a change without waiting: of one that the broker refuses only a line in the log would remain.
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        self._changes: list[tuple[int | None, bytes, bytes | None]] = []

    def on_key_set(self, key: bytes, value: bytes) -> None:
        """Note a row to write."""
        self._changes.append((self.partition_for_key(key), key, value))

    def on_key_del(self, key: bytes) -> None:
        """Note a row to delete."""
        self._changes.append((self.partition_for_key(key), key, None))

    async def deliver(self) -> None:
        """Send all changes so far, in order, and wait until the broker has them. Raises its KafkaError."""
        changes, self._changes = self._changes, []
        sent = [await self._send(*change) for change in changes]
        if sent:
            await asyncio.wait(sent)  # unlike `gather`, it does not cancel what is on its way when the worker ends
        for delivery in sent:
            delivery.result()

    async def _send(self, partition: int | None, key: bytes, value: bytes | None) -> Any:  # noqa: ANN401
        raw = {"key_serializer": "raw", "value_serializer": "raw"}
        return await self.changelog_topic.send(key=key, value=value, partition=partition, force=True, **raw)
