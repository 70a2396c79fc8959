"""The table of the snapshots: its changes are awaited, so that a broker that refuses one is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, NamedTuple

import faust


class _Change(NamedTuple):
    partition: int | None
    key: bytes
    value: bytes | None


class SnapshotTable(faust.Table):  # type: ignore[misc]
    """Faust's table of bytes, whose changes go to the changelog with `deliver` and not by themselves.

    Faust sends a change without waiting: of one that the broker refuses only a line in the log would remain.
    `is_head`: whether the record of a key makes the rows before it valid. It is sent once the broker has these: it may
    refuse a row and accept the head that names it, and no worker could read such a snapshot.
    """

    is_head: Callable[[bytes], bool] = staticmethod(lambda _: False)

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        self._changes: list[_Change] = []

    def on_key_set(self, key: bytes, value: bytes) -> None:
        """Note a row to write."""
        self._changes.append(_Change(self.partition_for_key(key), key, value))

    def on_key_del(self, key: bytes) -> None:
        """Note a row to delete."""
        self._changes.append(_Change(self.partition_for_key(key), key, None))

    async def deliver(self, is_ours: Callable[[], bool]) -> bool:
        """Send all changes so far: rows, their head, deletions, each when the broker has those before.

        Return False, and send nothing more, once the partition is another's. Raises the broker's KafkaError.
        """
        changes, self._changes = self._changes, []
        for _, part in groupby(changes, lambda change: self.is_head(change.key)):
            if not is_ours():
                return False
            await self._deliver(part)
        return True

    async def _deliver(self, changes: Iterable[_Change]) -> None:
        sent = [await self._send(*change) for change in changes]
        if sent:
            await asyncio.wait(sent)  # unlike `gather`, it does not cancel what is on its way when the worker ends
        for delivery in sent:
            delivery.result()

    async def _send(self, partition: int | None, key: bytes, value: bytes | None) -> Any:  # noqa: ANN401
        raw = {"key_serializer": "raw", "value_serializer": "raw"}
        return await self.changelog_topic.send(key=key, value=value, partition=partition, force=True, **raw)
